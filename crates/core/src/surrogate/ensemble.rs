//! An ensemble of small neural networks: each is trained from another seed, and where they disagree
//! the prediction is uncertain.
//!
//! A network has two hidden layers with a ReLU each. Its inputs are sparse: an architecture has few
//! paths of all that occur, and one option of each choice.
//!
//! # References
//! Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty Estimation
//! using Deep Ensembles", NeurIPS 2017, <https://arxiv.org/abs/1612.01474>; Kingma and Ba, "Adam: A
//! Method for Stochastic Optimization", ICLR 2015, <https://arxiv.org/abs/1412.6980>.

use nascent_record::{Domain, Spec};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use super::gp::Prediction;
use super::kernel::Point;
use crate::{Rng, Seed};

/// The units of a hidden layer.
pub const WIDTH: usize = 16;
/// The rows of a step of training.
const BATCH: usize = 32;
/// The decay rates of Adam, and what keeps its quotient finite.
const BETAS: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;
/// Which of the kinds of [`network`](crate::encode::network) features are inputs: the paths.
const PATHS: usize = 2;

/// The inputs that are not 0: their numbers and values.
pub type Row = Vec<(usize, f32)>;

/// What the inputs of the networks mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// The first input of each choice, and whether it is a number. A categorical choice has an input
    /// for each option, a number two: that it applies, and where it is from -1 to 1.
    choices: Vec<(usize, bool)>,
    /// The first input of a path.
    first: usize,
    /// The paths, sorted.
    paths: Vec<u64>,
}

impl Inputs {
    /// For these points: other paths are not seen.
    pub fn new<'a>(spec: &Spec, points: impl Iterator<Item = &'a Point>) -> Self {
        let mut first = 0;
        let choices = spec.choices().iter().map(|choice| {
            let here = first;
            let options = match &choice.domain {
                Domain::Categorical { options } => Some(options.len()),
                _ => None,
            };
            first += options.unwrap_or(2);
            (here, options.is_none())
        });
        let choices = choices.collect();
        let networks = points.filter_map(|point| point.network.as_ref());
        let mut paths: Vec<u64> = networks.flat_map(|n| n[PATHS].iter().map(|(p, _)| *p)).collect();
        paths.sort_unstable();
        paths.dedup();
        Self { choices, first, paths }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.first + self.paths.len()
    }

    /// Those of an architecture.
    pub fn row(&self, point: &Point) -> Row {
        let mut row = Row::with_capacity(2 * self.choices.len());
        for (&(first, is_number), &value) in std::iter::zip(&self.choices, &point.choices) {
            match value {
                // It does not apply.
                value if value < 0.0 => {}
                value if is_number => row.extend([(first, 1.0), (first + 1, 2.0 * value - 1.0)]),
                option => row.push((first + option as usize, 1.0)),
            }
        }
        for (path, count) in point.network.iter().flat_map(|network| &network[PATHS]) {
            if let Ok(at) = self.paths.binary_search(path) {
                row.push((self.first + at, f32::from(*count)));
            }
        }
        row
    }
}

/// What a network's training makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The mean absolute error.
    Mae,
    /// The mean absolute error relative to how far a target is below the best one: errors among the
    /// good count more.
    Mape,
}

/// How networks are trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// What is made small.
    pub loss: Loss,
    /// The learning rate of Adam at the start; it falls to 0 linearly.
    pub learning_rate: f32,
    /// How often each row is seen, at most.
    pub epochs: usize,
    /// The most steps.
    pub max_steps: usize,
}

type Block = [f32; WIDTH];

/// A network: the weights of each input, the biases of the first layer, the weights of each unit of
/// the first layer, the biases of the second, the weights of its units, and the last bias.
#[derive(Clone)]
struct Network {
    inputs: usize,
    blocks: Vec<Block>,
}

/// The values of both hidden layers.
#[derive(Clone, Copy, Default)]
struct Hidden {
    first: Block,
    second: Block,
}

/// `sum += weight × block`.
fn add(sum: &mut Block, weight: f32, block: &Block) {
    for at in 0..WIDTH {
        sum[at] += weight * block[at];
    }
}

fn dot(a: &Block, b: &Block) -> f32 {
    let mut sum = 0.0;
    for at in 0..WIDTH {
        sum += a[at] * b[at];
    }
    sum
}

fn relu(block: &mut Block) {
    for x in block.iter_mut() {
        *x = x.max(0.0);
    }
}

