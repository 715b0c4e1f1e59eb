//! From names on the command line, or in a manifest, to data in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use nascent::Seed;
use nascent::evaluate::Resources;
use nascent_datasets::{Dataset, Table, TabularOptions};
use nascent_record::{Component, Manifest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::args::{DataArgs, TableArgs, split_pair};

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
    Table { path: PathBuf },
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
        (name, Source::Table { path: absolute(path)? })
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
            let fingerprint = dataset.fingerprint();
            let name = dataset.name().to_owned();
            resources.dataset = Some(Arc::new(dataset));
            let path = absolute(path)?;
            (name, Source::Tabular { path, label, ignore, max_train, max_test, fingerprint })
        } else {
            let dataset = nascent_datasets::load(&data.data, data.data_dir.as_deref())?;
            let dataset = limit(dataset, max_train, max_test);
            let fingerprint = dataset.fingerprint();
            resources.dataset = Some(Arc::new(dataset));
            (data.data.clone(), Source::Dataset { max_train, max_test, fingerprint })
        }
    };
    Ok((Component::new(&name).with(serde_json::to_value(source)?), resources))
}

/// The data that a run was made with.
pub(crate) fn from_manifest(
    manifest: &Manifest,
    data_dir: Option<&Path>,
    table: Option<&Path>,
) -> Result<Resources> {
    let mut resources = Resources {
        dataset: None,
        table: None,
        seed: Seed::new(manifest.seed),
        device: manifest.device.clone(),
    };
    let source = Source::deserialize(&manifest.data.config).with_context(|| {
        format!("the run's data \"{}\" is of an unknown kind", manifest.data.name)
    })?;
    let (dataset, fingerprint) = match source {
        Source::Table { path } => {
            resources.table = Some(Arc::new(read_table(table.unwrap_or(&path))?));
            return Ok(resources);
        }
        Source::Dataset { max_train, max_test, fingerprint } => {
            let dataset = nascent_datasets::load(&manifest.data.name, data_dir)?;
            (limit(dataset, max_train, max_test), fingerprint)
        }
        Source::Tabular { path, label, ignore, max_train, max_test, fingerprint } => {
            (limit(read_tabular(&path, &label, &ignore)?, max_train, max_test), fingerprint)
        }
    };
    if dataset.fingerprint() != fingerprint {
        bail!(
            "the data \"{}\" is not what the run was started with (its fingerprint differs); \
             restore it, or start a new run",
            manifest.data.name
        );
    }
    resources.dataset = Some(Arc::new(dataset));
    Ok(resources)
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
