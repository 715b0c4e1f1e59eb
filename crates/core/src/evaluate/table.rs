//! Looks an architecture up in a table of results: a search over a published benchmark takes
//! seconds, and its cost is simulated.
//!
//! The table has one row for each architecture, named in one column by the space's official name or
//! by `choice=value,…`. Columns give the metrics, at one or several fidelities, and the seconds
//! that the training would have taken.

use std::collections::{BTreeMap, HashMap};

use nascent_datasets::Table;
use nascent_record::{Architecture, Fidelity, MetricSpec, Metrics};
use serde::{Deserialize, Serialize};

use super::{
    CHECKPOINT, Evaluation, Evaluator, EvaluatorEntry, Fidelities, Flow, Job, Reporter, Resources,
};
use crate::config::{defaults, invalid, parse};
use crate::space::SearchSpace;
use crate::{Error, Result};

/// The row of the table of evaluators.
pub static ENTRY: EvaluatorEntry = EvaluatorEntry {
    name: NAME,
    summary: "Looks results up in a CSV or Parquet table, with simulated cost.",
    reference: "",
    defaults: defaults::<Config>,
    build: |config, resources: &Resources| {
        let table = resources.table.as_ref().ok_or(Error::Missing {
            evaluator: NAME,
            what: "a table; give one with --table FILE".to_owned(),
        })?;
        Ok(Box::new(TableEvaluator::new(parse(NAME, config)?, table)?))
    },
};

const NAME: &str = "table";

/// Which column is what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The column with the name of the architecture.
    pub key: String,
    /// The column with the validation accuracy that the search sees.
    pub valid: String,
    /// The column with the test accuracy, reported and not searched for; empty for none.
    pub test: String,
    /// The epochs of training that the `valid` column stands for, at least 1.
    pub epochs: u32,
    /// Further columns of validation accuracy, by the epochs they stand for: the learning curve.
    pub fidelities: BTreeMap<u32, String>,
    /// The column with the cost of an evaluation; empty for none.
    pub cost: String,
    /// Seconds for each unit of the cost column. An evaluation at a lower fidelity costs its share,
    /// and one that goes on with another the difference.
    pub cost_scale: f64,
    /// Further metrics, as name: column. Less of them is better.
    pub others: BTreeMap<String, String>,
    /// The unit of the accuracies.
    pub unit: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            key: "arch".to_owned(),
            valid: "valid_accuracy".to_owned(),
            test: String::new(),
            epochs: 1,
            fidelities: BTreeMap::new(),
            cost: String::new(),
            cost_scale: 1.0,
            others: BTreeMap::new(),
            unit: "%".to_owned(),
        }
    }
}

/// The evaluator, see the [module](self).
pub struct TableEvaluator {
    config: Config,
    rows: HashMap<String, usize>,
    /// Validation accuracy by epochs, the fidelity of the configuration among them.
    valid: BTreeMap<u32, Vec<f64>>,
    test: Option<Vec<f64>>,
    cost: Option<Vec<f64>>,
    others: BTreeMap<String, Vec<f64>>,
}

impl TableEvaluator {
    /// An evaluator over this table.
    ///
    /// # Errors
    /// If a column is missing or not numeric, a cell of a used column is empty or not finite, or an
    /// architecture has two rows.
    pub fn new(config: Config, table: &Table) -> Result<Self> {
        if config.epochs == 0 || config.fidelities.contains_key(&0) {
            return Err(invalid(NAME, "epochs must be at least 1"));
        }
        if !(config.cost_scale.is_finite() && config.cost_scale >= 0.0) {
            let problem = format!("cost_scale is {}; it must be 0 or more", config.cost_scale);
            return Err(invalid(NAME, problem));
        }
        let mut rows = HashMap::with_capacity(table.rows());
        for (row, name) in table.column(&config.key)?.texts()?.iter().enumerate() {
            let name = name.clone().ok_or_else(|| empty(&config.key, row))?;
            if let Some(other) = rows.insert(name.clone(), row) {
                let problem = format!("rows {} and {} are both of \"{name}\"", other + 1, row + 1);
                return Err(invalid(NAME, problem));
            }
        }
        let optional = |name: &str| {
            if name.is_empty() { Ok(None) } else { numbers(table, name).map(Some) }
        };
        let mut valid = BTreeMap::new();
        for (epochs, column) in &config.fidelities {
            valid.insert(*epochs, numbers(table, column)?);
        }
        valid.insert(config.epochs, numbers(table, &config.valid)?);
        let (test, cost) = (optional(&config.test)?, optional(&config.cost)?);
        let others =
            config.others.iter().map(|(metric, c)| Ok((metric.clone(), numbers(table, c)?)));
        let others = others.collect::<Result<_>>()?;
        Ok(Self { config, rows, valid, test, cost, others })
    }

