//! DrNAS: the mixture of each edge is drawn from a Dirichlet distribution, whose concentrations are
//! learned.
//!
//! # Algorithm
//! For each batch and edge `p ~ Dirichlet(β)` with `β = elu(α) + 1` (Chen et al., section 3.1); the
//! edge computes `Σ_o p_o · o(x)`. α moves against the gradient of the validation loss through p
//! (pathwise, by the implicit derivative of the gamma distribution). In the end the operation
//! with the largest concentration of each edge is taken, by the rule of the space.
//!
//! The search is progressive (section 3.3): the epochs are divided into `stages`. In the first one
//! operations see one of `parts` equal parts of the channels, as in `pc_darts` but without weights of
//! edges, and in each later one twice as many channels. Behind each stage but the last one only the
//! stronger half of the operations of each edge stays, rounded up: what is left out takes no more time.
//! Weights go on, with copies of channels where there were none. At the start of each stage, for a share
//! `warm_up` of it, only the weights learn. The decay of α is the paper's pull of β towards 1.
//!
//! # Cost
//! As `darts` of first order, on a part of the channels; behind the first stage with fewer operations on
//! more of them.
//!
//! # References
//! Chen, Wang, Cheng, Tang and Hsieh, "DrNAS: Dirichlet Neural Architecture Search", ICLR 2021,
//! <https://arxiv.org/abs/2006.10355>.
//! Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients", NeurIPS 2018,
//! <https://arxiv.org/abs/1805.08498>.
//!
//! # Differences from the paper
//! Edges of a node are compared by the mean of their distribution, as operations are; the code of the
//! paper compares softmaxes of α.

use candle_core::{Device, Tensor};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::alpha::{Alpha, normal};
use super::method::{Method, Mixture};
use super::one_shot::OneShot;
use super::relaxation::relaxed;
use super::settings::{AllSettings, AlphaSettings, Settings};
use crate::config::{defaults, invalid, parse};
use crate::nn::Model;
use crate::search::{SearchSetup, SearcherEntry};
use crate::space::Supernet;
use crate::{Result, Rng, Seed};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "As darts, but each batch draws its mixture from a Dirichlet distribution.",
    reference: "Chen et al. 2021, https://arxiv.org/abs/2006.10355",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        if !(1..=8).contains(&config.stages) {
            return Err(invalid(NAME, "stages must be 1 to 8"));
        }
        if !(0.0..1.0).contains(&config.warm_up) {
            return Err(invalid(NAME, "warm_up must be from 0 to below 1"));
        }
        let supernet = relaxed(NAME, &*setup.space)?.supernet();
        if config.supernet.supernet_epochs < config.stages {
            let problem = format!(
                "{} stages need as many epochs at least, and supernet_epochs is {}",
                config.stages, config.supernet.supernet_epochs
            );
            return Err(invalid(NAME, problem));
        }
        let first_parts = 1 << config.stages;
        let is_divided = !config.supernet.inherit_weights && fits(&supernet, first_parts, setup);
        let parts = config.parts.unwrap_or(if is_divided { first_parts } else { 1 });
        let last = parts >> (config.stages - 1);
        if parts != 1 && !(parts <= 64 && last >= 2 && last << (config.stages - 1) == parts) {
            let problem = format!(
                "with {} stages, in each of which operations see twice as many channels, parts must be \
                 1 for all channels, or {} times a whole number above 1, up to 64",
                config.stages,
                1 << (config.stages - 1)
            );
            return Err(invalid(NAME, problem));
        }
        let are_none = supernet.are_none();
        let stays = vec![true; are_none.len()];
        let Config { stages, warm_up, .. } = config;
        let method = DrNas { stages, parts, warm_up, are_none, stays };
        let settings =
            AllSettings { weights: config.supernet, alpha: Some(config.alpha), curvature: None };
        Ok(Box::new(OneShot::new(NAME, settings, method, setup)?))
    },
};

const NAME: &str = "drnas";

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every supernet.
    #[serde(flatten)]
    pub supernet: Settings,
    /// Those of α.
    #[serde(flatten)]
    pub alpha: AlphaSettings,
    /// In how many stages the epochs are divided, behind each of which half of the operations of an edge
    /// stays; 1 to 8, and 2 in the paper.
    pub stages: u32,
    /// In how many parts the channels are divided in the first stage, of which one goes through the
    /// operations: 1 for no parts, else up to 64, twice as many for each stage, and half as many in each
    /// later one. null for 2 in the last stage, which is 4 in the first of two; and for 1 where channels
    /// cannot be divided so, or with `inherit_weights`.
    pub parts: Option<usize>,
    /// For which share of each stage, at its start, only the weights learn; 0 to below 1. 0.2 in the
    /// paper.
    pub warm_up: f64,
}