impl Network {
    /// Weights from the even distribution of He et al., where `active` inputs are not 0.
    fn new(inputs: usize, active: f32, rng: &mut Rng) -> Self {
        let mut blocks = vec![Block::default(); inputs + WIDTH + 4];
        let mut draw = |blocks: &mut [Block], fan_in: f32| {
            let most = (6.0 / fan_in).sqrt();
            let weights = blocks.iter_mut().flatten();
            weights.for_each(|weight| *weight = most * (2.0 * rng.random::<f32>() - 1.0));
        };
        draw(&mut blocks[..inputs], active.max(1.0));
        draw(&mut blocks[inputs + 1..][..WIDTH], WIDTH as f32);
        draw(&mut blocks[inputs + WIDTH + 2..][..1], 2.0 * WIDTH as f32);
        Self { inputs, blocks }
    }

    fn forward(&self, row: &Row) -> (f32, Hidden) {
        let [bias_1, rest @ ..] = &self.blocks[self.inputs..] else {
            return Default::default();
        };
        let mut first = *bias_1;
        for &(input, value) in row {
            add(&mut first, value, &self.blocks[input]);
        }
        relu(&mut first);
        let mut second = rest[WIDTH];
        for (unit, weights) in std::iter::zip(first, rest) {
            if unit > 0.0 {
                add(&mut second, unit, weights);
            }
        }
        relu(&mut second);
        (dot(&second, &rest[WIDTH + 1]) + rest[WIDTH + 2][0], Hidden { first, second })
    }

    /// Adds the gradient of the weights, where that of the output is `slope`.
    fn backward(&self, row: &Row, hidden: &Hidden, slope: f32, gradient: &mut [Block]) {
        let (second_layer, output) = (self.inputs + 1, self.inputs + WIDTH + 2);
        gradient[output + 1][0] += slope;
        add(&mut gradient[output], slope, &hidden.second);
        let mut to_second = self.blocks[output];
        for (to, unit) in std::iter::zip(&mut to_second, hidden.second) {
            *to *= if unit > 0.0 { slope } else { 0.0 };
        }
        add(&mut gradient[output - 1], 1.0, &to_second);
        let mut to_first = Block::default();
        for (at, unit) in hidden.first.into_iter().enumerate() {
            if unit > 0.0 {
                add(&mut gradient[second_layer + at], unit, &to_second);
                to_first[at] = dot(&to_second, &self.blocks[second_layer + at]);
            }
        }
        add(&mut gradient[self.inputs], 1.0, &to_first);
        for &(input, value) in row {
            add(&mut gradient[input], value, &to_first);
        }
    }

    fn train(
        &mut self,
        rows: &[Row],
        targets: &[f32],
        weights: &[f32],
        training: Training,
        rng: &mut Rng,
    ) {
        let zeros = vec![Block::default(); self.blocks.len()];
        let (mut gradient, mut mean, mut square) = (zeros.clone(), zeros.clone(), zeros);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let per_epoch = rows.len().div_ceil(BATCH);
        let steps = (training.epochs * per_epoch).min(training.max_steps);
        let mut powers = [1.0_f32; 2];
        for step in 0..steps {
            let batch = step % per_epoch;
            if batch == 0 {
                order.shuffle(rng);
            }
            let batch =
                &order[batch * rows.len() / per_epoch..(batch + 1) * rows.len() / per_epoch];
            for &at in batch {
                let (output, hidden) = self.forward(&rows[at]);
                let slope = weights[at] * (output - targets[at]).signum() / batch.len() as f32;
                self.backward(&rows[at], &hidden, slope, &mut gradient);
            }
            powers = [powers[0] * BETAS[0], powers[1] * BETAS[1]];
            let left = 1.0 - step as f32 / steps as f32;
            let rate = training.learning_rate * left * (1.0 - powers[1]).sqrt() / (1.0 - powers[0]);
            let moments = std::iter::zip(&mut mean, &mut square);
            let all = std::iter::zip(&mut self.blocks, std::iter::zip(&mut gradient, moments));
            for (block, (gradient, (mean, square))) in all {
                for at in 0..WIDTH {
                    let slope = std::mem::take(&mut gradient[at]);
                    mean[at] = BETAS[0] * mean[at] + (1.0 - BETAS[0]) * slope;
                    square[at] = BETAS[1] * square[at] + (1.0 - BETAS[1]) * slope * slope;
                    block[at] -= rate * mean[at] / (square[at].sqrt() + EPSILON);
                }
            }
        }
    }
}

/// Trained networks, see the [module](self).
pub struct Ensemble {
    networks: Vec<Network>,
}

