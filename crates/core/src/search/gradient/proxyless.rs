//! ProxylessNAS: a batch computes one network that is drawn; α learns from two of the operations of
//! each edge at a time, one of them behind an open and one behind a closed gate.
//!
//! # Algorithm
//! 1. For each batch of the weights one operation of each edge is drawn with `p = softmax(α)`, and the
//!    weights of that network move (Cai et al., section 3.1).
//! 2. For each batch of α two operations of each edge are drawn with p, and p of the two is made to
//!    sum to 1; one of them is drawn with that to have an open gate, g = 1, the other has g = 0. The
//!    gradient of α of the two is `Σ_j ∂L/∂g_j · p_j (δ_ij - p_i)` (eq. 4, sections 3.2 and 3.2.1).
//!
//! 3. After a step the α of the two are shifted by the same number, so that the sum of their
//!    probabilities, and with it that of each other operation, is what it was (section 3.2.1). Adam has no
//!    momentum here, so that the α of the others stay, but for their decay, which is 0 by default.
//!
//! For the first epochs, a share `warm_up` of all, only the weights learn. α learns from one half of the
//! training examples and the weights from the other, as in `darts`. In the end the strongest operation of
//! each edge is taken.
//!
//! # Cost
//! A batch takes the time of one network of the space for the weights, and of at most two for α.
//!
//! # References
//! Cai, Zhu and Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware",
//! ICLR 2019, <https://arxiv.org/abs/1812.00332>.
//!
//! # Differences from the paper
//! A closed gate is 1e-6 and not 0, so that its gradient comes out of the same pass: what it adds is a
//! millionth of what it would open, which is all that an edge has whose open gate is none. The steps of α and of the weights alternate, batch by
//! batch.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use super::method::{Method, Mixture, Pair};
use super::one_shot::OneShot;
use super::settings::{AllSettings, AlphaSettings, Settings};
use crate::config::{defaults, invalid, parse};
use crate::search::SearcherEntry;
use crate::train::SharedWeights;
use crate::{Result, Rng, Seed};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "As darts, but α learns from two operations of each edge at a time, behind gates.",
    reference: "Cai, Zhu and Han 2019, https://arxiv.org/abs/1812.00332",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        if !(0.0..1.0).contains(&config.warm_up) {
            return Err(invalid(NAME, "warm_up must be from 0 to below 1"));
        }
        let method = Proxyless { warm_up: config.warm_up, gates: Vec::new() };
        let settings =
            AllSettings { weights: config.supernet, alpha: Some(config.alpha), curvature: None };
        Ok(Box::new(OneShot::new(NAME, settings, method, setup)?))
    },
};

const NAME: &str = "proxyless";

/// What is behind a closed gate is multiplied with this.
const CLOSED: f64 = 1e-6;

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every supernet.
    #[serde(flatten)]
    pub supernet: Settings,
    /// Those of α.
    #[serde(flatten)]
    pub alpha: AlphaSettings,
    /// For which share of the epochs, at the start, only the weights learn; 0 to below 1. In the paper
    /// a quarter: 40 epochs, before 120 in which both do.
    pub warm_up: f64,
}

impl Default for Config {
    fn default() -> Self {
        // As in the code of the paper.
        let alpha = AlphaSettings {
            alpha_learning_rate: 6e-3,
            alpha_weight_decay: 0.0,
            ..AlphaSettings::default()
        };
        Self { supernet: Settings::default(), alpha, warm_up: 0.25 }
    }
}

pub(super) struct Proxyless {
    warm_up: f64,
    /// The gates of the last step of α.
    gates: Vec<[usize; 2]>,
}

/// An option, drawn with probabilities that need not sum to 1.
fn draw(probabilities: &[f64], rng: &mut Rng) -> usize {
    let mut left = rng.random::<f64>() * probabilities.iter().sum::<f64>();
    for (at, probability) in probabilities.iter().enumerate() {
        left -= probability;
        if left < 0.0 {
            return at;
        }
    }
    // Rounding; what has no probability is not drawn.
    probabilities.iter().rposition(|p| *p > 0.0).unwrap_or(0)
}