impl Default for Config {
    fn default() -> Self {
        let (supernet, alpha) = (Settings::default(), AlphaSettings::default());
        Self { supernet, alpha, stages: 2, parts: None, warm_up: 0.2 }
    }
}

/// Whether the channels of a supernet can be divided in so many parts.
fn fits(supernet: &Supernet, parts: usize, setup: &SearchSetup) -> bool {
    let dataset = setup.resources.as_ref().and_then(|resources| resources.dataset.as_ref());
    let (Some(dataset), Some(supernet)) = (dataset, supernet.partial(parts)) else { return false };
    let (shape, classes) = (dataset.shape(), dataset.classes().len());
    Model::new(&supernet.graph, shape, classes, Seed::new(0), &Device::Cpu).is_ok()
}

struct DrNas {
    stages: u32,
    parts: usize,
    warm_up: f64,
    /// Which options are to have no operation.
    are_none: Vec<bool>,
    /// Which options have not been left out.
    stays: Vec<bool>,
}

/// The name of `stays` in a snapshot.
const STAYS: &str = "stays";

impl Method for DrNas {
    fn parts(&self, epochs: u32, of: u32) -> usize {
        let last = self.stages - 1;
        let stage = u64::from(epochs) * u64::from(self.stages) / u64::from(of.max(1));
        (self.parts >> stage.min(u64::from(last))).max(1)
    }

    fn learns_at(&self, progress: f64, epochs: u32) -> bool {
        // A stage has whole epochs, so that it is not always an equal part of all.
        let [epochs, stages] = [epochs, self.stages].map(u64::from);
        let at = progress * epochs as f64;
        let stage = ((at + 1e-6) as u64 * stages / epochs).min(stages - 1);
        let [first, next] =
            [stage, stage + 1].map(|stage| (stage * epochs).div_ceil(stages) as f64);
        at - first >= self.warm_up * (next - first) - 1e-6
    }

    fn mix(&self, alpha: &Alpha, _: f64, rng: &mut Rng) -> Mixture {
        let mut values = vec![0.0; alpha.values.len()];
        let mut slopes = values.clone();
        for edge in alpha.edges() {
            let mut sum = 0.0;
            for at in edge.clone().filter(|at| self.stays[*at]) {
                let shape = concentration(alpha.values[at]);
                values[at] = gamma(shape, rng);
                slopes[at] = gamma_slope(shape, values[at]) * elu_slope(alpha.values[at]);
                sum += values[at];
            }
            for at in edge.clone() {
                values[at] /= sum;
                slopes[at] /= sum;
            }
        }
        Mixture { slopes: Some(slopes), ..Mixture::soft(alpha.with(values)) }
    }

    /// `p_j = g_j / Σ g`, so that `∂p_j / ∂α_i = (δ_ij - p_j) (∂g_i / ∂α_i) / Σ g`.
    fn differentiate(&self, mixture: &Mixture, for_coefficients: &[f64]) -> Vec<f64> {
        let p = &mixture.probabilities;
        let mut gradient = vec![0.0; p.values.len()];
        let Some(slopes) = &mixture.slopes else { return gradient };
        for edge in p.edges() {
            let both = std::iter::zip(&p.values[edge.clone()], &for_coefficients[edge.clone()]);
            let mean: f64 = both.map(|(p, g)| p * g).sum();
            for at in edge.clone().filter(|at| self.stays[*at]) {
                gradient[at] = (for_coefficients[at] - mean) * slopes[at];
            }
        }
        gradient
    }

    /// The mean of the distribution.
    fn strengths(&self, alpha: &Alpha) -> Alpha {
        let of = |(x, stays): (&f64, &bool)| if *stays { concentration(*x) } else { 0.0 };
        let all = std::iter::zip(&alpha.values, &self.stays).map(of);
        alpha.with(all.collect()).of_each_edge()
    }

    fn slopes(&self, alpha: &Alpha) -> Vec<f64> {
        let mut slopes = vec![0.0; alpha.values.len()];
        for edge in alpha.edges() {
            let there = edge.clone().filter(|at| self.stays[*at]);
            let sum: f64 = there.clone().map(|at| concentration(alpha.values[at])).sum();
            for at in there {
                slopes[at] = elu_slope(alpha.values[at]) / sum;
            }
        }
        slopes
    }

