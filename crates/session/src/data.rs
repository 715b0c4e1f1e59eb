//! From names on the command line, or in a manifest, to data in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nascent::Seed;
use nascent::evaluate::Resources;
use nascent_datasets::{Dataset, Table, TabularOptions};
use nascent_record::{BlobId, Component, Manifest};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a person says of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataRequest {
    /// A dataset by name, or a CSV or Parquet file; digits if nothing is said and there is no table.
    pub data: Option<String>,
    /// The column of a file that holds the class.
    pub label: Option<String>,
    /// The columns of a file that are not to be learned from.
    pub ignore: Vec<String>,
    /// Where the files of datasets are, before the usual places.
    pub data_dir: Option<PathBuf>,
    /// What of it is used, and how.
    pub used: Used,
    /// A table of known results, in which evaluations are looked up.
    pub table: Option<PathBuf>,
}

/// What of a dataset is used, and how; all and as it is, if nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// How many training examples.
    pub max_train: Option<usize>,
    /// How many test examples.
    pub max_test: Option<usize>,
    /// To how many channels the one of grey images is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
}

impl Used {
    fn of(self, dataset: Dataset) -> Result<Dataset> {
        let Self { max_train, max_test, channels } = self;
        let dataset = match (max_train, max_test) {
            (None, None) => dataset,
            _ => dataset.limited(max_train.unwrap_or(usize::MAX), max_test.unwrap_or(usize::MAX)),
        };
        Ok(match channels {
            Some(channels) => dataset.with_channels(channels)?,
            None => dataset,
        })
    }
}

/// What identifies the data of a run; in its manifest.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Source {
    /// A dataset of the registry.
    Dataset {
        #[serde(flatten)]
        used: Used,
        fingerprint: String,
    },
    /// A CSV or Parquet file with a label column.
    Tabular {
        path: PathBuf,
        label: String,
        #[serde(default)]
        ignore: Vec<String>,
        #[serde(flatten)]
        used: Used,
        fingerprint: String,
    },
    /// A table of results, and what a searcher trains on.
    Table {
        path: PathBuf,
        fingerprint: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<Box<Named>>,
    },
}

/// A source with its name.
#[derive(Serialize, Deserialize)]
struct Named {
    name: String,
    source: Source,
}

/// The dataset if none is named.
const DEFAULT: &str = "digits";

/// The data that are asked for, and what identifies them in a manifest.
///
/// # Errors
/// If there is no such dataset or file, or it cannot be read.
pub fn open(request: &DataRequest, seed: u64, device: &str) -> Result<(Component, Resources)> {
    let mut resources =
        Resources { dataset: None, table: None, seed: Seed::new(seed), device: device.to_owned() };
    let named = if let Some(path) = &request.table {
        resources.table = Some(Arc::new(read_table(path)?));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let dataset = request.data.as_ref();
        let dataset = dataset.map(|name| dataset_named(name, request, &mut resources));
        let dataset = dataset.transpose()?.map(Box::new);
        let (path, fingerprint) = (absolute(path)?, fingerprint(path)?);
        Named { name, source: Source::Table { path, fingerprint, dataset } }
    } else {
        dataset_named(request.data.as_deref().unwrap_or(DEFAULT), request, &mut resources)?
    };
    Ok((Component::new(&named.name).with(serde_json::to_value(named.source)?), resources))
}

/// The dataset with this name, or in this file.
fn dataset_named(name: &str, data: &DataRequest, resources: &mut Resources) -> Result<Named> {
    let path = Path::new(name);
    let is_file = path.extension().is_some() || name.contains(std::path::MAIN_SEPARATOR);
    let used = data.used;
    if is_file {
        let label = data.label.clone();
        let label = label.ok_or_else(|| Error::NoLabel { path: path.to_owned() })?;
        let ignore = data.ignore.clone();
        let dataset = used.of(read_tabular(path, &label, &ignore)?)?;
        let name = dataset.name().to_owned();
        let fingerprint = use_dataset(resources, dataset);
        let path = absolute(path)?;
        let source = Source::Tabular { path, label, ignore, used, fingerprint };
        return Ok(Named { name, source });
    }
    if data.label.is_some() || !data.ignore.is_empty() {
        return Err(Error::NoColumns { name: name.to_owned() });
    }
    let dataset = nascent_datasets::load(name, data.data_dir.as_deref())?;
    let fingerprint = use_dataset(resources, used.of(dataset)?);
    let source = Source::Dataset { used, fingerprint };
    Ok(Named { name: name.to_owned(), source })
}

/// The data that a run was made with; `file` says where its file is now.
///
/// # Errors
/// If they are not there, or are others.
pub fn reopen(
    manifest: &Manifest,
    data_dir: Option<&Path>,
    file: Option<&Path>,
) -> Result<Resources> {
    let mut resources = Resources {
        dataset: None,
        table: None,
        seed: Seed::new(manifest.seed),
        device: manifest.device.clone(),
    };
    let name = &manifest.data.name;
    let source = Source::deserialize(&manifest.data.config)
        .map_err(|source| Error::UnknownData { name: name.clone(), source })?;
    read_source(name, source, (data_dir, file), &mut resources)?;
    Ok(resources)
}

/// Reads the data of a run again.
fn read_source(
    name: &str,
    source: Source,
    (data_dir, file): (Option<&Path>, Option<&Path>),
    resources: &mut Resources,
) -> Result<()> {
    let (expected, found) = match source {
        Source::Table { path, fingerprint: expected, dataset } => {
            if let Some(Named { name, source }) = dataset.map(|dataset| *dataset) {
                read_source(&name, source, (data_dir, None), resources)?;
            }
            let path = file.unwrap_or(&path);
            resources.table = Some(Arc::new(read_table(path)?));
            (expected, fingerprint(path)?)
        }
        Source::Dataset { used, fingerprint } => {
            if file.is_some() {
                return Err(Error::NoFile { name: name.to_owned() });
            }
            let dataset = nascent_datasets::load(name, data_dir)?;
            (fingerprint, use_dataset(resources, used.of(dataset)?))
        }
        Source::Tabular { path, label, ignore, used, fingerprint } => {
            let dataset = read_tabular(file.unwrap_or(&path), &label, &ignore)?;
            (fingerprint, use_dataset(resources, used.of(dataset)?))
        }
    };
    if found != expected {
        return Err(Error::OtherData { name: name.to_owned() });
    }
    Ok(())
}

fn use_dataset(resources: &mut Resources, dataset: Dataset) -> String {
    let fingerprint = dataset.fingerprint();
    resources.dataset = Some(Arc::new(dataset));
    fingerprint
}

/// What identifies the bytes of a file.
fn fingerprint(path: &Path) -> Result<String> {
    let path_of = |source| Error::Io { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(path_of)?;
    Ok(BlobId::of(&bytes).to_string())
}

fn read_table(path: &Path) -> Result<Table> {
    Ok(nascent_frames::read_table(path)?)
}

fn read_tabular(path: &Path, label: &str, ignore: &[String]) -> Result<Dataset> {
    let table = read_table(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let ignore = ignore.to_vec();
    let options = TabularOptions { name: name.into_owned(), ignore, ..TabularOptions::default() };
    Ok(nascent_datasets::tabular_dataset(&table, label, &options)?)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}
