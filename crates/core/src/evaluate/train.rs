//! Training from scratch on a dataset.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::Device;
use nascent_record::{Architecture, Fidelity, MetricSpec, Metrics};

use super::{CHECKPOINT, Evaluation, Evaluator, EvaluatorEntry, Job, Purpose, Reporter, Resources};
use crate::config::{defaults, invalid, parse};
use crate::nn::{Cost, Model, cost};
use crate::space::{SearchSpace, SpecExt as _};
use crate::train::{
    Data, Fit, Part, Plan, Precision, Score, TrainConfig, device, evaluate, fit, latency_ms,
    memory_mib, on_one_thread, weights_mib,
};
use crate::{Error, Result, Seed};

const NAME: &str = "train";

/// The row of [`EVALUATORS`](super::EVALUATORS).
pub static ENTRY: EvaluatorEntry = EvaluatorEntry {
    name: NAME,
    summary: "Trains the network from scratch and measures it on held-out examples.",
    reference: "",
    defaults: defaults::<TrainConfig>,
    build: |config, resources| Ok(Box::new(TrainEvaluator::new(parse(NAME, config)?, resources)?)),
};

/// Trains every architecture from scratch.
///
/// The metrics of a complete trial are those of its best epoch by validation accuracy, whose weights
/// are the ones that are kept; the metrics of a stopped trial are those of its last whole epoch, so
/// that they are a point of its learning curve.
///
/// `latency_ms` is measured, see [`latency_ms`]: it differs from run to run and is no part of the
/// history's hash. A search that is for it, or is bound by it, resumes exactly all the same, because
/// what was measured is in the log.
///
/// A trial at a lower fidelity is the beginning of a full training: its learning rate is planned for
/// all epochs, so that a later trial can go on with it.
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
        if device.is_cpu() && config.precision != Precision::F32 {
            let problem = "precision is for a GPU: on the CPU, half precision is many times slower \
                           than f32; leave it out, or train with --device cuda or metal";
            return Err(invalid("train evaluator", problem));
        }
        Ok(Self { config, data, device })
    }

    /// The data, split.
    pub fn data(&self) -> &Data {
        &self.data
    }

    fn run(&self, job: &Job<'_>, model: &Model, reporter: &mut dyn Reporter) -> Result<Outcome> {
        let plan = match job.purpose {
            Purpose::Search => {
                if let Some(weights) = job.weights {
                    model.inherit(weights)?;
                }
                let (epochs, full) = (self.epochs(job.proposal.fidelity), self.config.epochs);
                Plan {
                    epochs,
                    horizon: full,
                    seed: job.seed,
                    checkpoint: job.checkpoint.map(|checkpoint| checkpoint.bytes),
                    keep_checkpoint: job.keep_checkpoint && epochs < full,
                }
            }
            Purpose::Retrain { epochs } => Plan::new(epochs, job.seed),
        };
        let fit = fit(model, &self.data, &self.config, &plan, reporter)?;
        let final_training = matches!(job.purpose, Purpose::Retrain { .. });
        let (test, weights) = if final_training && !fit.stopped {
            let batch_size = self.config.eval_batch_size;
            let test = evaluate(model, &self.data, Part::Test, batch_size)?;
            (Some(test), Some(model.to_safetensors()?))
        } else {
            (None, None)
        };
        // A network that learned nothing yet is not one to use.
        let latency_ms = fit.last.map(|_| latency_ms(model)).transpose()?;
        Ok(Outcome { fit, test, latency_ms, weights })
    }
}

