//! Parzen estimators over architectures: the densities of good and of bad ones.
//!
//! A [`Density`] is a mixture with one kernel for each observed architecture and one for the prior,
//! which is even over the space. A kernel is a product over the choices, so the mixture is a joint
//! density: it knows which options go together. It is a proper density over a conditional space,
//! too: it is defined choice by choice in the order of the spec, each given those before it.
//!
//! - **Categorical** choices have the kernel of Aitchison and Aitken: the observed option keeps
//!   1 - λ, and the others share λ.
//! - **Integer and float** choices have a normal kernel on the unit scale of
//!   [`encode::unit`](crate::encode::unit), cut off at the ends of the range; where an integer has
//!   few values, it is normalized over those.
//! - **A choice that did not apply** in an observation has no kernel there. Where a kernel meets an
//!   architecture in which the choice does apply, the density of that choice alone over all
//!   observations that have it stands in for the missing one.
//!
//! Bandwidths follow Scott's rule, n^(-1 / (d + 4)) for n observations of d choices.
//!
//! # References
//! Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011,
//! <https://proceedings.neurips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html>;
//! Falkner, Klein and Hutter, "BOHB", ICML 2018, <https://arxiv.org/abs/1807.01774> (the joint
//! density); Aitchison and Aitken, "Multivariate Binary Discrimination by the Kernel Method",
//! Biometrika 63, 1976; Watanabe, "Tree-Structured Parzen Estimator", 2023,
//! <https://arxiv.org/abs/2304.11127> (what the parts are worth).

use nascent_record::{Architecture, Choice, Domain, Spec, Value};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::acquisition::normal_cdf;
use crate::config::invalid;
use crate::encode::unit::{from_unit, to_unit};
use crate::space::SpecExt as _;
use crate::{Result, Rng};

/// An integer choice with at most this many values is normalized over them; one with more is
/// treated like a float choice.
const FEW: u64 = 32;
/// Of the bad architectures the best have a kernel each, so many.
const NEAR: usize = 64;
/// The most kernels for the bad ones behind them.
const FAR: usize = 128;

/// How wide kernels are, and what the prior weighs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernels {
    /// The weight of the prior, where an observation has 1; above 0.
    pub prior_weight: f64,
    /// λ of categorical choices before Scott's rule, above 0 and at most 1.
    pub categorical_bandwidth: f64,
    /// The standard deviation of integer and float choices before Scott's rule, as a share of the
    /// range; above 0.
    pub numeric_bandwidth: f64,
}

impl Default for Kernels {
    fn default() -> Self {
        Self { prior_weight: 1.0, categorical_bandwidth: 0.2, numeric_bandwidth: 0.2 }
    }
}

impl Kernels {
    /// Checks the ranges of the settings of a searcher with this name.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn check(&self, searcher: &str) -> Result<()> {
        let settings = [
            ("prior_weight", self.prior_weight, f64::MAX, ""),
            ("categorical_bandwidth", self.categorical_bandwidth, 1.0, " and at most 1"),
            ("numeric_bandwidth", self.numeric_bandwidth, 1.0, " and at most 1"),
        ];
        match settings.iter().find(|(_, value, most, _)| !(*value > 0.0 && value <= most)) {
            None => Ok(()),
            Some((name, value, _, limit)) => {
                Err(invalid(searcher, format!("{name} is {value}, and must be above 0{limit}")))
            }
        }
    }
}

/// The densities of good and of bad architectures.
///
/// ```
/// use nascent::Seed;
/// use nascent::record::{Choice, Spec};
/// use nascent::search::bayesian::parzen::{Kernels, Parzen};
///
/// let spec = Spec::new(vec![Choice::categorical("op", ["conv", "pool", "skip"])])?;
/// let [conv, pool] = ["op=conv", "op=pool"].map(|text| spec.parse(text));
/// let (conv, pool) = (conv?, pool?);
/// let model = Parzen::new(&spec, &[(&conv, 1.0)], &[(&pool, 1.0)], Kernels::default());
/// assert!(model.score(&conv) > model.score(&pool));
/// let candidate = model.sample(&mut Seed::new(1).rng());
/// assert!(spec.check(&candidate).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Parzen<'a> {
    /// l(x), of the good ones.
    pub good: Density<'a>,
    /// g(x), of the bad ones.
    pub bad: Density<'a>,
}

