//! The IDX format of MNIST and its likes: images and labels as unsigned bytes.
//!
//! An IDX file has two zero bytes, a byte for the type (8: unsigned bytes), a byte for the number of dimensions,
//! each dimension as a big-endian 32-bit number, and then the values. Files may be compressed by gzip; that is
//! seen by their first bytes, not by their name. Format: Y. `LeCun`, C. Cortes, C. J. C. Burges, *The MNIST database
//! of handwritten digits*, <http://yann.lecun.com/exdb/mnist/>.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::dataset::{Dataset, Inputs, Split, hex};
use crate::error::{Error, Result};
use crate::registry::Entry;

/// The files of a dataset of images in IDX: stem and dimensions.
pub(crate) const PARTS: [(&str, usize); 4] =
    [("train-images", 3), ("train-labels", 1), ("t10k-images", 3), ("t10k-labels", 1)];

/// Unsigned bytes with their dimensions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Array {
    pub(crate) dimensions: Vec<usize>,
    pub(crate) values: Vec<u8>,
}

/// The names that a file may have: two spellings, plain before compressed, which takes longer to read.
fn spellings(stem: &str, dimensions: usize) -> [String; 4] {
    [
        format!("{stem}-idx{dimensions}-ubyte"),
        format!("{stem}.idx{dimensions}-ubyte"),
        format!("{stem}-idx{dimensions}-ubyte.gz"),
        format!("{stem}.idx{dimensions}-ubyte.gz"),
    ]
}

fn find(folder: &Path, stem: &str, dimensions: usize) -> Option<PathBuf> {
    spellings(stem, dimensions)
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// What a folder lacks for a dataset of images whose first test labels are `first`.
///
/// MNIST and its successors have the same file names and lengths, so only the values tell them apart. Labels that
/// cannot be read are left to the loader, which says why.
pub(crate) fn missing(folder: &Path, first: &[u8]) -> Vec<String> {
    let files: Vec<String> = PARTS
        .iter()
        .filter(|(stem, dimensions)| find(folder, stem, *dimensions).is_none())
        .map(|(stem, dimensions)| format!("{stem}-idx{dimensions}-ubyte[.gz]"))
        .collect();
    if !files.is_empty() {
        return files;
    }
    match read(folder, "t10k-labels", 1) {
        Ok((labels, _)) if !labels.values.starts_with(first) => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            vec![format!("test labels that begin with {}", first.join(" "))]
        }
        _ => Vec::new(),
    }
}

/// Unpacks what begins like gzip; leaves the rest alone.
pub(crate) fn unpacked(bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes.as_slice())
        .read_to_end(&mut plain)
        .map_err(|source| Error::Gzip { path: path.to_owned(), source })?;
    Ok(plain)
}

/// Reads bytes in IDX that came from `path`.
pub(crate) fn parse(bytes: Vec<u8>, path: &Path, dimensions: usize) -> Result<Array> {
    let mut values = unpacked(bytes, path)?;
    let found = values.len() as u64;
    let truncated = |expected: u64| Error::WrongLength { path: path.to_owned(), found, expected };
    let Some(magic) = values.first_chunk::<4>().copied() else {
        return Err(truncated(4 + 4 * dimensions as u64));
    };
    if magic[..3] != [0, 0, 8] {
        let found = magic.map(|byte| hex(&[byte])).join(" ");
        return Err(Error::WrongMagic { path: path.to_owned(), found });
    }
    if usize::from(magic[3]) != dimensions {
        let found = usize::from(magic[3]);
        return Err(Error::WrongDimensions { path: path.to_owned(), found, expected: dimensions });
    }
    let header = 4 + 4 * dimensions;
    let Some(lengths) = values.get(4..header) else {
        return Err(truncated(header as u64));
    };
    let lengths: Vec<u64> = lengths
        .as_chunks::<4>()
        .0
        .iter()
        .map(|length| u64::from(u32::from_be_bytes(*length)))
        .collect();
    let expected = lengths
        .iter()
        .try_fold(1_u64, |product, length| product.checked_mul(*length))
        .and_then(|product| product.checked_add(header as u64))
        .unwrap_or(u64::MAX);
    if expected != found {
        return Err(truncated(expected));
    }
    values.drain(..header);
    Ok(Array { dimensions: lengths.into_iter().map(|length| length as usize).collect(), values })
}

