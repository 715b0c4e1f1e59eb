//! From names on the command line, or in a manifest, to data in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use nascent::Seed;
use nascent::evaluate::Resources;
use nascent_datasets::{Dataset, Table, TabularOptions};
use nascent_record::{BlobId, Component, Manifest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::args::{DataArgs, TableArgs};
use crate::values::split_pair;

/// What identifies the data of a run; in its manifest.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Source {
    /// A dataset of the registry.
    Dataset { max_train: Option<usize>, max_test: Option<usize>, fingerprint: String },
    /// A CSV or Parquet file with a label column.
    Tabular {
        path: PathBuf,
        label: String,
        #[serde(default)]
        ignore: Vec<String>,
        max_train: Option<usize>,
        max_test: Option<usize>,
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

/// The data that the command line names, and what identifies it.
pub(crate) fn from_args(
    data: &DataArgs,
    table: &TableArgs,
    seed: u64,
    device: &str,
) -> Result<(Component, Resources)> {
    let mut resources =
        Resources { dataset: None, table: None, seed: Seed::new(seed), device: device.to_owned() };
    let named = if let Some(path) = &table.table {
        resources.table = Some(Arc::new(read_table(path)?));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let dataset = data.data.as_ref().map(|name| dataset_named(name, data, &mut resources));
        let dataset = dataset.transpose()?.map(Box::new);
        let (path, fingerprint) = (absolute(path)?, fingerprint(path)?);
        Named { name, source: Source::Table { path, fingerprint, dataset } }
    } else {
        dataset_named(data.data.as_deref().unwrap_or(DEFAULT), data, &mut resources)?
    };
    Ok((Component::new(&named.name).with(serde_json::to_value(named.source)?), resources))
}

/// The dataset with this name, or in this file.
fn dataset_named(name: &str, data: &DataArgs, resources: &mut Resources) -> Result<Named> {
    let path = Path::new(name);
    let is_file = path.extension().is_some() || name.contains(std::path::MAIN_SEPARATOR);
    let (max_train, max_test) = (data.max_train, data.max_test);
    if is_file {
        let label = data.label.clone().with_context(|| {
            format!("which column of {} holds the class? say --label COLUMN", path.display())
        })?;
        let ignore = data.ignore.clone();
        let dataset = limit(read_tabular(path, &label, &ignore)?, max_train, max_test);
        let name = dataset.name().to_owned();
        let fingerprint = use_dataset(resources, dataset);
        let path = absolute(path)?;
        let source = Source::Tabular { path, label, ignore, max_train, max_test, fingerprint };
        return Ok(Named { name, source });
    }
    if data.label.is_some() || !data.ignore.is_empty() {
        bail!(
            "--label and --ignore are about columns of a CSV or Parquet file, and {name} is the \
             name of a dataset"
        );
    }
    let dataset = nascent_datasets::load(name, data.data_dir.as_deref())?;
    let dataset = limit(dataset, max_train, max_test);
    let fingerprint = use_dataset(resources, dataset);
    let source = Source::Dataset { max_train, max_test, fingerprint };
    Ok(Named { name: name.to_owned(), source })
}

/// The data that a run was made with; `file` says where its file is now.
pub(crate) fn from_manifest(
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
        .with_context(|| format!("the run's data \"{name}\" is of an unknown kind"))?;
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
        Source::Dataset { max_train, max_test, fingerprint } => {
            if file.is_some() {
                bail!("--file names a CSV or Parquet file, and this run is on the dataset {name}");
            }
            let dataset = nascent_datasets::load(name, data_dir)?;
            (fingerprint, use_dataset(resources, limit(dataset, max_train, max_test)))
        }
        Source::Tabular { path, label, ignore, max_train, max_test, fingerprint } => {
            let dataset = read_tabular(file.unwrap_or(&path), &label, &ignore)?;
            (fingerprint, use_dataset(resources, limit(dataset, max_train, max_test)))
        }
    };
    if found != expected {
        bail!(
            "the data \"{name}\" is not what the run was started with (its fingerprint differs); \
             restore it, or start a new run"
        );
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
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(BlobId::of(&bytes).to_string())
}

fn limit(dataset: Dataset, max_train: Option<usize>, max_test: Option<usize>) -> Dataset {
    if max_train.is_none() && max_test.is_none() {
        return dataset;
    }
    dataset.limited(max_train.unwrap_or(usize::MAX), max_test.unwrap_or(usize::MAX))
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
    std::path::absolute(path).with_context(|| format!("cannot resolve {}", path.display()))
}

/// The settings of the table evaluator that the command line gives.
pub(crate) fn table_settings(args: &TableArgs) -> Result<Map<String, Value>> {
    let mut map = Map::new();
    let texts =
        [("key", &args.key), ("valid", &args.valid), ("test", &args.test), ("cost", &args.cost)];
    for (name, value) in texts {
        if let Some(value) = value {
            map.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    if let Some(epochs) = args.table_epochs {
        map.insert("epochs".to_owned(), Value::from(epochs));
    }
    if let Some(scale) = args.cost_scale {
        map.insert("cost_scale".to_owned(), Value::from(scale));
    }
    for (name, pairs) in [("fidelities", &args.fidelity), ("others", &args.other)] {
        let mut columns = Map::new();
        for pair in pairs {
            let (key, column) = split_pair(pair)?;
            columns.insert(key.to_owned(), Value::from(column));
        }
        if !columns.is_empty() {
            map.insert(name.to_owned(), Value::Object(columns));
        }
    }
    Ok(map)
}
