//! Fashion-MNIST: pictures of clothes of 28 x 28 pixels, in IDX under the same file names as MNIST.
//!
//! Source: H. Xiao, K. Rasul, R. Vollgraf (2017), *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
//! Learning Algorithms*, <https://arxiv.org/abs/1708.07747>. The Debian package `dataset-fashion-mnist` holds the
//! same files with another gzip header (without name), so with other checksums.

use std::path::Path;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::idx;
use crate::registry::{Entry, Origin, RemoteFile};

/// The row of the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "fashion_mnist",
    summary: "70,000 pictures of clothes of 28 x 28 pixels, harder than MNIST",
    license: "MIT",
    source: "H. Xiao, K. Rasul, R. Vollgraf (2017). Fashion-MNIST: a Novel Image Dataset for \
             Benchmarking Machine Learning Algorithms. https://arxiv.org/abs/1708.07747",
    shape: &[1, 28, 28],
    classes: &[
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    train_len: 60_000,
    test_len: 10_000,
    files: &[
        RemoteFile {
            name: "train-images-idx3-ubyte.gz",
            url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
            sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            bytes: 26_421_880,
        },
        RemoteFile {
            name: "train-labels-idx1-ubyte.gz",
            url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz",
            sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            bytes: 29_515,
        },
        RemoteFile {
            name: "t10k-images-idx3-ubyte.gz",
            url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz",
            sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            bytes: 4_422_102,
        },
        RemoteFile {
            name: "t10k-labels-idx1-ubyte.gz",
            url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
            sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            bytes: 5_148,
        },
    ],
    default_dirs: &["/usr/share/datasets/fashion-mnist"],
    origin: Origin::Folder { missing, load, unpack: None },
};

/// The first test labels.
const FIRST: [u8; 10] = [9, 2, 1, 1, 6, 1, 4, 6, 5, 7];

fn missing(folder: &Path) -> Vec<String> {
    idx::missing(folder, &FIRST)
}

fn load(folder: &Path) -> Result<Dataset> {
    idx::load(&ENTRY, folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The values are those of the Debian package, read by Python.
    #[test]
    fn the_installed_files_are_fashion_mnist_and_not_mnist() {
        let Some(folder) = ENTRY.locate(None) else {
            println!("skipped: install dataset-fashion-mnist to run this");
            return;
        };
        let dataset = load(&folder).unwrap();
        let mut image = [0.0; 784];
        dataset.train().copy_example(0, &mut image);
        let sum: f64 = image.iter().map(|value| f64::from(*value)).sum();
        assert!((sum - 76_247.0 / 255.0).abs() < 1e-3, "{}", sum * 255.0);
        assert_eq!(dataset.train().labels()[..8], [9, 0, 0, 3, 0, 2, 7, 2]);
        for class in 0..10 {
            let count = dataset.train().labels().iter().filter(|label| **label == class).count();
            assert_eq!(count, 6000);
        }
        let mnist = crate::find("mnist").unwrap();
        assert_eq!(mnist.missing(&folder), ["test labels that begin with 7 2 1 0 4 1 4 9 5 9"]);
    }
}