    fn row(&self, space: &dyn SearchSpace, architecture: &Architecture) -> Result<usize> {
        let official = space.official_name(architecture);
        let name = official.unwrap_or_else(|| space.spec().text(architecture));
        self.rows.get(&name).copied().ok_or_else(|| Error::Infeasible {
            problem: format!("the table has no row for \"{name}\""),
        })
    }
}

fn empty(column: &str, row: usize) -> Error {
    invalid(
        NAME,
        format!(
            "column \"{column}\" is empty in row {}; fill it or choose another column",
            row + 1
        ),
    )
}

fn numbers(table: &Table, column: &str) -> Result<Vec<f64>> {
    let cells = table.column(column)?.numbers()?.iter().enumerate();
    let checked = cells.map(|(row, cell)| match cell {
        None => Err(empty(column, row)),
        Some(value) if value.is_finite() => Ok(*value),
        Some(value) => {
            let problem = format!(
                "column \"{column}\" is {value} in row {}; a metric must be finite",
                row + 1
            );
            Err(invalid(NAME, problem))
        }
    });
    checked.collect()
}

impl Evaluator for TableEvaluator {
    fn metrics(&self) -> Vec<MetricSpec> {
        let mut metrics = vec![MetricSpec::maximize("valid_accuracy", &self.config.unit)];
        if self.test.is_some() {
            metrics.push(MetricSpec::maximize("test_accuracy", &self.config.unit));
        }
        if self.cost.is_some() {
            metrics.push(MetricSpec::minimize("cost_secs", "s"));
        }
        metrics.extend(self.others.keys().map(|name| MetricSpec::minimize(name, "")));
        metrics
    }

    fn epochs(&self, fidelity: Option<Fidelity>) -> u32 {
        fidelity.map_or(self.config.epochs, |fidelity| fidelity.epochs)
    }

    fn fidelities(&self) -> Fidelities {
        Fidelities::Listed(self.valid.keys().copied().collect())
    }

    fn cheap_metrics(
        &self,
        space: &dyn SearchSpace,
        architecture: &Architecture,
    ) -> Result<Metrics> {
        let row = self.row(space, architecture)?;
        let others = self.others.iter().map(|(name, column)| (name.as_str(), column[row]));
        Ok(Metrics::new(others)?)
    }

    fn evaluate(&self, job: &Job<'_>, reporter: &mut dyn Reporter) -> Result<Evaluation> {
        let row = self.row(job.space, &job.proposal.architecture)?;
        let epochs = self.epochs(job.proposal.fidelity);
        let before = job.checkpoint.map_or(0, |checkpoint| checkpoint.epochs);
        let (mut last, mut stopped) = (None, false);
        for (&step, column) in self.valid.range(..=epochs) {
            let metrics = Metrics::new([("valid_accuracy", column[row])])?;
            last = Some((step, column[row]));
            if step > before && reporter.report(step, &metrics) == Flow::Stop {
                stopped = true;
                break;
            }
        }
        let Some((trained, valid)) = last else {
            let least = self.valid.keys().next().copied().unwrap_or(1);
            return Err(Error::Infeasible {
                problem: format!("the table starts at {least} epochs, not at {epochs}"),
            });
        };
        let mut metrics = Metrics::new([("valid_accuracy", valid)])?;
        if let Some(test) = &self.test {
            metrics.insert("test_accuracy", test[row])?;
        }
        if let Some(cost) = &self.cost {
            let new = f64::from(trained.saturating_sub(before));
            let share = new / f64::from(self.config.epochs);
            metrics.insert("cost_secs", cost[row] * self.config.cost_scale * share)?;
        }
        for (name, column) in &self.others {
            metrics.insert(name, column[row])?;
        }
        // There is nothing to keep; that it is there says that a later trial may go on with this one.
        let keeps = job.keep_checkpoint && !stopped && epochs < self.fidelities().most();
        let artifacts = keeps.then(|| (CHECKPOINT.to_owned(), Vec::new())).into_iter().collect();
        Ok(Evaluation { metrics, epochs: trained.saturating_sub(before), artifacts })
    }
}