impl<'a> Parzen<'a> {
    /// From good and bad architectures of this space, each with its weight, above 0. Without any,
    /// a density is the prior.
    pub fn new(
        spec: &'a Spec,
        good: &[(&Architecture, f64)],
        bad: &[(&Architecture, f64)],
        kernels: Kernels,
    ) -> Self {
        Self { good: Density::new(spec, good, kernels), bad: Density::new(spec, bad, kernels) }
    }

    /// An architecture from the density of the good ones.
    pub fn sample(&self, rng: &mut Rng) -> Architecture {
        self.good.sample(rng)
    }

    /// ln l(x) - ln g(x). Expected improvement grows with it (Bergstra et al., equation 5).
    pub fn score(&self, architecture: &Architecture) -> f64 {
        self.good.ln_density(architecture) - self.bad.ln_density(architecture)
    }
}

/// The bad ones, the best first, with their weights: all, or the best and an even sample of the
/// others, which weighs as much as they do.
pub(crate) fn thinned<'a, T>(
    bad: &'a [T],
    architecture: impl Fn(&'a T) -> &'a Architecture,
) -> Vec<(&'a Architecture, f64)> {
    let (near, far) = bad.split_at(bad.len().min(NEAR));
    let kept = far.len().min(FAR);
    let weight = far.len() as f64 / kept.max(1) as f64;
    let near = near.iter().map(|bad| (bad, 1.0));
    let sample = (0..kept).map(|at| (&far[at * far.len() / kept], weight));
    near.chain(sample).map(|(bad, weight)| (architecture(bad), weight)).collect()
}

/// A mixture of kernels around observed architectures, see the [module](self).
pub struct Density<'a> {
    spec: &'a Spec,
    choices: Vec<Kernel>,
    /// Of the kernels, the prior being the last; their sum is 1.
    weights: Vec<f64>,
}

impl<'a> Density<'a> {
    /// From observed architectures of this space, each with its weight, above 0.
    pub fn new(spec: &'a Spec, observed: &[(&Architecture, f64)], kernels: Kernels) -> Self {
        let n = observed.len().max(1) as f64;
        let shrink = n.powf(-1.0 / (spec.len() as f64 + 4.0));
        let weights = observed.iter().map(|(_, weight)| *weight);
        let mut weights: Vec<f64> = weights.chain([kernels.prior_weight]).collect();
        let total: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= total;
        }
        let choices = std::iter::zip(0.., spec.choices());
        let choices = choices.map(|(at, choice)| {
            let values = observed.iter().map(|(architecture, _)| architecture.values()[at]);
            let few = choice.domain.size().is_some_and(|size| size <= FEW);
            match &choice.domain {
                Domain::Categorical { .. } => {
                    let options = choice.domain.size().unwrap_or(1) as f64;
                    let others = options - 1.0;
                    // Wider than this, the observed option would be the least likely one.
                    let lambda = (kernels.categorical_bandwidth * shrink).min(others / options);
                    Kernel::Table(Table::new(choice, values, &weights, |a, b| {
                        if a == b { 1.0 - lambda } else { lambda / others }
                    }))
                }
                Domain::Integer { .. } if few => {
                    let std = kernels.numeric_bandwidth * shrink;
                    let unit: Vec<f64> = (0..choice.domain.size().unwrap_or(0))
                        .filter_map(|i| Some(to_unit(choice, choice.domain.nth(i)?)))
                        .collect();
                    Kernel::Table(Table::new(choice, values, &weights, |a, b| {
                        (-0.5 * ((unit[a] - unit[b]) / std).powi(2)).exp()
                    }))
                }
                _ => {
                    let units = values.map(|value| value.map(|value| to_unit(choice, value)));
                    Kernel::Line(Line::new(units, kernels.numeric_bandwidth * shrink))
                }
            }
        });
        Self { spec, choices: choices.collect(), weights }
    }

    /// The logarithm of the density: of the probability, where the space is finite. An integer with
    /// many values counts as a real number on its unit scale.
    pub fn ln_density(&self, architecture: &Architecture) -> f64 {
        let mut products = self.weights.clone();
        let parts = std::iter::zip(&self.choices, self.spec.choices());
        for ((kernel, choice), value) in std::iter::zip(parts, architecture.values()) {
            match (kernel, value) {
                (Kernel::Table(table), Some(value)) => {
                    let at = choice.domain.position(*value).unwrap_or(0) as usize;
                    table.multiply(at, &mut products);
                }
                (Kernel::Line(line), Some(value)) => {
                    line.multiply(to_unit(choice, *value), &self.weights, &mut products);
                }
                (_, None) => {}
            }
        }
        products.iter().sum::<f64>().max(f64::MIN_POSITIVE).ln()
    }

    /// An architecture that is drawn from the density.
    pub fn sample(&self, rng: &mut Rng) -> Architecture {
        let number = weighted(self.weights.iter().copied(), rng);
        let drawn = self.spec.build(|at, choice| match &self.choices[at] {
            Kernel::Table(table) => {
                let mass = table.masses(table.centers[number]);
                let drawn = choice.domain.nth(weighted(mass, rng) as u64);
                drawn.unwrap_or(Value::Int(0))
            }
            Kernel::Line(line) => from_unit(choice, line.draw(number, &self.weights, rng)),
        });
        // What is drawn is of the domain, so the other case is not reached.
        drawn.unwrap_or_else(|_impossible| self.spec.sample(rng))
    }
}

