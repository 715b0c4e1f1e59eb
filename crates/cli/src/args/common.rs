//! What several commands take: limits, data, tables.

use std::path::PathBuf;

use clap::{Args, value_parser};
use nascent_session::{DataRequest, Used, split_pair};
use serde_json::{Map, Value};

use crate::values::positive;

/// The limits of a search.
#[derive(Args, Clone, Copy, Default, PartialEq)]
pub(crate) struct BudgetArgs {
    /// Trials of the search [default: 50, if there is no other limit]
    #[arg(long, short = 'n', value_name = "N", help_heading = "Budget", value_parser = value_parser!(u32).range(1..))]
    pub(crate) trials: Option<u32>,
    /// Training epochs of all trials together
    #[arg(long, value_name = "N", help_heading = "Budget", value_parser = value_parser!(u64).range(1..))]
    pub(crate) max_epochs: Option<u64>,
    /// Simulated seconds of all trials together, where a table has costs
    #[arg(long, value_name = "SECONDS", help_heading = "Budget", value_parser = positive)]
    pub(crate) max_cost_secs: Option<f64>,
    /// Wall-clock seconds of the search; of this session, when a run is resumed
    #[arg(long, value_name = "SECONDS", help_heading = "Budget", value_parser = positive)]
    pub(crate) max_secs: Option<f64>,
}

/// Where the data is.
#[derive(Args, Clone, Default)]
pub(crate) struct DataArgs {
    /// Dataset by name (see `nascent datasets`), or a CSV or Parquet file of tabular data; with
    /// --table what a searcher trains a supernet on [default: digits, none with --table]
    #[arg(long, value_name = "NAME|FILE", help_heading = "Data")]
    pub(crate) data: Option<String>,
    /// Column of a CSV or Parquet file that holds the class
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub(crate) label: Option<String>,
    /// Column of a CSV or Parquet file that is not to be learned from; repeatable
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub(crate) ignore: Vec<String>,
    /// Where the files of datasets are, before NASCENT_DATA and the usual places
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Use the first N training examples only
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub(crate) max_train: Option<usize>,
    /// Use the first N test examples only
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub(crate) max_test: Option<usize>,
    /// Repeat the channel of grey images, so that they have N as color images have
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub(crate) image_channels: Option<usize>,
}

impl DataArgs {
    /// The data, and a table.
    pub(crate) fn request(&self, table: &TableArgs) -> DataRequest {
        let Self { data, label, ignore, data_dir, max_train, max_test, image_channels: channels } =
            self.clone();
        let (table, used) = (table.table.clone(), Used { max_train, max_test, channels });
        DataRequest { data, label, ignore, data_dir, used, table }
    }
}

/// A table of known results.
#[derive(Args, Clone, Default)]
pub(crate) struct TableArgs {
    /// Look results up in this CSV or Parquet file; do not train
    #[arg(long, value_name = "FILE", help_heading = "Table")]
    pub(crate) table: Option<PathBuf>,
    /// Column with the name of the architecture [default: arch]
    #[arg(long, value_name = "COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) key: Option<String>,
    /// Column with the validation accuracy that is searched for [default: valid_accuracy]
    #[arg(long, value_name = "COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) valid: Option<String>,
    /// Column with the test accuracy, reported only
    #[arg(long, value_name = "COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) test: Option<String>,
    /// Epochs that the --valid column stands for [default: 1]
    #[arg(long, value_name = "N", help_heading = "Table", requires = "table")]
    pub(crate) table_epochs: Option<u32>,
    /// Column of validation accuracy after other epochs; repeatable
    #[arg(long, value_name = "EPOCHS=COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) fidelity: Vec<String>,
    /// Column with the cost of an evaluation
    #[arg(long, value_name = "COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) cost: Option<String>,
    /// Seconds for each unit of the cost column [default: 1]
    #[arg(long, value_name = "X", help_heading = "Table", requires = "table")]
    pub(crate) cost_scale: Option<f64>,
    /// Column with a further metric of which less is better; repeatable
    #[arg(long, value_name = "METRIC=COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) other: Vec<String>,
}

impl TableArgs {
    /// The settings of the evaluator.
    pub(crate) fn settings(&self) -> anyhow::Result<Map<String, Value>> {
        let mut map = Map::new();
        let texts = [
            ("key", &self.key),
            ("valid", &self.valid),
            ("test", &self.test),
            ("cost", &self.cost),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                map.insert(name.to_owned(), Value::from(value.as_str()));
            }
        }
        if let Some(epochs) = self.table_epochs {
            map.insert("epochs".to_owned(), Value::from(epochs));
        }
        if let Some(scale) = self.cost_scale {
            map.insert("cost_scale".to_owned(), Value::from(scale));
        }
        for (name, pairs) in [("fidelities", &self.fidelity), ("others", &self.other)] {
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
}