#[cfg(test)]
mod tests {
    use nascent_datasets::{Column, ColumnData};
    use nascent_record::{Proposal, TrialId, TrialLimits};

    use super::*;
    use crate::Seed;
    use crate::evaluate::{Purpose, Silent};
    use crate::space::nas_bench_201::{Config as Skeleton, NasBench201};

    const CELL: &str = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|";

    fn table(valid: Option<f64>) -> Table {
        let number =
            |name: &str, x| Column { name: name.into(), data: ColumnData::Numbers(vec![x]) };
        Table::new(vec![
            Column { name: "arch".into(), data: ColumnData::Texts(vec![Some(CELL.into())]) },
            number("v12", valid),
            number("v200", Some(90.0)),
            number("time", Some(100.0)),
        ])
        .unwrap()
    }

    fn config() -> Config {
        Config {
            valid: "v12".into(),
            epochs: 12,
            fidelities: BTreeMap::from([(200, "v200".into())]),
            cost: "time".into(),
            cost_scale: 0.5,
            ..Config::default()
        }
    }

    fn evaluate(architecture: &str, epochs: Option<u32>) -> Result<Evaluation> {
        let space = NasBench201::new(Skeleton::default()).unwrap();
        let mut proposal = Proposal::new(space.parse(architecture).unwrap());
        proposal.fidelity = epochs.map(|epochs| Fidelity { epochs });
        let job = Job {
            space: &space,
            trial: TrialId(0),
            proposal: &proposal,
            seed: Seed::new(0),
            purpose: Purpose::Search,
            limits: TrialLimits::default(),
            checkpoint: None,
            weights: None,
            keep_checkpoint: false,
        };
        TableEvaluator::new(config(), &table(Some(60.0)))?.evaluate(&job, &mut Silent)
    }

    #[test]
    fn a_lookup_has_the_fidelity_and_cost_that_were_asked_for() {
        let at = |epochs| evaluate(CELL, epochs).unwrap();
        assert_eq!(
            at(None).metrics,
            Metrics::new([("valid_accuracy", 60.0), ("cost_secs", 50.0)]).unwrap()
        );
        assert_eq!(at(Some(200)).metrics.get("valid_accuracy"), Some(90.0));
        assert_eq!(at(Some(200)).epochs, 200);
        let message = evaluate(CELL, Some(3)).unwrap_err().to_string();
        assert!(message.ends_with("the table starts at 12 epochs, not at 3"), "{message}");
        let other = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
        assert!(evaluate(other, None).unwrap_err().to_string().contains("no row for"));
    }

    #[test]
    fn a_table_that_lacks_something_says_what() {
        let message =
            |config, valid| TableEvaluator::new(config, &table(valid)).err().unwrap().to_string();
        assert_eq!(
            message(config(), None),
            "table: column \"v12\" is empty in row 1; fill it or choose another column"
        );
        assert_eq!(
            message(config(), Some(f64::NAN)),
            "table: column \"v12\" is NaN in row 1; a metric must be finite"
        );
        let wrong = Config { valid: "v20".into(), ..config() };
        assert!(message(wrong, Some(1.0)).contains("no column \"v20\""));
    }
}
