//! Downloads the files of a dataset, checks them, and only then gives them their names.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::dataset::hex;
use crate::error::{Error, Result};
use crate::registry::{Entry, Origin, RemoteFile};

/// How far a download has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchProgress<'a> {
    /// The file that is being fetched.
    pub file: &'a str,
    /// How many bytes of it are here.
    pub done_bytes: u64,
    /// How many it has.
    pub total_bytes: u64,
}

/// A file that is being written beside its final place, and is removed unless it is kept.
#[derive(Debug)]
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    kept: bool,
}

impl Partial {
    /// Begins a file that will be `target`.
    pub(crate) fn create(target: &Path) -> Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".partial-{}", process::id()));
        let path = target.with_file_name(name);
        let file = File::create(&path).map_err(|source| Error::Io {
            action: "create",
            path: path.clone(),
            source,
        })?;
        Ok(Self { file, path, target: target.to_owned(), kept: false })
    }

    /// Where to write.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes it durable and gives it its name.
    pub(crate) fn keep(mut self) -> Result<()> {
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.path, &self.target))
            .map_err(|source| Error::Io { action: "write", path: self.target.clone(), source })?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            // There is nobody to tell, and the file is ignored by everything.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Downloads the files of a dataset into the sub-folder of its name in `into`, and returns that folder.
///
/// A file that is there and right is skipped. A file appears under its name only when its length and its SHA-256
/// are those of the registry.
pub fn fetch(
    entry: &Entry,
    into: &Path,
    progress: &mut dyn FnMut(FetchProgress<'_>),
) -> Result<PathBuf> {
    let Origin::Folder { missing, unpack, .. } = &entry.origin else {
        return Err(Error::Embedded { name: entry.name });
    };
    let folder = into.join(entry.name);
    if unpack.is_some() && missing(&folder).is_empty() {
        return Ok(folder); // what was downloaded is gone, what was made of it is there
    }
    fetch_files(entry.files, &folder, progress)?;
    if let Some(unpack) = unpack {
        unpack(&folder)?;
    }
    Ok(folder)
}

fn fetch_files(
    files: &[RemoteFile],
    folder: &Path,
    progress: &mut dyn FnMut(FetchProgress<'_>),
) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::Io {
        action: "create",
        path: folder.to_owned(),
        source,
    })?;
    for file in files {
        let target = folder.join(file.name);
        let mut report = |done_bytes| {
            progress(FetchProgress { file: file.name, done_bytes, total_bytes: file.bytes });
        };
        if is_right(&target, file) {
            report(file.bytes);
        } else {
            download(file, &target, folder, &mut report)?;
        }
    }
    Ok(())
}

