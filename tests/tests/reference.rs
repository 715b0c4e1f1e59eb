//! The reference tables of the documentation say what the tables of the code say.

use std::fs;

use nascent_tests::{nascent, workspace};
use xtask::reference::{FILES, list, update};

#[test]
fn the_tables_of_the_documentation_are_up_to_date() {
    let binary = nascent();
    let mut tables = 0;
    for file in FILES {
        let written = fs::read_to_string(workspace().join(file)).unwrap();
        tables += written.matches("<!-- table: ").count();
        let due = update(&written, &|kind| list(&binary, kind)).unwrap();
        assert!(written == due, "{file} has old tables; write them anew with: cargo xtask docs");
    }
    assert!(tables >= 6, "only {tables} tables are generated");
}