/// The kernels of one choice, one for each observation and the prior.
enum Kernel {
    Table(Table),
    Line(Line),
}

/// The kernels of a choice with few values.
struct Table {
    /// The number of values.
    size: usize,
    /// The mass of a value for a center, at `value * (size + 2) + center`. Behind the values there
    /// are two more centers: of an observation where the choice did not apply, and of the prior.
    mass: Vec<f64>,
    /// The center of each kernel.
    centers: Vec<u16>,
}

impl Table {
    fn new(
        choice: &Choice,
        observed: impl Iterator<Item = Option<Value>>,
        weights: &[f64],
        affinity: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let size = choice.domain.size().unwrap_or(1).max(1) as usize;
        let (missing, prior) = (size, size + 1);
        let centers = observed.map(|value| {
            let position = value.and_then(|value| choice.domain.position(value));
            position.map_or(missing, |position| position as usize) as u16
        });
        let centers: Vec<u16> = centers.chain([prior as u16]).collect();
        let even = 1.0 / size as f64;
        let stride = size + 2;
        let mut mass = vec![even; size * stride];
        for center in 0..size {
            let sum: f64 = (0..size).map(|value| affinity(value, center)).sum();
            for value in 0..size {
                mass[value * stride + center] = affinity(value, center) / sum;
            }
        }
        let mut present = vec![0.0; stride];
        for (center, weight) in std::iter::zip(&centers, weights) {
            present[usize::from(*center)] += weight;
        }
        present[missing] = 0.0;
        let total: f64 = present.iter().sum();
        for row in mass.chunks_exact_mut(stride) {
            let mixed: f64 =
                std::iter::zip(&*row, &present).map(|(mass, share)| mass * share).sum();
            row[missing] = mixed / total;
        }
        Self { size, mass, centers }
    }

    fn multiply(&self, value: usize, products: &mut [f64]) {
        let stride = self.size + 2;
        let row = &self.mass[value * stride..(value + 1) * stride];
        for (product, center) in std::iter::zip(products, &self.centers) {
            *product *= row[usize::from(*center)];
        }
    }

    /// The mass of each value for a center.
    fn masses(&self, center: u16) -> impl Iterator<Item = f64> + Clone + '_ {
        self.mass.chunks_exact(self.size + 2).map(move |row| row[usize::from(center)])
    }
}

