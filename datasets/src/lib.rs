//! Datasets: a registry with where each is from, loaders, downloads with checksums, and a small one that is part of
//! the program.
//!
//! ```
//! let digits = nascent_datasets::load("digits", None)?;
//! assert_eq!(digits.shape(), [1, 8, 8]);
//! assert_eq!(digits.train().len(), 1797);
//! # Ok::<(), nascent_datasets::Error>(())
//! ```

mod cifar10;
mod dataset;
mod digits;
mod error;
mod fashion_mnist;
mod fetch;
mod idx;
mod mnist;
mod registry;
mod table;
mod tabular;

pub use dataset::{Dataset, Inputs, Split};
pub use error::{Error, Result};
pub use fetch::{FetchProgress, fetch};
pub use registry::{DATASETS, Entry, RemoteFile, default_data_dir, find, load};
pub use table::{Column, ColumnData, Table};
pub use tabular::{TabularOptions, tabular_dataset};
