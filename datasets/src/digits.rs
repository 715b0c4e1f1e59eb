//! Handwritten digits of 8 x 8 pixels, part of the program.
//!
//! Each pixel counts the inked points of a 4 x 4 block, 0 to 16; a model sees that number divided by 16. Source:
//! E. Alpaydin, C. Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository,
//! <https://doi.org/10.24432/C50P49>, CC BY 4.0. `data/README.md` says how the embedded files were made.

use std::path::Path;

use crate::dataset::{Dataset, Inputs, Split};
use crate::error::Result;
use crate::idx;
use crate::registry::{Entry, Origin};

const IMAGES: &[u8] = include_bytes!("../data/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../data/digits-labels-idx1-ubyte.gz");

/// The row of the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "digits",
    summary: "1,797 handwritten digits of 8 x 8 pixels, part of the program",
    license: "CC BY 4.0",
    source: "E. Alpaydin, C. Kaynak (1998). Optical Recognition of Handwritten Digits. \
             UCI Machine Learning Repository. https://doi.org/10.24432/C50P49",
    shape: &[1, 8, 8],
    classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    train_len: 1797,
    test_len: 0,
    files: &[],
    default_dirs: &[],
    origin: Origin::Embedded { load },
};

fn load() -> Result<Dataset> {
    let (images_path, labels_path) =
        (Path::new("the embedded digits images"), Path::new("the embedded digits labels"));
    let images = idx::parse(IMAGES.to_vec(), images_path, 3)?;
    let labels = idx::parse(LABELS.to_vec(), labels_path, 1)?;
    let labels = idx::join(&images, images_path, &labels, labels_path, ENTRY.classes.len())?;
    let inputs = images.values.iter().map(|count| f32::from(*count) / 16.0).collect();
    ENTRY.dataset(Split::new(Inputs::Floats(inputs), labels)?, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Counted in the CSV file of scikit-learn, by other means than this loader.
    #[test]
    fn the_embedded_files_hold_the_digits() {
        let dataset = load().unwrap();
        let train = dataset.train();
        let mut counts = [0; 10];
        for label in train.labels() {
            counts[*label as usize] += 1;
        }
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let mut image = [0.0_f32; 64];
        let (mut sum, mut largest) = (0.0, 0.0_f32);
        for index in 0..train.len() {
            train.copy_example(index, &mut image);
            sum += image.iter().map(|value| f64::from(*value) * 16.0).sum::<f64>();
            largest = image.iter().fold(largest, |a, b| a.max(*b));
        }
        assert_eq!((sum, largest), (561_718.0, 1.0));
        train.copy_example(0, &mut image);
        let row: Vec<f32> = image[8..16].iter().map(|value| value * 16.0).collect();
        assert_eq!(row, [0.0, 0.0, 13.0, 15.0, 10.0, 15.0, 5.0, 0.0]);
        assert_eq!(train.labels()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    }
}