/// The kernels of a choice with many values, on its unit scale.
struct Line {
    std: f64,
    /// The center of each observation and what makes its integral 1; `None` where the choice did not
    /// apply. The prior, behind them, is even.
    kernels: Vec<Option<(f64, f64)>>,
}

impl Line {
    fn new(observed: impl Iterator<Item = Option<f64>>, std: f64) -> Self {
        let kernels = observed.map(|center| {
            let center = center?;
            let inside = normal_cdf((1.0 - center) / std) - normal_cdf(-center / std);
            Some((center, 1.0 / (std * (2.0 * std::f64::consts::PI).sqrt() * inside)))
        });
        Self { std, kernels: kernels.collect() }
    }

    fn multiply(&self, x: f64, weights: &[f64], products: &mut [f64]) {
        let height =
            |(center, scale): (f64, f64)| scale * (-0.5 * ((x - center) / self.std).powi(2)).exp();
        // Of the observations that have the choice, and of the prior, whose height is 1.
        let mut sum = weights.last().copied().unwrap_or(0.0);
        let mut total = sum;
        let mut missing = false;
        for ((kernel, weight), product) in
            std::iter::zip(std::iter::zip(&self.kernels, weights), &mut *products)
        {
            if let Some(kernel) = *kernel {
                let height = height(kernel);
                *product *= height;
                sum += weight * height;
                total += weight;
            } else {
                missing = true;
            }
        }
        if missing {
            let all = std::iter::zip(&self.kernels, products);
            all.filter(|(kernel, _)| kernel.is_none()).for_each(|(_, p)| *p *= sum / total);
        }
    }

    /// A number from kernel `number`.
    fn draw(&self, number: usize, weights: &[f64], rng: &mut Rng) -> f64 {
        let prior = self.kernels.len();
        let number = if number < prior && self.kernels[number].is_none() {
            let present = |at: usize| self.kernels.get(at).is_none_or(Option::is_some);
            let shares = std::iter::zip(0.., weights);
            weighted(shares.map(|(at, w)| if present(at) { *w } else { 0.0 }), rng)
        } else {
            number
        };
        let Some((center, _)) = self.kernels.get(number).copied().flatten() else {
            return rng.random();
        };
        // The center is inside, so at least a third is kept where the deviation is at most 1.
        for _ in 0..64 {
            let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
            let x =
                center + self.std * radius * (std::f64::consts::TAU * rng.random::<f64>()).cos();
            if (0.0..=1.0).contains(&x) {
                return x;
            }
        }
        rng.random()
    }
}