impl Proxyless {
    /// Two operations of each edge, the first behind an open gate; the same twice where there is no
    /// other. Their numbers are those of all edges.
    pub(super) fn gates(probabilities: &Alpha, rng: &mut Rng) -> Vec<[usize; 2]> {
        let gates = probabilities.edges().iter().map(|edge| {
            let mut p = probabilities.values[edge.clone()].to_vec();
            let first = draw(&p, rng);
            let of_first = std::mem::take(&mut p[first]);
            if p.iter().all(|p| *p == 0.0) {
                return [edge.start + first; 2];
            }
            let second = draw(&p, rng);
            let is_open = draw(&[of_first, p[second]], rng) == 0;
            let [open, closed] = if is_open { [first, second] } else { [second, first] };
            [edge.start + open, edge.start + closed]
        });
        gates.collect()
    }

    /// The gradient of α from that of the gates.
    pub(super) fn through_gates(
        probabilities: &Alpha,
        gates: &[[usize; 2]],
        for_gates: &[f64],
    ) -> Vec<f64> {
        let mut gradient = vec![0.0; probabilities.values.len()];
        for [open, closed] in gates {
            if open == closed {
                continue;
            }
            let (a, b) = (probabilities.values[*open], probabilities.values[*closed]);
            // With two, both are each other's rest: p (1 - p) times the difference.
            let slope = a * b / (a + b).powi(2);
            let difference = for_gates[*open] - for_gates[*closed];
            gradient[*open] = slope * difference;
            gradient[*closed] = -slope * difference;
        }
        gradient
    }
}

impl Method for Proxyless {
    fn mix(&self, alpha: &Alpha, _: f64, rng: &mut Rng) -> Mixture {
        let probabilities = alpha.softmax(1.0);
        let edges = probabilities.edges().iter();
        let taken = edges.map(|edge| edge.start + draw(&probabilities.values[edge.clone()], rng));
        let taken = Some(taken.collect());
        Mixture { taken, ..Mixture::soft(probabilities) }
    }

    fn learns_at(&self, progress: f64, _: u32) -> bool {
        progress >= self.warm_up
    }

    fn betas(&self) -> [f64; 2] {
        [0.0, 0.999]
    }

    fn differentiate(&self, mixture: &Mixture, for_coefficients: &[f64]) -> Vec<f64> {
        Self::through_gates(&mixture.probabilities, &self.gates, for_coefficients)
    }

    fn alpha_gradient(
        &mut self,
        shared: &mut SharedWeights,
        mixture: &Mixture,
        pair: &Pair<'_>,
        _: f64,
        seed: Seed,
    ) -> Result<Vec<f64>> {
        let probabilities = &mixture.probabilities;
        self.gates = Self::gates(probabilities, &mut seed.derive("gates", 0).rng());
        let mut coefficients = vec![0.0; probabilities.values.len()];
        for [open, closed] in &self.gates {
            coefficients[*closed] = CLOSED as f32;
            coefficients[*open] = 1.0;
        }
        shared.set_coefficients(&coefficients)?;
        shared.forward(pair.alpha, seed);
        shared.backward();
        Ok(self.differentiate(mixture, &shared.coefficient_gradients()))
    }

    /// What the two operations of each edge cost on average, if there are no others.
    fn price_gradient(&self, alpha: &Alpha, costs: &[f64]) -> Vec<f64> {
        Self::through_gates(&alpha.softmax(1.0), &self.gates, costs)
    }