    fn end_epoch(&mut self, alpha: &Alpha, epoch: u32, epochs: u32) {
        // Behind the last epoch of a stage but the last one.
        let stage = |epoch: u32| u64::from(epoch) * u64::from(self.stages) / u64::from(epochs);
        if epoch == epochs || stage(epoch) == stage(epoch - 1) {
            return;
        }
        for edge in alpha.edges() {
            let mut there: Vec<usize> = edge.clone().filter(|at| self.stays[*at]).collect();
            // Stable: of equals the earlier stays.
            there.sort_by(|a, b| alpha.values[*b].total_cmp(&alpha.values[*a]));
            let leave = there.split_off(there.len().div_ceil(2));
            // Something stays beside none.
            let something = leave.iter().position(|at| !self.are_none[*at]);
            let something = something.filter(|_| there.iter().all(|at| self.are_none[*at]));
            for (number, at) in leave.into_iter().enumerate() {
                self.stays[at] = Some(number) == something;
            }
        }
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let stays = self.stays.iter().map(|stays| f32::from(u8::from(*stays)));
        let stays = Tensor::new(stays.collect::<Vec<_>>(), &Device::Cpu)?;
        Ok(vec![(STAYS.to_owned(), stays)])
    }

    fn restore(&mut self, read: &dyn Fn(&str, &Tensor) -> Result<Option<Tensor>>) -> Result<()> {
        let like = &self.state()?[0].1;
        if let Some(stays) = read(STAYS, like)? {
            self.stays = stays.to_vec1::<f32>()?.into_iter().map(|stays| stays > 0.0).collect();
        }
        Ok(())
    }
}

/// `elu(α) + 1`, which is above 0.
fn concentration(alpha: f64) -> f64 {
    // What underflows would have no distribution.
    if alpha > 0.0 { alpha + 1.0 } else { alpha.exp().max(1e-6) }
}

fn elu_slope(alpha: f64) -> f64 {
    if alpha > 0.0 { 1.0 } else { alpha.exp() }
}

/// A number of the gamma distribution of this shape (Marsaglia and Tsang 2000).
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    if shape < 1.0 {
        let u: f64 = rng.random::<f64>().max(f64::MIN_POSITIVE);
        return (gamma(shape + 1.0, rng) * u.powf(1.0 / shape)).max(1e-290);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        let u: f64 = rng.random::<f64>().max(f64::MIN_POSITIVE);
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// How a number of the gamma distribution moves with the shape, its place in the distribution being
/// fixed: `-(∂F / ∂shape) / f` (Figurnov et al., eq. 5).
fn gamma_slope(shape: f64, x: f64) -> f64 {
    let step = 1e-4 * shape;
    let change = (lower_gamma(shape + step, x) - lower_gamma(shape - step, x)) / (2.0 * step);
    let density = ((shape - 1.0) * x.ln() - x - ln_gamma(shape)).exp();
    if density > 1e-280 { -change / density } else { 0.0 }
}

/// The regularized lower incomplete gamma function: a series, or a continued fraction.
fn lower_gamma(shape: f64, x: f64) -> f64 {
    let front = (shape * x.ln() - x - ln_gamma(shape)).exp();
    if x < shape + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / shape, 1.0 / shape, shape);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return front * sum;
    }
    // Lentz's algorithm, of the upper function.
    let mut b = x + 1.0 - shape;
    let (mut c, mut d) = (1e300, 1.0 / b);
    let mut fraction = d;
    for i in 1..500 {
        let a = -f64::from(i) * (f64::from(i) - shape);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    1.0 - front * fraction
}

