//! Polars in and out: runs to data frames, CSV and Parquet to tables.
//!
//! The only crate that names polars. What comes in is a [`Table`](nascent_datasets::Table) without polars types, for
//! tabular benchmarks and for [`tabular_dataset`](nascent_datasets::tabular_dataset); what goes out is a [`DataFrame`].

mod csv;
mod error;
mod read;
mod runs;
mod write;

pub use error::{Error, Result};
pub use polars;
pub use polars::prelude::DataFrame;
pub use read::read_table;
pub use runs::{curves, retrained, searcher_epochs, trials};
pub use write::{to_csv_string, to_json_string, write, write_json};