/// A position, drawn in proportion to the weights.
fn weighted(weights: impl Iterator<Item = f64> + Clone, rng: &mut Rng) -> usize {
    let total: f64 = weights.clone().sum();
    let mut rest = rng.random::<f64>() * total;
    let mut last = 0;
    for (at, weight) in weights.enumerate() {
        if weight > 0.0 {
            last = at;
            if rest < weight {
                break;
            }
            rest -= weight;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use nascent_record::Condition;

    use super::*;
    use crate::Seed;

    fn conditional() -> Spec {
        let deep = |value| Condition::AtLeast { choice: "depth".into(), value };
        Spec::new(vec![
            Choice::integer("depth", 1, 3),
            Choice::categorical("op", ["conv", "pool", "skip"]).when(deep(2)),
            Choice::integer("width", 2, 16).log().step(7).when(deep(3)),
        ])
        .unwrap()
    }

    fn parse(spec: &Spec, texts: &[&str]) -> Vec<Architecture> {
        texts.iter().map(|text| spec.parse(text).unwrap()).collect()
    }

    fn weighing_1(architectures: &[Architecture]) -> Vec<(&Architecture, f64)> {
        architectures.iter().map(|architecture| (architecture, 1.0)).collect()
    }

    #[test]
    fn a_density_of_a_conditional_space_sums_to_1_and_is_what_is_drawn() {
        let spec = conditional();
        let observed = parse(&spec, &["depth=1", "depth=2,op=pool", "depth=3,op=skip,width=9"]);
        let weighted: Vec<_> = std::iter::zip(&observed, [1.0, 0.5, 3.0]).collect();
        let density = Density::new(&spec, &weighted, Kernels::default());
        let all: Vec<Architecture> = spec.grid(2).collect();
        let sum: f64 = all.iter().map(|a| density.ln_density(a).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        let (mut rng, draws) = (Seed::new(1).rng(), 20_000);
        let drawn: Vec<Architecture> = (0..draws).map(|_| density.sample(&mut rng)).collect();
        for architecture in &all {
            let expected = density.ln_density(architecture).exp();
            let share =
                drawn.iter().filter(|a| *a == architecture).count() as f64 / f64::from(draws);
            let deviation = (expected / f64::from(draws)).sqrt();
            assert!((share - expected).abs() < 5.0 * deviation, "{share} is not {expected}");
        }
    }

    /// By hand: two observations of one choice with three options and λ = 0.2 · 2^(-1/5), a prior of
    /// weight 1.
    #[test]
    fn the_kernel_of_aitchison_and_aitken() {
        let spec = Spec::new(vec![Choice::categorical("op", ["a", "b", "c"])]).unwrap();
        let observed = parse(&spec, &["op=a", "op=b"]);
        let density = Density::new(&spec, &weighing_1(&observed), Kernels::default());
        let lambda = 0.2 * 2_f64.powf(-0.2);
        let expected = (1.0 - lambda + lambda / 2.0 + 1.0 / 3.0) / 3.0;
        let found = density.ln_density(&observed[0]).exp();
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn a_real_number_has_a_cut_normal_kernel_that_integrates_to_1() {
        let spec = Spec::new(vec![
            Choice::categorical("decay", ["off", "on"]),
            Choice::float("rate", 1e-4, 1e-1)
                .log()
                .when(Condition::OneOf { choice: "decay".into(), options: vec!["on".into()] }),
        ])
        .unwrap();
        let texts = ["decay=on,rate=0.0001", "decay=on,rate=0.02", "decay=off"];
        let observed = parse(&spec, &texts);
        let density = Density::new(&spec, &weighing_1(&observed), Kernels::default());
        let steps = 2000;
        let on = |unit: f64| {
            spec.build(|at, choice| if at == 0 { Value::Int(1) } else { from_unit(choice, unit) })
        };
        let middle = |step: i32| (f64::from(step) + 0.5) / f64::from(steps);
        let heights = (0..steps).map(|step| density.ln_density(&on(middle(step)).unwrap()).exp());
        let sum = heights.sum::<f64>() / f64::from(steps) + density.ln_density(&observed[2]).exp();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        // What is drawn has the mean of the density.
        let mut rng = Seed::new(2).rng();
        let unit = |a: &Architecture| Some(to_unit(&spec.choices()[1], a.values()[1]?));
        let drawn: Vec<f64> = (0..20_000).filter_map(|_| unit(&density.sample(&mut rng))).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let moment = |step| middle(step) * density.ln_density(&on(middle(step)).unwrap()).exp();
        let expected = (0..steps).map(moment).sum::<f64>()
            / f64::from(steps)
            / (1.0 - density.ln_density(&observed[2]).exp());
        assert!((mean - expected).abs() < 0.01, "{mean} is not {expected}");
    }

    #[test]
    fn what_is_near_good_and_far_from_bad_scores_best() {
        let spec = conditional();
        let good = parse(&spec, &["depth=3,op=skip,width=9", "depth=3,op=skip,width=16"]);
        let bad = parse(&spec, &["depth=1", "depth=2,op=pool", "depth=3,op=pool,width=2"]);
        let model = Parzen::new(&spec, &weighing_1(&good), &weighing_1(&bad), Kernels::default());
        let best = spec.grid(2).max_by(|a, b| model.score(a).total_cmp(&model.score(b))).unwrap();
        assert!(good.contains(&best), "{best}");
        let worst = spec.grid(2).min_by(|a, b| model.score(a).total_cmp(&model.score(b))).unwrap();
        assert!(worst.int(0) == Some(1) || worst.int(1) == Some(1), "{worst}");
    }
}
