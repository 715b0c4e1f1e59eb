//! How much each operation of each edge is preferred.

use std::ops::Range;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::Rng;
use crate::space::MixedEdge;

/// A number for each operation of each edge, edge by edge: logits, or what else a searcher makes of
/// them. Where edges are weighted too, behind them one for each edge, node by node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alpha {
    /// The numbers.
    pub(super) values: Vec<f64>,
    edges: Vec<Range<usize>>,
    passes: Vec<Range<usize>>,
}

impl Alpha {
    /// Small numbers, drawn at random: 0.001 times a normal number each, as in the code of DARTS.
    pub(super) fn drawn(edges: &[MixedEdge], passes: &[Range<usize>], rng: &mut Rng) -> Self {
        let edges: Vec<Range<usize>> = edges.iter().map(MixedEdge::coefficients).collect();
        let passes = passes.to_vec();
        let count = edges.iter().chain(&passes).map(|group| group.end).max().unwrap_or(0);
        Self { values: (0..count).map(|_| 1e-3 * normal(rng)).collect(), edges, passes }
    }

    /// Other numbers for the same edges.
    pub(super) fn with(&self, values: Vec<f64>) -> Self {
        Self { values, edges: self.edges.clone(), passes: self.passes.clone() }
    }

    /// The edges.
    pub(super) fn edges(&self) -> &[Range<usize>] {
        &self.edges
    }

    /// The edges, each with the position of the number of the edge itself; none where edges have none.
    pub(super) fn edges_with_passes(&self) -> impl Iterator<Item = (Range<usize>, usize)> {
        std::iter::zip(self.edges.iter().cloned(), self.passes.iter().cloned().flatten())
    }

    /// The numbers of the edges of each node, where edges have one.
    pub(super) fn by_node(&self) -> impl Iterator<Item = Vec<f64>> {
        self.passes.iter().map(|node| self.values[node.clone()].to_vec())
    }

    /// What a softmax is over: the operations of an edge, and the edges of a node.
    fn groups(&self) -> impl Iterator<Item = &Range<usize>> {
        self.edges.iter().chain(&self.passes)
    }

    /// The numbers of each edge.
    pub(super) fn by_edge(&self) -> Vec<Vec<f64>> {
        self.edges.iter().map(|edge| self.values[edge.clone()].to_vec()).collect()
    }

    /// The softmax over the operations of each edge, and over the edges of each node, of the numbers
    /// divided by a temperature.
    pub(super) fn softmax(&self, temperature: f64) -> Self {
        let mut values = self.values.clone();
        for edge in self.groups() {
            let values = &mut values[edge.clone()];
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for value in &mut *values {
                *value = ((*value - largest) / temperature).exp();
            }
            let sum: f64 = values.iter().sum();
            for value in values {
                *value /= sum;
            }
        }
        self.with(values)
    }

    /// From the gradient for the results of [`Self::softmax`], which `self` is, that for the logits:
    /// `p_i (g_i - Σ_j p_j g_j) / temperature`.
    pub(super) fn softmax_gradient(&self, gradient: &[f64], temperature: f64) -> Vec<f64> {
        let mut result = vec![0.0; self.values.len()];
        for edge in self.groups() {
            let (p, g) = (&self.values[edge.clone()], &gradient[edge.clone()]);
            let mean: f64 = std::iter::zip(p, g).map(|(p, g)| p * g).sum();
            for (result, (p, g)) in std::iter::zip(&mut result[edge.clone()], std::iter::zip(p, g))
            {
                *result = p * (g - mean) / temperature;
            }
        }
        result
    }

    /// The numbers as shares of their edge, which sum to 1.
    pub(super) fn of_each_edge(&self) -> Self {
        let mut values = self.values.clone();
        for edge in &self.edges {
            let sum: f64 = values[edge.clone()].iter().sum();
            values[edge.clone()].iter_mut().for_each(|value| *value /= sum);
        }
        self.with(values)
    }

    /// The mean entropy of the edges in nats, of numbers that are at least 0.
    pub(super) fn entropy(&self) -> f64 {
        let shares = self.of_each_edge().values;
        let of_edge = |edge: &Range<usize>| {
            let shares = shares[edge.clone()].iter();
            shares.map(|p| if *p > 0.0 { -p * p.ln() } else { 0.0 }).sum::<f64>()
        };
        self.edges.iter().map(of_edge).sum::<f64>() / self.edges.len().max(1) as f64
    }
}

/// A normal number (Box and Muller).
pub(super) fn normal(rng: &mut Rng) -> f64 {
    let (a, b): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// Adam with the decay in the gradient, as for the α of DARTS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Adam {
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
}

impl Adam {
    const EPSILON: f64 = 1e-8;

    /// For so many numbers.
    pub(super) fn new(count: usize) -> Self {
        Self { first: vec![0.0; count], second: vec![0.0; count], steps: 0 }
    }

    /// Moves numbers against their gradient, to which `decay` times the numbers is added.
    pub(super) fn step(
        &mut self,
        values: &mut [f64],
        gradient: &[f64],
        [beta_1, beta_2]: [f64; 2],
        (rate, decay): (f64, f64),
    ) {
        self.steps += 1;
        let correct = |beta: f64| 1.0 - beta.powi(self.steps);
        let moments = std::iter::zip(&mut self.first, &mut self.second);
        for ((value, gradient), (first, second)) in
            std::iter::zip(std::iter::zip(values, gradient), moments)
        {
            let gradient = gradient + decay * *value;
            *first = beta_1 * *first + (1.0 - beta_1) * gradient;
            *second = beta_2 * *second + (1.0 - beta_2) * gradient * gradient;
            let deviation = (*second / correct(beta_2)).sqrt() + Self::EPSILON;
            *value -= rate * *first / correct(beta_1) / deviation;
        }
    }
}