/// Whether the file is there, with the registered length and sum.
fn is_right(path: &Path, file: &RemoteFile) -> bool {
    let sum = || -> io::Result<String> {
        let mut hash = Sha256::new();
        io::copy(&mut File::open(path)?, &mut HashWriter(&mut hash))?;
        Ok(hex(&hash.finalize()))
    };
    fs::metadata(path).is_ok_and(|data| data.len() == file.bytes)
        && sum().is_ok_and(|sum| sum == file.sha256)
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn download(
    file: &RemoteFile,
    target: &Path,
    folder: &Path,
    report: &mut dyn FnMut(u64),
) -> Result<()> {
    let http = |reason: String| Error::Http {
        url: file.url.to_owned(),
        reason,
        file: file.name.to_owned(),
        folder: folder.to_owned(),
    };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_mins(1)))
        .user_agent(concat!("nascent/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let response = agent.get(file.url).call().map_err(|source| http(source.to_string()))?;
    let mut body = response.into_body().into_reader();
    let mut partial = Partial::create(target)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut done = 0;
    report(done);
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(source) => return Err(http(source.to_string())),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        hash.update(bytes);
        partial.file().write_all(bytes).map_err(|source| Error::Io {
            action: "write",
            path: target.to_owned(),
            source,
        })?;
        done += read as u64;
        if done > file.bytes {
            break;
        }
        report(done);
    }
    if done != file.bytes {
        return Err(Error::DownloadLength {
            url: file.url.to_owned(),
            found: done,
            expected: file.bytes,
        });
    }
    let found = hex(&hash.finalize());
    if found != file.sha256 {
        return Err(Error::Checksum {
            url: file.url.to_owned(),
            found,
            expected: file.sha256.to_owned(),
        });
    }
    partial.keep()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const BODY: &[u8] = b"the right bytes";

    /// Serves until the test ends; counts the requests.
    struct Server {
        address: String,
        requests: Arc<AtomicUsize>,
    }

    impl Server {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let requests = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&requests);
            thread::Builder::new()
                .name("test server".to_owned())
                .spawn(move || {
                    for stream in listener.incoming() {
                        count.fetch_add(1, Ordering::SeqCst);
                        answer(stream.unwrap());
                    }
                })
                .unwrap();
            Self { address, requests }
        }

        fn file(&self, path: &str, sha256: &str) -> RemoteFile {
            let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
            RemoteFile {
                name: "file.gz",
                url: leak(format!("http://{}/{path}", self.address)),
                sha256: leak(sha256.to_owned()),
                bytes: BODY.len() as u64,
            }
        }
    }

    fn answer(mut stream: TcpStream) {
        let mut request = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        reader.read_line(&mut request).unwrap();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
                break;
            }
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (status, length, body) = match path {
            "/right" => ("200 OK", BODY.len(), BODY),
            "/truncated" => ("200 OK", BODY.len(), &BODY[..5]),
            "/short" => ("200 OK", 5, &BODY[..5]),
            "/long" => ("200 OK", BODY.len() + 6, b"the right bytes and" as &[u8]),
            _ => ("404 Not Found", 4, b"gone" as &[u8]),
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        stream.write_all(body).unwrap();
    }

    fn sum() -> String {
        hex(&Sha256::digest(BODY))
    }

    fn failed(path: &str, sha256: &str) -> String {
        let server = Server::start();
        let folder = tempfile::tempdir().unwrap();
        let file = server.file(path, sha256);
        let error = fetch_files(&[file], folder.path(), &mut |_| {}).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing stays");
        error.to_string()
    }

    #[test]
    fn the_right_file_arrives_and_is_fetched_once() {
        let server = Server::start();
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("new/folder");
        let files = [server.file("right", &sum())];
        let mut seen = Vec::new();
        let mut progress =
            |at: FetchProgress<'_>| seen.push((at.file.to_owned(), at.done_bytes, at.total_bytes));
        fetch_files(&files, &folder, &mut progress).unwrap();
        assert_eq!(fs::read(folder.join("file.gz")).unwrap(), BODY);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(seen.first().unwrap(), &("file.gz".to_owned(), 0, 15));
        assert_eq!(seen.last().unwrap(), &("file.gz".to_owned(), 15, 15));

        fetch_files(&files, &folder, &mut |_| {}).unwrap();
        assert_eq!(server.requests.load(Ordering::SeqCst), 1, "it was there");

        fs::write(folder.join("file.gz"), b"the wrong bytes").unwrap();
        fetch_files(&files, &folder, &mut |_| {}).unwrap();
        assert_eq!(server.requests.load(Ordering::SeqCst), 2, "it was there and wrong");
        assert_eq!(fs::read(folder.join("file.gz")).unwrap(), BODY);
    }

    #[test]
    fn a_wrong_checksum_names_both() {
        let wrong = "0".repeat(64);
        let message = failed("right", &wrong);
        assert!(message.contains(&wrong) && message.contains(&sum()), "{message}");
    }

    #[test]
    fn a_wrong_length_is_an_error() {
        assert!(failed("truncated", &sum()).contains("delivered 5 bytes where 15"));
        assert!(failed("short", &sum()).contains("delivered 5 bytes where 15"));
        assert!(failed("long", &sum()).contains("where 15"));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let message = failed("missing", &sum());
        assert!(message.contains("404") && message.contains("get file.gz by other"), "{message}");
        let file =
            RemoteFile { name: "file.gz", url: "http://127.0.0.1:1/file.gz", sha256: "", bytes: 1 };
        let folder = tempfile::tempdir().unwrap();
        let error = fetch_files(&[file], folder.path(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().starts_with("cannot fetch http://127.0.0.1:1/file.gz"));
    }

    #[test]
    fn what_is_part_of_the_program_is_not_fetched() {
        let entry = crate::find("digits").unwrap();
        let error = fetch(entry, Path::new("/nowhere"), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("part of the program"));
    }

    #[test]
    fn a_whole_dataset_is_fetched_into_its_folder() {
        let server = Server::start();
        let mut entry = crate::find("mnist").unwrap().clone();
        entry.files = Box::leak(Box::new([server.file("right", &sum())]));
        let base = tempfile::tempdir().unwrap();
        let folder = fetch(&entry, base.path(), &mut |_| {}).unwrap();
        assert_eq!(folder, base.path().join("mnist"));
        assert!(folder.join("file.gz").is_file());
    }
}
