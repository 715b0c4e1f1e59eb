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
    /// A table of results.
    Table { path: PathBuf, fingerprint: String },
}

/// The data that the command line names, and what identifies it.
pub(crate) fn from_args(
    data: &DataArgs,
    table: &TableArgs,
    seed: u64,
    device: &str,
) -> Result<(Component, Resources)> {
    let mut resources =
        Resources { dataset: None, table: None, seed: Seed::new(seed), device: device.to_owned() };
    let (name, source) = if let Some(path) = &table.table {
        resources.table = Some(Arc::new(read_table(path)?));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, Source::Table { path: absolute(path)?, fingerprint: fingerprint(path)? })
    } else {
        let path = Path::new(&data.data);
        let is_file = path.extension().is_some() || data.data.contains(std::path::MAIN_SEPARATOR);
        let (max_train, max_test) = (data.max_train, data.max_test);
        if is_file {
            let label = data.label.clone().with_context(|| {
                format!("which column of {} holds the class? say --label COLUMN", path.display())
            })?;
            let ignore = data.ignore.clone();
            let dataset = limit(read_tabular(path, &label, &ignore)?, max_train, max_test);
            let name = dataset.name().to_owned();
            let fingerprint = use_dataset(&mut resources, dataset);
            let path = absolute(path)?;
            (name, Source::Tabular { path, label, ignore, max_train, max_test, fingerprint })
        } else {
            if data.label.is_some() || !data.ignore.is_empty() {
                bail!(
                    "--label and --ignore are about columns of a CSV or Parquet file, and \
                     {} is the name of a dataset",
                    data.data
                );
            }
            let dataset = nascent_datasets::load(&data.data, data.data_dir.as_deref())?;
            let dataset = limit(dataset, max_train, max_test);
            let fingerprint = use_dataset(&mut resources, dataset);
            (data.data.clone(), Source::Dataset { max_train, max_test, fingerprint })
        }
    };
    Ok((Component::new(&name).with(serde_json::to_value(source)?), resources))
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
    let (expected, found) = match source {
        Source::Table { path, fingerprint: expected } => {
            let path = file.unwrap_or(&path);
            resources.table = Some(Arc::new(read_table(path)?));
            (expected, fingerprint(path)?)
        }
        Source::Dataset { max_train, max_test, fingerprint } => {
            if file.is_some() {
                bail!("--file names a CSV or Parquet file, and this run is on the dataset {name}");
            }
            let dataset = nascent_datasets::load(name, data_dir)?;
            (fingerprint, use_dataset(&mut resources, limit(dataset, max_train, max_test)))
        }
        Source::Tabular { path, label, ignore, max_train, max_test, fingerprint } => {
            let dataset = read_tabular(file.unwrap_or(&path), &label, &ignore)?;
            (fingerprint, use_dataset(&mut resources, limit(dataset, max_train, max_test)))
        }
    };
    if found != expected {
        bail!(
            "the data \"{name}\" is not what the run was started with (its fingerprint differs); \
             restore it, or start a new run"
        );
    }
    Ok(resources)
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