impl Ensemble {
    /// Trains so many networks, from one seed each.
    pub fn fit(
        networks: usize,
        inputs: usize,
        rows: &[Row],
        targets: &[f32],
        training: Training,
        seed: Seed,
    ) -> Self {
        let weights = match training.loss {
            Loss::Mae => vec![1.0; rows.len()],
            Loss::Mape => relative(targets),
        };
        let active = rows.iter().map(Vec::len).sum::<usize>() as f32 / rows.len().max(1) as f32;
        let train = |number| {
            let mut rng = seed.derive("network", number).rng();
            let mut network = Network::new(inputs, active, &mut rng);
            network.train(rows, targets, &weights, training, &mut rng);
            network
        };
        Self { networks: (0..networks as u64).map(train).collect() }
    }

    /// The mean of all networks, and their standard deviation.
    pub fn predict(&self, row: &Row) -> Prediction {
        let n = self.networks.len() as f64;
        let outputs: Vec<f64> =
            self.networks.iter().map(|network| f64::from(network.forward(row).0)).collect();
        let mean = outputs.iter().sum::<f64>() / n;
        let variance = outputs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        Prediction { mean, std: variance.sqrt() }
    }
}

/// The inverse distances to a point above the best target by a quarter of the mean distance; 1 on
/// average.
fn relative(targets: &[f32]) -> Vec<f32> {
    let n = targets.len() as f32;
    let best = targets.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let usual = targets.iter().map(|y| best - y).sum::<f32>() / n;
    let inverse = targets.iter().map(|y| 1.0 / (best - y + 0.25 * usual).max(1e-6));
    let inverse: Vec<f32> = inverse.collect();
    let mean = inverse.iter().sum::<f32>() / n;
    inverse.iter().map(|weight| weight / mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_rows(count: usize, rng: &mut Rng) -> Vec<Row> {
        // Three choices of four options.
        let option = |choice: usize, rng: &mut Rng| (4 * choice + rng.random_range(0..4), 1.0);
        (0..count).map(|_| (0..3).map(|choice| option(choice, rng)).collect()).collect()
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let mut rng = Seed::new(1).rng();
        let mut network = Network::new(12, 3.0, &mut rng);
        let row: Row = vec![(1, 1.0), (6, 0.5), (11, -1.0)];
        // Away from the corners of the ReLU.
        network.blocks.iter_mut().flatten().for_each(|w| *w += 0.2);
        let (_, hidden) = network.forward(&row);
        let mut gradient = vec![Block::default(); network.blocks.len()];
        network.backward(&row, &hidden, 1.0, &mut gradient);
        let (step, mut moved) = (1e-3, 0);
        for (at, gradient) in gradient.iter().enumerate() {
            for (unit, &exact) in gradient.iter().enumerate() {
                // Of the last block only the first number counts.
                let mut changed = network.clone();
                changed.blocks[at][unit] += step;
                let above = changed.forward(&row).0;
                changed.blocks[at][unit] -= 2.0 * step;
                let slope = (above - changed.forward(&row).0) / (2.0 * step);
                assert!((slope - exact).abs() < 5e-3, "block {at}, {unit}: {slope} and {exact}");
                moved += usize::from(exact != 0.0);
            }
        }
        assert!(moved > 100, "{moved}");
    }

    #[test]
    fn it_predicts_what_it_has_not_seen_better_than_the_mean() {
        let mut rng = Seed::new(2).rng();
        // The first two choices count together, the third does not.
        let value = |row: &Row| {
            let (a, b) = (row[0].0, row[1].0 - 4);
            if a == b { 1.5 } else { a as f32 * 0.5 - 0.75 }
        };
        let (seen, new) = (random_rows(80, &mut rng), random_rows(40, &mut rng));
        let targets: Vec<f32> = seen.iter().map(value).collect();
        let mean = targets.iter().sum::<f32>() / 80.0;
        for loss in [Loss::Mae, Loss::Mape] {
            let training = Training { loss, learning_rate: 0.02, epochs: 80, max_steps: 1000 };
            let ensemble = Ensemble::fit(5, 12, &seen, &targets, training, Seed::new(3));
            let errors = new.iter().map(|row| {
                let prediction = ensemble.predict(row);
                assert!(prediction.std > 0.0);
                (prediction.mean as f32 - value(row)).abs()
            });
            let error: f32 = errors.sum();
            let of_mean: f32 = new.iter().map(|row| (mean - value(row)).abs()).sum();
            assert!(error < 0.5 * of_mean, "{loss:?}: {error} and {of_mean}");
        }
    }
}