/// Joins images and labels that were read from `images_path` and `labels_path`.
pub(crate) fn join(
    images: &Array,
    images_path: &Path,
    labels: &Array,
    labels_path: &Path,
    classes: usize,
) -> Result<Vec<u32>> {
    let (images, count) = (images.dimensions.first().copied().unwrap_or(0), labels.values.len());
    if images != count {
        return Err(Error::CountMismatch {
            images_path: images_path.to_owned(),
            images,
            labels_path: labels_path.to_owned(),
            labels: count,
        });
    }
    if let Some(index) = labels.values.iter().position(|label| usize::from(*label) >= classes) {
        let label = u32::from(labels.values[index]);
        return Err(Error::LabelOutOfRange { path: labels_path.to_owned(), index, label, classes });
    }
    Ok(labels.values.iter().map(|label| u32::from(*label)).collect())
}

fn read(folder: &Path, stem: &str, dimensions: usize) -> Result<(Array, PathBuf)> {
    let path = find(folder, stem, dimensions)
        .unwrap_or_else(|| folder.join(format!("{stem}-idx{dimensions}-ubyte")));
    let bytes = fs::read(&path).map_err(|source| Error::Io {
        action: "read",
        path: path.clone(),
        source,
    })?;
    Ok((parse(bytes, &path, dimensions)?, path))
}

fn read_split(folder: &Path, stem: &str, shape: &[usize], classes: usize) -> Result<Split> {
    let (images, images_path) = read(folder, &format!("{stem}-images"), 3)?;
    let (labels, labels_path) = read(folder, &format!("{stem}-labels"), 1)?;
    let labels = join(&images, &images_path, &labels, &labels_path, classes)?;
    if images.dimensions.get(1..) != shape.get(1..) {
        return Err(Error::Inconsistent {
            name: images_path.display().to_string(),
            problem: format!(
                "images of {:?} where {:?} are needed",
                images.dimensions.get(1..).unwrap_or_default(),
                shape.get(1..).unwrap_or_default()
            ),
        });
    }
    Split::new(Inputs::Bytes(images.values), labels)
}

