//! The reference tables of the documentation say what the tables of the code say.

use std::fs;

use anyhow::{Context as _, ensure};
use nascent_tests::{nascent, workspace};
use xtask::reference::{FILES, update};

#[test]
fn the_tables_of_the_documentation_are_up_to_date() {
    let mut tables = 0;
    for file in FILES {
        let written = fs::read_to_string(workspace().join(file)).unwrap();
        tables += written.matches("<!-- table: ").count();
        let due = update(&written, &list).unwrap();
        assert!(written == due, "{file} has old tables; write them anew with: cargo xtask docs");
    }
    assert!(tables >= 6, "only {tables} tables are generated");
}

fn list(kind: &str) -> anyhow::Result<String> {
    let mut command = std::process::Command::new(nascent());
    let output = command.args(["list", kind, "--json"]).output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{message}");
    String::from_utf8(output.stdout).context("the list is not text")
}
