//! Counts parameters and multiplications, and trains nothing: a search for a network of a given
//! size, and a benchmark of searchers on any space that costs microseconds.

use nascent_record::{Architecture, Fidelity, MetricSpec, Metrics};
use serde::{Deserialize, Serialize};

use super::{Evaluation, Evaluator, EvaluatorEntry, Job, Reporter, Resources};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::nn::{Cost, cost};
use crate::space::SearchSpace;

const NAME: &str = "size";

/// The row of the table of evaluators.
pub static ENTRY: EvaluatorEntry = EvaluatorEntry {
    name: NAME,
    summary: "Counts parameters and FLOPs without training, against a target.",
    reference: "",
    defaults: defaults::<Config>,
    build: |config, resources| Ok(Box::new(SizeEvaluator::new(parse(NAME, config)?, resources)?)),
};

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The parameters that are wanted, above 0.
    pub target_params: f64,
    /// The multiplications of one example that are wanted, above 0.
    pub target_flops: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { target_params: 1e5, target_flops: 1e7 }
    }
}

/// The evaluator, see the [module](self).
pub struct SizeEvaluator {
    config: Config,
    shape: Vec<usize>,
    classes: usize,
}

impl SizeEvaluator {
    /// An evaluator of networks for the dataset of the resources, or for gray images of 28 by 28 in
    /// ten classes where there is none.
    ///
    /// # Errors
    /// If a target is not above 0.
    pub fn new(config: Config, resources: &Resources) -> Result<Self> {
        let targets =
            [("target_params", config.target_params), ("target_flops", config.target_flops)];
        for (name, target) in targets {
            if !(target.is_finite() && target > 0.0) {
                return Err(invalid(NAME, format!("{name} is {target}, and must be above 0")));
            }
        }
        let dataset = resources.dataset.as_ref();
        let known = dataset.map(|dataset| (dataset.shape().to_vec(), dataset.classes().len()));
        let (shape, classes) = known.unwrap_or_else(|| (vec![1, 28, 28], 10));
        Ok(Self { config, shape, classes })
    }
}

impl Evaluator for SizeEvaluator {
    fn metrics(&self) -> Vec<MetricSpec> {
        vec![
            MetricSpec::minimize("size_error", ""),
            MetricSpec::minimize("params", ""),
            MetricSpec::minimize("flops", "MAC"),
        ]
    }

    fn epochs(&self, _fidelity: Option<Fidelity>) -> u32 {
        1
    }

    fn cheap_metrics(
        &self,
        space: &dyn SearchSpace,
        architecture: &Architecture,
    ) -> Result<Metrics> {
        let Cost { params, flops, .. } =
            cost(&space.graph(architecture)?, &self.shape, self.classes)?;
        let (params, flops) = (params as f64, flops as f64);
        // In orders of e, so that half and double are equally wrong; at least 1 of each is counted.
        let miss = |count: f64, target: f64| (count.max(1.0) / target).ln().abs();
        let error = miss(params, self.config.target_params) + miss(flops, self.config.target_flops);
        Ok(Metrics::new([("size_error", error), ("params", params), ("flops", flops)])?)
    }

    fn evaluate(&self, job: &Job<'_>, _reporter: &mut dyn Reporter) -> Result<Evaluation> {
        let metrics = self.cheap_metrics(job.space, &job.proposal.architecture)?;
        Ok(Evaluation { metrics, epochs: 0, ..Evaluation::default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Seed;

    #[test]
    fn the_error_is_the_distance_of_the_logarithms() {
        let space = crate::space::find("nas_bench_201").unwrap().make(&json!({}), &()).unwrap();
        let resources =
            Resources { dataset: None, table: None, seed: Seed::new(0), device: "cpu".into() };
        let settings = json!({ "target_params": 1000, "target_flops": 1e6 });
        let evaluator = ENTRY.make(&settings, &resources).unwrap();
        let name = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|";
        let metrics = evaluator.cheap_metrics(&*space, &space.parse(name).unwrap()).unwrap();
        let of = |name| metrics.get(name).unwrap();
        let expected = (of("params") / 1000.0).ln().abs() + (of("flops") / 1e6).ln().abs();
        assert!((of("size_error") - expected).abs() < 1e-12);
        let problem = ENTRY.make(&json!({ "target_flops": 0 }), &resources).err().unwrap();
        assert!(problem.to_string().contains("target_flops is 0"));
    }
}
