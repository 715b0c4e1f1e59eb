//! CIFAR-10: photographs of 32 x 32 pixels in color.
//!
//! The binary version: records of one byte for the label and 3 x 1,024 bytes for the red, green and blue planes,
//! row by row. Source: A. Krizhevsky (2009), *Learning Multiple Layers of Features from Tiny Images*,
//! <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::dataset::{Dataset, Inputs, Split};
use crate::error::{Error, Result};
use crate::fetch::Partial;
use crate::registry::{Entry, Origin, RemoteFile};

const ARCHIVE: &str = "cifar-10-binary.tar.gz";
const SUB_FOLDER: &str = "cifar-10-batches-bin";
const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];
const TEST: &str = "test_batch.bin";
const PIXELS: usize = 3 * 32 * 32;
const RECORD: usize = 1 + PIXELS;
/// The length of each file: 10,000 records.
const FILE_BYTES: u64 = 10_000 * RECORD as u64;

/// The row of the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "cifar10",
    summary: "60,000 photographs of 32 x 32 pixels in color, the dataset of most search spaces",
    license: "none stated by the authors, who ask to cite the report",
    source: "A. Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images. \
             https://www.cs.toronto.edu/~kriz/cifar.html",
    shape: &[3, 32, 32],
    classes: &[
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ],
    train_len: 50_000,
    test_len: 10_000,
    files: &[RemoteFile {
        name: ARCHIVE,
        url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        bytes: 170_052_171,
    }],
    default_dirs: &[],
    origin: Origin::Folder { missing, load, unpack: Some(unpack) },
};

fn names() -> impl Iterator<Item = &'static str> {
    TRAIN.into_iter().chain([TEST])
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(SUB_FOLDER).join(name), folder.join(name)].into_iter().find(|path| path.is_file())
}

fn missing(folder: &Path) -> Vec<String> {
    names().filter(|name| find(folder, name).is_none()).map(str::to_owned).collect()
}

/// Splits a file into its records.
fn parse(bytes: &[u8], path: &Path, labels: &mut Vec<u32>, pixels: &mut Vec<u8>) -> Result<()> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if !rest.is_empty() || records.is_empty() {
        return Err(Error::PartialRecord {
            path: path.to_owned(),
            found: bytes.len() as u64,
            record: RECORD as u64,
        });
    }
    for (index, record) in records.iter().enumerate() {
        let [label, image @ ..] = record;
        let (label, classes) = (u32::from(*label), ENTRY.classes.len());
        if label as usize >= classes {
            return Err(Error::LabelOutOfRange { path: path.to_owned(), index, label, classes });
        }
        labels.push(label);
        pixels.extend_from_slice(image);
    }
    Ok(())
}

