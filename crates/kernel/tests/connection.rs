//! What the kernel says of connection files that it cannot serve.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::process::Command;

/// What it writes to standard error on its way to a failure.
fn refused(file: &Path) -> String {
    let mut kernel = Command::new(env!("CARGO_BIN_EXE_nascent-kernel"));
    let output = kernel.arg("serve").arg(file).output().unwrap();
    assert!(!output.status.success(), "it serves {}", file.display());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_connection_file_that_cannot_be_served_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("connection.json");
    assert!(refused(&file).contains("connection.json cannot be read"));
    std::fs::write(&file, "{}").unwrap();
    assert!(refused(&file).contains("connection.json is no connection file of Jupyter"));
    let connection = |key: &str, scheme: &str| {
        format!(
            "{{\"ip\": \"127.0.0.1\", \"transport\": \"tcp\", \"shell_port\": 1, \"iopub_port\": 2, \
             \"stdin_port\": 3, \"control_port\": 4, \"hb_port\": 5, \"key\": \"{key}\", \
             \"signature_scheme\": \"{scheme}\"}}"
        )
    };
    // Whoever could reach the port could run code.
    std::fs::write(&file, connection("", "hmac-sha256")).unwrap();
    assert!(refused(&file).contains("has no key"));
    std::fs::write(&file, connection("secret", "hmac-md5")).unwrap();
    assert!(refused(&file).contains("there is only hmac-sha256"));
}

/// The rust-analyzer in evcxr would have rustup fetch the sources of the standard library, if nobody
/// says where they are.
#[cfg(unix)]
#[test]
fn nothing_is_fetched_where_the_sources_of_the_standard_library_are_missing() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let rustc = folder.path().join("rustc");
    // A compiler whose sources are not installed.
    std::fs::write(&rustc, format!("#!/bin/sh\necho {}\n", folder.path().display())).unwrap();
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut kernel = Command::new(env!("CARGO_BIN_EXE_nascent-kernel"));
    kernel.arg("where").env("PATH", format!("{}:{path}", folder.path().display()));
    kernel.env_remove("RUST_SRC_PATH").env("XDG_CACHE_HOME", folder.path());
    let said = String::from_utf8(kernel.output().unwrap().stderr).unwrap();
    let line = said.lines().find_map(|line| line.split_once("sources of the standard library: "));
    let (_, sources) = line.unwrap_or_else(|| panic!("{said}"));
    assert!(Path::new(sources).is_dir(), "evcxr is told of {sources:?}");
}