    fn settle(&self, before: &[f64], alpha: &mut Alpha) {
        for [open, closed] in &self.gates {
            let sum = |values: &[f64]| values[*open].exp() + values[*closed].exp();
            let shift = (sum(before) / sum(&alpha.values)).ln();
            if open != closed && shift.is_finite() {
                alpha.values[*open] += shift;
                alpha.values[*closed] += shift;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::MixedEdge;

    fn probabilities() -> Alpha {
        let edge = |first, count: usize| MixedEdge {
            name: format!("edge_{first}"),
            options: vec!["op".to_owned(); count],
            first,
        };
        let alpha = Alpha::drawn(&[edge(0, 4), edge(4, 1)], &[], &mut Seed::new(1).rng());
        alpha.with(vec![0.1, 0.2, 0.3, 0.4, 1.0])
    }

    #[test]
    fn gates_are_drawn_as_likely_as_they_should_be() {
        let (p, mut rng) = (probabilities(), Seed::new(2).rng());
        let (mut open, mut either) = ([0; 5], [0; 5]);
        let draws = 20_000;
        for _ in 0..draws {
            let gates = Proxyless::gates(&p, &mut rng);
            assert_eq!(gates[1], [4, 4], "an edge with one operation has no choice");
            assert_ne!(gates[0][0], gates[0][1]);
            open[gates[0][0]] += 1;
            for at in gates[0] {
                either[at] += 1;
            }
        }
        // Of the pair (i, j), in either order: p_i p_j / (1 - p_i) + p_j p_i / (1 - p_j); and then i is
        // open with p_i / (p_i + p_j).
        for i in 0..4 {
            let (mut in_pair, mut is_open) = (0.0, 0.0);
            for j in (0..4).filter(|j| *j != i) {
                let (a, b) = (p.values[i], p.values[j]);
                let pair = a * b / (1.0 - a) + a * b / (1.0 - b);
                in_pair += pair;
                is_open += pair * a / (a + b);
            }
            let share = |count: i32| f64::from(count) / f64::from(draws);
            assert!((share(either[i]) - in_pair).abs() < 0.015, "{i}: {either:?}");
            assert!((share(open[i]) - is_open).abs() < 0.015, "{i}: {open:?}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_a_mixture_of_the_two() {
        let p = probabilities();
        let logits: Vec<f64> = p.values.iter().map(|p| p.ln()).collect();
        let for_gates = [0.5, 0.0, -1.25, 0.0, 3.0];
        let gates = [[2, 0], [4, 4]];
        // Σ p_j g_j with the softmax of the two logits.
        let value = |logits: &[f64]| {
            let (a, b) = (logits[2].exp(), logits[0].exp());
            (a * for_gates[2] + b * for_gates[0]) / (a + b)
        };
        let gradient = Proxyless::through_gates(&p, &gates, &for_gates);
        for (at, gradient) in gradient.into_iter().enumerate() {
            let [above, below] = [1e-6, -1e-6].map(|step| {
                let mut moved = logits.clone();
                moved[at] += step;
                value(&moved)
            });
            assert!((gradient - (above - below) / 2e-6).abs() < 1e-8, "{at}");
        }
    }
    #[test]
    fn a_step_moves_the_two_and_keeps_what_they_have_together() {
        let p = probabilities();
        let alpha = p.with(vec![0.3, -0.4, 1.2, 0.1, 0.0]);
        let method = Proxyless { warm_up: 0.0, gates: vec![[2, 0], [4, 4]] };
        let mut moved = alpha.clone();
        moved.values[2] += 0.5;
        moved.values[0] -= 0.2;
        method.settle(&alpha.values, &mut moved);
        let (before, after) = (alpha.softmax(1.0).values, moved.softmax(1.0).values);
        for at in [1, 3, 4] {
            assert!((after[at] - before[at]).abs() < 1e-12, "{at}: {after:?}");
        }
        let odds = (after[2] / after[0]).ln() - (before[2] / before[0]).ln();
        assert!((odds - 0.7).abs() < 1e-12, "{odds}");
    }
}