/// Loads a registered dataset of images from a folder with its four files.
pub(crate) fn load(entry: &Entry, folder: &Path) -> Result<Dataset> {
    let train = read_split(folder, "train", entry.shape, entry.classes.len())?;
    let test = read_split(folder, "t10k", entry.shape, entry.classes.len())?;
    entry.dataset(train, Some(test))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn encode(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
        bytes.extend(dimensions.iter().flat_map(|length| length.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn images() -> Vec<u8> {
        encode(&[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    }

    fn problem(bytes: Vec<u8>, dimensions: usize) -> String {
        parse(bytes, Path::new("some/file"), dimensions).unwrap_err().to_string()
    }

    #[test]
    fn plain_and_gzip_are_the_same() {
        let plain = parse(images(), Path::new("x"), 3).unwrap();
        assert_eq!(plain.dimensions, [2, 2, 3]);
        assert_eq!(plain.values, (1..=12).collect::<Vec<u8>>());
        assert_eq!(parse(gzip(&images()), Path::new("x"), 3).unwrap(), plain);
    }

    #[test]
    fn truncated_files_are_refused_with_their_name() {
        let whole = images();
        for len in 0..whole.len() {
            let message = problem(whole[..len].to_vec(), 3);
            assert!(message.starts_with("some/file holds"), "{len}: {message}");
        }
        let mut longer = whole;
        longer.push(0);
        assert_eq!(
            problem(longer, 3),
            "some/file holds 29 bytes where 28 are needed: fetch it again"
        );
        assert!(problem(encode(&[u32::MAX; 3], &[]), 3).contains("are needed"));
    }

    #[test]
    fn truncated_and_damaged_gzip_is_refused() {
        let whole = gzip(&images());
        for len in 2..whole.len() {
            let message = problem(whole[..len].to_vec(), 3);
            assert!(message.starts_with("some/file is a truncated or damaged gzip"), "{message}");
        }
        let mut damaged = whole;
        let sum = damaged.len() - 6;
        damaged[sum] ^= 1;
        assert!(problem(damaged, 3).contains("damaged gzip"));
    }

    #[test]
    fn wrong_magic_and_dimensions_are_refused() {
        assert_eq!(
            problem(b"<html>not found</html>".to_vec(), 3),
            "some/file is not an IDX file of unsigned bytes: it begins with 3c 68 74 6d, \
             not 00 00 08; is it another file under this name?"
        );
        assert!(problem(vec![0, 0, 0x0d, 1, 0, 0, 0, 0], 1).contains("00 00 0d 01"));
        assert!(problem(encode(&[2], &[0, 1]), 3).contains("has 1 dimensions where 3"));
        assert!(problem(images(), 1).contains("swapped"));
    }

    #[test]
    fn labels_must_match_their_images() {
        let (images_path, labels_path) = (Path::new("images"), Path::new("labels"));
        let images = parse(images(), images_path, 3).unwrap();
        let joined = |labels: &[u8]| {
            let labels = parse(encode(&[labels.len() as u32], labels), labels_path, 1).unwrap();
            join(&images, images_path, &labels, labels_path, 10)
        };
        assert_eq!(joined(&[9, 0]).unwrap(), [9, 0]);
        assert_eq!(
            joined(&[1, 2, 3]).unwrap_err().to_string(),
            "images has 2 images and labels has 3 labels: they are from different sets"
        );
        assert_eq!(
            joined(&[1, 10]).unwrap_err().to_string(),
            "labels: label 10 of example 1 (counted from 0) is not below 10, the number of classes"
        );
    }

    #[test]
    fn every_spelling_is_found() {
        for spelling in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(missing(folder.path(), &[3, 4]).len(), 4);
            let mut entry = crate::registry::find("mnist").unwrap().clone();
            entry.shape = &[1, 2, 3];
            entry.train_len = 2;
            entry.test_len = 2;
            for (stem, dimensions) in PARTS {
                let name = &spellings(stem, dimensions)[spelling];
                let bytes = if dimensions == 3 { images() } else { encode(&[2], &[3, 4]) };
                let bytes = if spelling >= 2 { gzip(&bytes) } else { bytes };
                fs::write(folder.path().join(name), bytes).unwrap();
            }
            assert_eq!(missing(folder.path(), &[3, 4]), Vec::<String>::new());
            assert_eq!(missing(folder.path(), &[9]), ["test labels that begin with 9"]);
            let dataset = load(&entry, folder.path()).unwrap();
            assert_eq!(dataset.train().labels(), [3, 4]);
            assert_eq!(dataset.test().unwrap().len(), 2);

            let wrong = encode(&[2, 3, 2], &[0; 12]);
            for old in spellings("t10k-images", 3) {
                drop(fs::remove_file(folder.path().join(old)));
            }
            assert_eq!(missing(folder.path(), &[3, 4]), ["t10k-images-idx3-ubyte[.gz]"]);
            assert!(load(&entry, folder.path()).unwrap_err().to_string().contains("cannot read"));
            fs::write(folder.path().join("t10k-images-idx3-ubyte"), wrong).unwrap();
            let message = load(&entry, folder.path()).unwrap_err().to_string();
            assert!(message.contains("[3, 2] where [2, 3]"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(
            count in 1_u32..5, height in 1_u32..5, width in 1_u32..5,
            seed in any::<u8>(), compress in any::<bool>(),
        ) {
            let values: Vec<u8> =
                (0..count * height * width).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
            let bytes = encode(&[count, height, width], &values);
            let bytes = if compress { gzip(&bytes) } else { bytes };
            let array = parse(bytes, Path::new("x"), 3).unwrap();
            prop_assert_eq!(array.values, values);
            prop_assert_eq!(array.dimensions, [count as usize, height as usize, width as usize]);
        }

        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            drop(parse(bytes.clone(), Path::new("x"), 3));
            let mut idx = vec![0, 0, 8, 1];
            idx.extend(bytes);
            drop(parse(idx, Path::new("x"), 1));
        }
    }
}