struct Outcome {
    fit: Fit,
    test: Option<Score>,
    latency_ms: Option<f64>,
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
            MetricSpec::minimize("latency_ms", "ms").measured(),
            MetricSpec::maximize("test_accuracy", "").only_final(),
            MetricSpec::minimize("test_loss", "").only_final(),
        ]
    }

    fn check(&self, space: &dyn SearchSpace) -> Result<()> {
        let (shape, classes) = (self.data.dataset().shape(), self.data.dataset().classes().len());
        let mut rng = Seed::new(0).rng();
        let mut problem = None;
        for _ in 0..8 {
            let graph = space.graph(&space.spec().sample(&mut rng))?;
            match cost(&graph, shape, classes) {
                Ok(_) => return Ok(()),
                Err(error) => problem = Some(error),
            }
        }
        problem.map_or(Ok(()), |problem| {
            let problem = format!(
                "this search space does not suit examples of shape {shape:?}: {problem}; choose \
                 another, such as mlp, which suits any"
            );
            Err(invalid("train evaluator", problem))
        })
    }

    fn epochs(&self, fidelity: Option<Fidelity>) -> u32 {
        fidelity.map_or(self.config.epochs, |fidelity| fidelity.epochs.max(1))
    }

    fn cheap_metrics(
        &self,
        space: &dyn SearchSpace,
        architecture: &Architecture,
    ) -> Result<Metrics> {
        let dataset = self.data.dataset();
        let graph = space.graph(architecture)?;
        let Cost { params, flops, .. } = cost(&graph, dataset.shape(), dataset.classes().len())?;
        Ok(Metrics::new([("params", params as f64), ("flops", flops as f64)])?)
    }

    fn evaluate(&self, job: &Job<'_>, reporter: &mut dyn Reporter) -> Result<Evaluation> {
        let graph = job.space.graph(&job.proposal.architecture)?;
        let (shape, classes) = (self.data.dataset().shape(), self.data.dataset().classes().len());
        let cost = cost(&graph, shape, classes)?;
        let check_memory = |needed_mib: u64| match job.limits.max_trial_mib {
            Some(limit_mib) if needed_mib > limit_mib => {
                Err(Error::Memory { needed_mib, limit_mib })
            }
            _ => Ok(()),
        };
        check_memory(weights_mib(cost, &self.config))?;
        let Outcome { fit, test, latency_ms, weights } = on_one_thread(reporter, |reporter| {
            let model = Model::new(&graph, shape, classes, job.seed, &self.device)?
                .computing_in(self.config.precision.dtype());
            check_memory(memory_mib(&model, &self.config)?)?;
            self.run(job, &model, reporter)
        })?;
        let chosen = if fit.stopped { fit.last } else { fit.best };
        let mut metrics = chosen.map_or_else(|| Ok(Metrics::default()), |epoch| epoch.metrics())?;
        let Cost { params, flops, .. } = cost;
        metrics.insert("params", params as f64)?;
        metrics.insert("flops", flops as f64)?;
        if let Some(latency_ms) = latency_ms {
            metrics.insert("latency_ms", latency_ms)?;
        }
        if let Some(test) = test {
            metrics.insert("test_accuracy", test.accuracy)?;
            metrics.insert("test_loss", test.loss)?;
        }
        let artifacts = [("weights", weights), (CHECKPOINT, fit.checkpoint)].into_iter();
        let artifacts = artifacts.filter_map(|(name, bytes)| Some((name.to_owned(), bytes?)));
        let artifacts: BTreeMap<_, _> = artifacts.collect();
        Ok(Evaluation { metrics, epochs: fit.epochs, artifacts })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use nascent_record::{Proposal, TrialId, TrialLimits};
    use serde_json::{Value, json};

    use super::*;
    use crate::Seed;
    use crate::evaluate::{Flow, Silent};
    use crate::space::{self, SearchSpace};
    use crate::train::Batch;

    /// One with every operation.
    const CELL: &str =
        "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|";

    fn resources(examples: usize) -> Resources {
        let digits = nascent_datasets::load("digits", None).unwrap().limited(examples, 0);
        Resources {
            dataset: Some(Arc::new(digits)),
            table: None,
            seed: Seed::new(1),
            device: "cpu".to_owned(),
        }
    }

    fn evaluator(examples: usize, settings: &Value) -> Box<dyn Evaluator> {
        ENTRY.make(settings, &resources(examples)).unwrap()
    }

    fn space(name: &str) -> Box<dyn SearchSpace> {
        space::find(name).unwrap().make(&json!({}), &()).unwrap()
    }

    /// What to evaluate.
    #[derive(Clone, Copy)]
    struct Ask {
        space: &'static str,
        architecture: &'static str,
        seed: u64,
        purpose: Purpose,
        fidelity: Option<Fidelity>,
        max_trial_mib: Option<u64>,
    }

    const ASK: Ask = Ask {
        space: "nas_bench_201",
        architecture: CELL,
        seed: 3,
        purpose: Purpose::Search,
        fidelity: None,
        max_trial_mib: None,
    };

    impl Ask {
        fn run(self, evaluator: &dyn Evaluator, reporter: &mut dyn Reporter) -> Result<Evaluation> {
            let space = space(self.space);
            let mut proposal = Proposal::new(space.parse(self.architecture).unwrap());
            proposal.fidelity = self.fidelity;
            let job = Job {
                space: &*space,
                trial: TrialId(0),
                proposal: &proposal,
                seed: Seed::new(self.seed),
                purpose: self.purpose,
                limits: TrialLimits { max_trial_secs: None, max_trial_mib: self.max_trial_mib },
                checkpoint: None,
                weights: None,
                keep_checkpoint: false,
            };
            evaluator.evaluate(&job, reporter)
        }
    }

    /// Records a learning curve, and stops where it is told to.
    #[derive(Default)]
    struct Recorder {
        curve: Vec<(u32, Metrics)>,
        polls: u32,
        stop_after_epoch: Option<u32>,
        stop_at_poll: Option<u32>,
    }

    impl Reporter for Recorder {
        fn report(&mut self, step: u32, metrics: &Metrics) -> Flow {
            self.curve.push((step, metrics.clone()));
            if self.stop_after_epoch == Some(step) { Flow::Stop } else { Flow::Continue }
        }
        fn poll(&mut self) -> Flow {
            self.polls += 1;
            if self.stop_at_poll == Some(self.polls) { Flow::Stop } else { Flow::Continue }
        }
    }

    #[test]
    fn half_precision_is_refused_on_the_cpu() {
        let half = ENTRY.make(&json!({"precision": "bf16"}), &resources(50));
        let Err(error) = half else { panic!("it is taken") };
        assert!(error.to_string().contains("leave it out"), "{error}");
    }

    #[test]
    fn digits_are_learned() {
        let evaluator = evaluator(1797, &json!({"epochs": 3}));
        let mut recorder = Recorder::default();
        let result = ASK.run(&*evaluator, &mut recorder).unwrap();
        assert!(result.metrics.get("valid_accuracy").unwrap() > 0.9, "{:?}", result.metrics);
        assert_eq!(result.epochs, 3);
        assert!(result.artifacts.is_empty());
        let steps: Vec<u32> = recorder.curve.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [1, 2, 3]);
        // 1079 training examples: 16 batches of 64 and one of 55.
        assert_eq!(recorder.polls, 3 * 17);
        let declared: Vec<String> = evaluator.metrics().into_iter().map(|m| m.name).collect();
        let reported = recorder.curve.iter().map(|(_, m)| m).chain([&result.metrics]);
        for (name, _) in reported.flat_map(Metrics::iter) {
            assert!(declared.iter().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn a_perceptron_learns_digits_with_either_optimizer() {
        for settings in [
            json!({"epochs": 6}),
            json!({"epochs": 6, "optimizer": "adamw", "learning_rate": 0.005, "warmup_epochs": 1.0,
                   "label_smoothing": 0.1}),
        ] {
            let evaluator = evaluator(1797, &settings);
            let architecture = "depth=2,width_1=64,width_2=32,activation=gelu,\
                                normalization=batch_norm,dropout=on,dropout_rate=0.1";
            let ask = Ask { space: "mlp", architecture, ..ASK };
            let result = ask.run(&*evaluator, &mut Silent).unwrap();
            assert!(result.metrics.get("valid_accuracy").unwrap() > 0.9, "{:?}", result.metrics);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_in_any_thread_and_any_pool() {
        let settings = json!({"epochs": 2, "augment_crop": 1, "augment_cutout": 2});
        let evaluator = evaluator(400, &settings);
        let retrain = Ask { purpose: Purpose::Retrain { epochs: 2 }, ..ASK };
        let run = |ask: Ask| {
            let mut evaluation = ask.run(&*evaluator, &mut Silent).unwrap();
            assert!(evaluation.metrics.get("latency_ms").unwrap() > 0.0);
            let computed = evaluation.metrics.iter().filter(|(name, _)| *name != "latency_ms");
            evaluation.metrics = Metrics::new(computed).unwrap();
            evaluation
        };
        let alone = run(retrain);
        assert!(alone.artifacts.contains_key("weights"));
        assert_ne!(alone.metrics, run(Ask { seed: 4, ..retrain }).metrics);
        std::thread::scope(|scope| {
            let spawn = |_| {
                let thread = std::thread::Builder::new();
                thread.spawn_scoped(scope, || run(retrain)).unwrap()
            };
            for thread in [0, 1].map(spawn) {
                assert!(thread.join().unwrap() == alone);
            }
        });
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| run(retrain)) == alone);
        }
    }

    /// The sums of a matrix product do not depend on the number of threads either.
    #[test]
    fn a_training_outside_of_its_own_thread_gives_the_same_bits() {
        let data =
            Data::new(resources(300).dataset.unwrap(), &TrainConfig::default(), Seed::new(1));
        let data = data.unwrap();
        let space = space("nas_bench_201");
        let graph = space.graph(&space.parse(CELL).unwrap()).unwrap();
        let train = || {
            let model = Model::new(&graph, &[1, 8, 8], 10, Seed::new(2), &Device::Cpu).unwrap();
            let config = TrainConfig::default();
            let plan = Plan::new(1, Seed::new(2));
            fit(&model, &data, &config, &plan, &mut Silent).unwrap();
            model.to_safetensors().unwrap()
        };
        let expected = on_one_thread(&mut Silent, |_| Ok(train())).unwrap();
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(train) == expected);
        }
    }

    #[test]
    fn a_stopped_trial_has_the_metrics_of_its_last_whole_epoch() {
        let evaluator = evaluator(300, &json!({"epochs": 4, "batch_size": 32}));
        let mut recorder = Recorder { stop_after_epoch: Some(2), ..Recorder::default() };
        let result = ASK.run(&*evaluator, &mut recorder).unwrap();
        assert_eq!((result.epochs, recorder.curve.len()), (2, 2));
        for (name, value) in recorder.curve[1].1.iter() {
            assert_eq!(result.metrics.get(name), Some(value));
        }
        // 180 training examples are 6 batches; the stop comes in the second epoch.
        let mut recorder = Recorder { stop_at_poll: Some(8), ..Recorder::default() };
        let result = ASK.run(&*evaluator, &mut recorder).unwrap();
        assert_eq!((result.epochs, recorder.polls), (1, 8));
        assert!(result.metrics.get("valid_loss").is_some());
        // In the first, there is nothing to tell but the size.
        let mut recorder = Recorder { stop_at_poll: Some(1), ..Recorder::default() };
        let result = ASK.run(&*evaluator, &mut recorder).unwrap();
        let names: Vec<&str> = result.metrics.iter().map(|(name, _)| name).collect();
        assert_eq!((result.epochs, names), (0, vec!["flops", "params"]));
    }

    #[test]
    fn the_fidelity_decides_the_epochs_and_patience_ends_them() {
        let evaluator = evaluator(300, &json!({"epochs": 1}));
        assert_eq!(evaluator.epochs(None), 1);
        let fidelity = Some(Fidelity { epochs: 2 });
        assert_eq!(evaluator.epochs(fidelity), 2);
        assert_eq!(Ask { fidelity, ..ASK }.run(&*evaluator, &mut Silent).unwrap().epochs, 2);

        let settings = json!({"epochs": 50, "early_stop_patience": 2, "learning_rate": 1e-9});
        let evaluator = self::evaluator(100, &settings);
        let mut recorder = Recorder::default();
        let architecture = "depth=1,width_1=16,activation=relu,normalization=none,dropout=off";
        let ask = Ask { space: "mlp", architecture, ..ASK };
        let result = ask.run(&*evaluator, &mut recorder).unwrap();
        assert!(result.epochs < 50);
        let accuracy = |(_, m): &(u32, Metrics)| m.get("valid_accuracy").unwrap();
        let best = recorder.curve.iter().map(accuracy).fold(0.0, f64::max);
        assert_eq!(result.metrics.get("valid_accuracy"), Some(best));
    }

    #[test]
    fn a_diverging_training_and_one_over_its_memory_fail_as_such() {
        let evaluator = evaluator(300, &json!({"learning_rate": 1e6, "clip_norm": 0.0}));
        let error = ASK.run(&*evaluator, &mut Silent).unwrap_err();
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
        let tight = Ask { max_trial_mib: Some(1), ..ASK };
        let error = tight.run(&*evaluator, &mut Silent).unwrap_err();
        assert!(matches!(error, Error::Memory { limit_mib: 1, .. }), "{error}");
    }

    #[test]
    fn a_final_training_is_tested_and_leaves_weights_that_predict() {
        let evaluator = TrainEvaluator::new(TrainConfig::default(), &resources(1797)).unwrap();
        let ask = Ask { purpose: Purpose::Retrain { epochs: 3 }, ..ASK };
        let result = ask.run(&evaluator, &mut Silent).unwrap();
        assert!(result.metrics.get("test_accuracy").unwrap() > 0.9);
        let model = Model::from_safetensors(&result.artifacts["weights"], &Device::Cpu).unwrap();
        let test = evaluate(&model, evaluator.data(), Part::Test, 64).unwrap();
        let reported = result.metrics.get("test_accuracy").unwrap();
        assert!((test.accuracy - reported).abs() < 1e-9);
        let examples = &evaluator.data().examples(Part::Test)[..20];
        let mut batch = Batch::default();
        evaluator.data().batch(Part::Test, examples, None, &mut batch);
        let inputs = batch.inputs(&[1, 8, 8], &Device::Cpu).unwrap();
        let answers = model.predict(&inputs).unwrap().argmax(1).unwrap();
        let answers = answers.to_dtype(DType::U32).unwrap().to_vec1::<u32>().unwrap();
        let right = answers.iter().zip(&batch.labels).filter(|(a, b)| a == b).count();
        assert!(right >= 17, "{answers:?} {:?}", batch.labels);
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        let message = |settings: &Value, resources: &Resources| {
            ENTRY.make(settings, resources).err().map(|e| e.to_string()).unwrap_or_default()
        };
        let none = Resources { dataset: None, ..resources(300) };
        let text = message(&json!({}), &none);
        assert_eq!(text, "the train evaluator needs a dataset; name one, such as digits");
        assert!(message(&json!({"batch_size": 0}), &resources(300)).contains("batch_size"));
        let cuda = Resources { device: "cuda".to_owned(), ..resources(300) };
        if !cfg!(feature = "cuda") {
            assert!(message(&json!({}), &cuda).contains("rebuild with --features cuda"));
        }
        let evaluator = evaluator(300, &json!({"test_fraction": 0.0}));
        let ask = Ask { purpose: Purpose::Retrain { epochs: 1 }, ..ASK };
        let error = ask.run(&*evaluator, &mut Silent).unwrap_err().to_string();
        assert!(error.contains("test_fraction is 0"), "{error}");
    }
}
