//! Training from scratch on a dataset.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::Device;
use nascent_record::{Fidelity, MetricSpec, Metrics};

use super::{Evaluation, Evaluator, EvaluatorEntry, Job, Purpose, Reporter, Resources};
use crate::config::{defaults, parse};
use crate::nn::{Cost, Model, cost};
use crate::train::{
    Data, Fit, Part, Score, TrainConfig, device, evaluate, fit, memory_mib, on_one_thread,
};
use crate::{Error, Result};

const NAME: &str = "train";

/// The row of [`EVALUATORS`](super::EVALUATORS).
pub static ENTRY: EvaluatorEntry = EvaluatorEntry {
    name: NAME,
    summary: "Trains the network from scratch and measures it on held-out examples.",
    reference: "",
    defaults: defaults::<TrainConfig>,
    build: |config, resources| {
        Ok(Box::new(TrainEvaluator::new(parse(NAME, config)?, resources)?))
    },
};

/// Trains every architecture from scratch.
///
/// The metrics of a complete trial are those of its best epoch by validation accuracy, whose weights
/// are the ones that are kept; the metrics of a stopped trial are those of its last whole epoch, so
/// that they are a point of its learning curve.
pub struct TrainEvaluator {
    config: TrainConfig,
    data: Arc<Data>,
    device: Device,
}

impl TrainEvaluator {
    /// An evaluator on the dataset and device of the resources.
    ///
    /// # Errors
    /// If a setting cannot be, the dataset is missing, or the device is not available.
    pub fn new(config: TrainConfig, resources: &Resources) -> Result<Self> {
        config.check()?;
        let dataset = resources.dataset.clone().ok_or_else(|| Error::Missing {
            evaluator: NAME,
            what: "a dataset; name one, such as digits".to_owned(),
        })?;
        let data = Arc::new(Data::new(dataset, &config, resources.seed)?);
        let device = device(&resources.device)?;
        Ok(Self { config, data, device })
    }

    /// The data, split.
    pub fn data(&self) -> &Data {
        &self.data
    }

    fn run(&self, job: &Job<'_>, model: &Model, reporter: &mut dyn Reporter) -> Result<Outcome> {
        let epochs = match job.purpose {
            Purpose::Search => self.epochs(job.proposal.fidelity),
            Purpose::Retrain { epochs } => epochs,
        };
        let fit = fit(model, &self.data, &self.config, epochs, job.seed, reporter)?;
        let final_training = matches!(job.purpose, Purpose::Retrain { .. });
        let (test, weights) = if final_training && !fit.stopped {
            let batch_size = self.config.eval_batch_size;
            let test = evaluate(model, &self.data, Part::Test, batch_size)?;
            (Some(test), Some(model.to_safetensors()?))
        } else {
            (None, None)
        };
        Ok(Outcome { fit, test, weights })
    }
}

struct Outcome {
    fit: Fit,
    test: Option<Score>,
    weights: Option<Vec<u8>>,
}

impl Evaluator for TrainEvaluator {
    fn metrics(&self) -> Vec<MetricSpec> {
        vec![
            MetricSpec::maximize("valid_accuracy", ""),
            MetricSpec::minimize("valid_loss", ""),
            MetricSpec::minimize("train_loss", ""),
            MetricSpec::minimize("params", ""),
            MetricSpec::minimize("flops", "MAC"),
            MetricSpec::maximize("test_accuracy", ""),
            MetricSpec::minimize("test_loss", ""),
        ]
    }

    fn epochs(&self, fidelity: Option<Fidelity>) -> u32 {
        fidelity.map_or(self.config.epochs, |fidelity| fidelity.epochs.max(1))
    }