/// The logarithm of the gamma function (Lanczos, 9 terms).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // The reflection.
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let sum = TERMS
        .iter()
        .enumerate()
        .fold(0.999_999_999_999_809_9, |sum, (at, term)| sum + term / (x + at as f64 + 1.0));
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn the_gamma_functions_are_right() {
        for (x, expected) in [(1.0, 0.0), (5.0, 24.0_f64.ln()), (0.5, 0.572_364_942_924_700_1)] {
            assert!((ln_gamma(x) - expected).abs() < 1e-13, "{x}");
        }
        // Of shape 1 it is the exponential distribution, of shape 1/2 that of half a square.
        for x in [0.01, 0.5, 1.0, 3.0, 10.0] {
            assert!((lower_gamma(1.0, x) - (1.0 - (-x).exp())).abs() < 1e-14, "{x}");
        }
        assert!((lower_gamma(0.5, 0.5) - 0.682_689_492_137_085_9).abs() < 1e-13);
    }

    /// Moving the shape moves a number that keeps its place in the distribution by its slope.
    #[test]
    fn slopes_are_those_of_numbers_that_keep_their_place() {
        for shape in [0.05, 0.3, 1.0, 1.5, 4.0] {
            for x in [0.02, 0.3, 1.0, 2.5, 6.0] {
                let (place, step) = (lower_gamma(shape, x), 1e-3 * shape);
                let moved = |shape: f64| {
                    let (mut low, mut high) = (1e-300, 100.0);
                    for _ in 0..200 {
                        let middle = 0.5 * (low + high);
                        let half =
                            if lower_gamma(shape, middle) < place { &mut low } else { &mut high };
                        *half = middle;
                    }
                    low
                };
                let slope = (moved(shape + step) - moved(shape - step)) / (2.0 * step);
                let actual = gamma_slope(shape, x);
                // Where the distribution is almost at its end, the place is known badly.
                if place < 1.0 - 1e-9 {
                    let close = (actual - slope).abs() < 1e-3 * (1e-2 + slope.abs());
                    assert!(close, "{shape}, {x}: {actual} is not {slope}");
                }
            }
        }
    }

    #[test]
    fn numbers_have_the_mean_and_variance_of_their_shape() {
        let mut rng = Seed::new(1).rng();
        for shape in [0.3, 1.0, 2.5] {
            let numbers: Vec<f64> = (0..40_000).map(|_| gamma(shape, &mut rng)).collect();
            let count = numbers.len() as f64;
            let mean = numbers.iter().sum::<f64>() / count;
            let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            assert!((mean / shape - 1.0).abs() < 0.04, "{mean} of shape {shape}");
            assert!((variance / shape - 1.0).abs() < 0.1, "{variance} of shape {shape}");
        }
    }

    /// The epochs in which α learns, by their numbers, of so many in so many stages.
    fn learning(epochs: u32, stages: u32) -> Vec<u32> {
        let (are_none, stays) = (Vec::new(), Vec::new());
        let method = DrNas { stages, parts: 1 << stages, warm_up: 0.2, are_none, stays };
        let learns = |epoch: &u32| {
            let steps = (0..10).map(|step| f64::from(epoch - 1) + f64::from(step) / 10.0);
            let learning = steps.filter(|at| method.learns_at(at / f64::from(epochs), epochs));
            learning.count() >= 5
        };
        (1..=epochs).filter(learns).collect()
    }

    #[test]
    fn each_stage_begins_with_weights_alone() {
        let rest = |from: u32, to: u32| from..=to;
        assert_eq!(learning(100, 2), rest(11, 50).chain(rest(61, 100)).collect::<Vec<_>>());
        // Stages of 13 and 12 epochs, of which a fifth is 2.6 and 2.4.
        assert_eq!(learning(25, 2), rest(4, 13).chain(rest(16, 25)).collect::<Vec<_>>());
        let parts = |epochs| {
            let (are_none, stays) = (Vec::new(), Vec::new());
            DrNas { stages: 2, parts: 4, warm_up: 0.2, are_none, stays }.parts(epochs, 25)
        };
        assert_eq!([0, 12, 13, 25].map(parts), [4, 4, 2, 2]);
    }

    #[test]
    fn behind_a_stage_the_stronger_half_stays() {
        let options = vec!["op".to_owned(); 5];
        let edge = crate::space::MixedEdge { name: String::new(), options, first: 0 };
        let drawn = Alpha::drawn(&[edge], &[], &mut Seed::new(1).rng());
        let alpha = drawn.with(vec![0.3, -0.2, 0.9, 0.0, 0.1]);
        let new = || {
            let are_none = vec![false, false, true, false, false];
            DrNas { stages: 3, parts: 8, warm_up: 0.2, are_none, stays: vec![true; 5] }
        };
        let mut method = new();
        let mut after = |epoch: u32| {
            method.end_epoch(&alpha, epoch, 9);
            let mixture = method.mix(&alpha, 0.5, &mut Seed::new(2).rng());
            let gradient = method.differentiate(&mixture, &[1.0, 2.0, 3.0, 4.0, 5.0]);
            let (values, strengths) = (mixture.probabilities.values, method.strengths(&alpha));
            assert!((values.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let there = |values: &[f64]| values.iter().map(|x| *x != 0.0).collect::<Vec<_>>();
            assert_eq!(there(&values), there(&strengths.values));
            assert!(std::iter::zip(gradient, &values).all(|(g, x)| *x > 0.0 || g == 0.0));
            there(&values)
        };
        assert_eq!(after(2), [true; 5]);
        assert_eq!(after(3), [true, false, true, false, true]);
        assert_eq!(after(4), [true, false, true, false, true]);
        assert_eq!(after(6), [true, false, true, false, false]);
        assert_eq!(
            after(9),
            [true, false, true, false, false],
            "the last stage has all its epochs"
        );
        let (_, kept) = method.state().unwrap().remove(0);
        let mut restored = new();
        restored.restore(&|_, _| Ok(Some(kept.clone()))).unwrap();
        assert_eq!(restored.stays, method.stays);
    }
}