fn read(folder: &Path, files: &[&str]) -> Result<Split> {
    let (mut labels, mut pixels) = (Vec::new(), Vec::new());
    for name in files {
        let path = find(folder, name).unwrap_or_else(|| folder.join(name));
        let bytes = fs::read(&path).map_err(|source| Error::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        parse(&bytes, &path, &mut labels, &mut pixels)?;
    }
    Split::new(Inputs::Bytes(pixels), labels)
}

fn load(folder: &Path) -> Result<Dataset> {
    ENTRY.dataset(read(folder, &TRAIN)?, Some(read(folder, &[TEST])?))
}

/// Takes the six files out of the archive and removes it.
fn unpack(folder: &Path) -> Result<()> {
    unpack_files(folder, FILE_BYTES)?;
    let archive = folder.join(ARCHIVE);
    fs::remove_file(&archive).map_err(|source| Error::Io {
        action: "remove",
        path: archive,
        source,
    })
}

/// Writes the known members, and nothing else, into the sub-folder: no path of the archive is ever used.
fn unpack_files(folder: &Path, file_bytes: u64) -> Result<()> {
    let archive = folder.join(ARCHIVE);
    let failed = |action, path: &Path, source| Error::Io { action, path: path.to_owned(), source };
    let reader = File::open(&archive).map_err(|source| failed("open", &archive, source))?;
    let target = folder.join(SUB_FOLDER);
    fs::create_dir_all(&target).map_err(|source| failed("create", &target, source))?;
    let mut left: Vec<&str> = names().collect();
    let unpacking = |source| failed("unpack", &archive, source);
    let mut tar = tar::Archive::new(GzDecoder::new(reader));
    for member in tar.entries().map_err(unpacking)? {
        let mut member = member.map_err(unpacking)?;
        let name = member.path().map_err(unpacking)?.file_name().map(ToOwned::to_owned);
        let Some(at) = left.iter().position(|known| name.as_deref() == Some((*known).as_ref()))
        else {
            continue;
        };
        if !member.header().entry_type().is_file() || member.size() != file_bytes {
            continue;
        }
        let name = left.swap_remove(at);
        let mut partial = Partial::create(&target.join(name))?;
        let written = io::copy(&mut member, partial.file()).map_err(unpacking)?;
        if written != file_bytes {
            return Err(unpacking(io::ErrorKind::UnexpectedEof.into()));
        }
        partial.keep()?;
    }
    match left.first() {
        None => Ok(()),
        Some(member) => Err(Error::ArchiveMember {
            path: archive,
            member: (*member).to_owned(),
            bytes: file_bytes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn record(label: u8, value: u8) -> Vec<u8> {
        let mut bytes = vec![value; RECORD];
        bytes[0] = label;
        bytes
    }

    fn archive(folder: &Path, members: &[(&str, &[u8])]) {
        let file = File::create(folder.join(ARCHIVE)).unwrap();
        let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
        for (path, bytes) in members {
            let mut header = tar::Header::new_gnu();
            // `set_path` refuses `..`, which is what a test of a bad archive needs.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
    }

    #[test]
    fn records_become_planes() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(missing(folder.path()).len(), 6);
        let sub = folder.path().join(SUB_FOLDER);
        fs::create_dir(&sub).unwrap();
        for (index, name) in names().enumerate() {
            // Half of them directly, half in the folder of the archive.
            let place = if index % 2 == 0 { folder.path() } else { &sub };
            let bytes = [record(index as u8, 51), record(9, 255)].concat();
            fs::write(place.join(name), bytes).unwrap();
        }
        assert_eq!(missing(folder.path()), Vec::<String>::new());
        let split = read(folder.path(), &TRAIN).unwrap();
        assert_eq!(split.labels(), [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]);
        let mut image = [0.0; PIXELS];
        split.copy_example(2, &mut image);
        assert!(image.iter().all(|value| *value == 0.2));
        let message = load(folder.path()).unwrap_err().to_string();
        assert!(message.contains("10 examples in the training part, not 50000"), "{message}");
    }

    #[test]
    fn damaged_files_are_refused_with_their_name() {
        let parsed = |bytes: &[u8]| {
            parse(bytes, Path::new("data_batch_1.bin"), &mut Vec::new(), &mut Vec::new())
        };
        assert_eq!(
            parsed(&record(1, 0)[..3000]).unwrap_err().to_string(),
            "data_batch_1.bin holds 3000 bytes, not a whole number of records of 3073 bytes: \
             fetch it again"
        );
        assert!(parsed(&[]).is_err());
        let bytes = [record(1, 0), record(10, 0)].concat();
        assert!(parsed(&bytes).unwrap_err().to_string().contains("label 10 of example 1"));
    }

    #[test]
    fn the_archive_is_unpacked_without_its_paths() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("data");
        fs::create_dir(&folder).unwrap();
        let bytes = record(1, 2);
        let member = |name: &str| format!("cifar-10-batches-bin/{name}");
        let paths: Vec<String> = TRAIN.iter().map(|name| member(name)).collect();
        let mut members: Vec<(&str, &[u8])> =
            paths.iter().map(|path| (path.as_str(), bytes.as_slice())).collect();
        members.push(("cifar-10-batches-bin/readme.html", b"hello"));
        members.push(("../../evil.txt", b"evil"));
        archive(&folder, &members);
        let message = unpack_files(&folder, RECORD as u64).unwrap_err().to_string();
        assert!(message.contains("no regular file test_batch.bin of 3073 bytes"), "{message}");

        members.push(("../test_batch.bin", &bytes));
        archive(&folder, &members);
        unpack_files(&folder, RECORD as u64).unwrap();
        assert_eq!(missing(&folder), Vec::<String>::new());
        assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1, "nothing left the folder");
        assert_eq!(fs::read_dir(folder.join(SUB_FOLDER)).unwrap().count(), 6);
    }

    #[test]
    fn a_truncated_archive_leaves_nothing_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> =
            (0..200_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        archive(folder.path(), &[("data_batch_1.bin", &bytes)]);
        let path = folder.path().join(ARCHIVE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let message = unpack_files(folder.path(), bytes.len() as u64).unwrap_err().to_string();
        assert!(message.contains("cannot unpack"), "{message}");
        assert_eq!(fs::read_dir(folder.path().join(SUB_FOLDER)).unwrap().count(), 0);
    }
}