    fn evaluate(&self, job: &Job<'_>, reporter: &mut dyn Reporter) -> Result<Evaluation> {
        let graph = job.space.graph(&job.proposal.architecture)?;
        let (shape, classes) = (self.data.dataset().shape(), self.data.dataset().classes().len());
        let cost = cost(&graph, shape, classes)?;
        if let Some(limit_mib) = job.limits.max_trial_mib {
            let needed_mib = memory_mib(cost, &self.config);
            if needed_mib > limit_mib {
                return Err(Error::Memory { needed_mib, limit_mib });
            }
        }
        let Outcome { fit, test, weights } = on_one_thread(reporter, |reporter| {
            let model = Model::new(&graph, shape, classes, job.seed, &self.device)?;
            self.run(job, &model, reporter)
        })?;
        let chosen = if fit.stopped { fit.last } else { fit.best };
        let mut metrics = chosen.map_or_else(|| Ok(Metrics::default()), |epoch| epoch.metrics())?;
        let Cost { params, flops, .. } = cost;
        metrics.insert("params", params as f64)?;
        metrics.insert("flops", flops as f64)?;
        if let Some(test) = test {
            metrics.insert("test_accuracy", test.accuracy)?;
            metrics.insert("test_loss", test.loss)?;
        }
        let weights = weights.map(|weights| ("weights".to_owned(), weights));
        let artifacts: BTreeMap<_, _> = weights.into_iter().collect();
        Ok(Evaluation { metrics, epochs: fit.epochs, artifacts })
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::{Proposal, TrialId, TrialLimits};

    use super::*;
    use crate::Seed;
    use crate::evaluate::{Flow, Silent};
    use crate::space::{self, SearchSpace};
    use serde_json::json;

    fn evaluator(settings: serde_json::Value) -> Box<dyn Evaluator> {
        let resources = Resources {
            dataset: Some(Arc::new(nascent_datasets::load("digits", None).unwrap())),
            table: None,
            seed: Seed::new(1),
            device: "cpu".to_owned(),
        };
        ENTRY.make(&settings, &resources).unwrap()
    }

    fn space(name: &str) -> Box<dyn SearchSpace> {
        space::find(name).unwrap().make(&json!({}), &()).unwrap()
    }

    const CELL: &str = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|";

    struct Ask<'a> {
        space: &'a dyn SearchSpace,
        architecture: &'a str,
        seed: u64,
        purpose: Purpose,
        limits: TrialLimits,
    }

    impl<'a> Ask<'a> {
        fn new(space: &'a dyn SearchSpace, architecture: &'a str) -> Self {
            let limits = TrialLimits::default();
            Self { space, architecture, seed: 3, purpose: Purpose::Search, limits }
        }

        fn run(&self, evaluator: &dyn Evaluator, reporter: &mut dyn Reporter) -> Result<Evaluation> {
            let proposal = Proposal::new(self.space.parse(self.architecture).unwrap());
            let job = Job {
                space: self.space,
                trial: TrialId(0),
                proposal: &proposal,
                seed: Seed::new(self.seed),
                purpose: self.purpose,
                limits: self.limits,
            };
            evaluator.evaluate(&job, reporter)
        }
    }

    #[derive(Default)]
    struct Recorder {
        curve: Vec<(u32, Metrics)>,
        stop_after: Option<u32>,
    }

    impl Reporter for Recorder {
        fn report(&mut self, step: u32, metrics: &Metrics) -> Flow {
            self.curve.push((step, metrics.clone()));
            if self.stop_after == Some(step) { Flow::Stop } else { Flow::Continue }
        }
    }

    #[test]
    fn digits_are_learned() {
        let space = space("nas_bench_201");
        let evaluator = evaluator(json!({"epochs": 4}));
        let mut recorder = Recorder::default();
        let start = std::time::Instant::now();
        let result = Ask::new(&*space, CELL).run(&*evaluator, &mut recorder).unwrap();
        println!("{:?} {:#?} {:?}", start.elapsed(), recorder.curve, result.metrics);
        assert!(result.metrics.get("valid_accuracy").unwrap() > 0.85);
        assert_eq!(result.epochs, 4);
        assert_eq!(recorder.curve.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
