//! How alike two architectures are: by their choices, and by what their networks are made of.
//!
//! The kernel of the choices is a product with a length scale for each choice: exp(-[a ≠ b] / ℓ) for
//! a categorical choice, Matérn 5/2 on the scale of [`unit`](crate::encode::unit) for a number. A
//! choice that does not apply is one more option, or a point beside the scale at distance 1 from its
//! ends. The kernel of the networks is exp(-Σ |a - b|₁ / ℓ) over the counts of each kind of
//! [`network`](crate::encode::network) features. Both are joined as
//! w₁ k_choices + w₂ k_network + w₃ k_choices k_network.

use nascent_record::{Architecture, Domain, Spec};

use crate::encode::network::{Features, KINDS, features};
use crate::encode::unit::to_unit;
use crate::space::SearchSpace;

/// Where a choice stands that does not apply.
const INACTIVE: f32 = -1.0;

/// An architecture as the kernel sees it.
#[derive(Clone, Debug)]
pub struct Point {
    /// The position of an option, the number on the unit scale, or -1 where the choice does not
    /// apply.
    pub choices: Vec<f32>,
    /// What the network is made of, if it counts.
    pub network: Option<Features>,
}

/// The space as the kernel sees it.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// Which choices are numbers.
    numeric: Vec<bool>,
    network: bool,
}

impl Encoder {
    /// For a space; `network` says whether networks count.
    pub fn new(spec: &Spec, network: bool) -> Self {
        let is_number = |domain: &Domain| !matches!(domain, Domain::Categorical { .. });
        Self { numeric: spec.choices().iter().map(|c| is_number(&c.domain)).collect(), network }
    }

    /// An architecture.
    pub fn encode(&self, space: &dyn SearchSpace, architecture: &Architecture) -> Point {
        let values = std::iter::zip(space.spec().choices(), architecture.values());
        let choices = values.map(|(choice, value)| match (&choice.domain, value) {
            (_, None) => INACTIVE,
            (Domain::Categorical { .. }, Some(nascent_record::Value::Int(i))) => *i as f32,
            (_, Some(value)) => to_unit(choice, *value) as f32,
        });
        let choices = choices.collect();
        let network = self.network.then(|| {
            space
                .graph(architecture)
                .map_or_else(|_no_network| Features::default(), |g| features(&g))
        });
        Point { choices, network }
    }

    /// The number of choices.
    pub fn choices(&self) -> usize {
        self.numeric.len()
    }

    /// The number of distances of two points: one for each choice, then one for each kind of feature.
    pub fn distances(&self) -> usize {
        self.numeric.len() + if self.network { KINDS } else { 0 }
    }

    /// Whether networks count.
    pub fn has_network(&self) -> bool {
        self.network
    }

    /// Whether this distance is that of a number.
    pub fn is_numeric(&self, distance: usize) -> bool {
        self.numeric.get(distance).copied().unwrap_or(false)
    }

    /// Distance `at` of two points.
    pub fn distance(&self, at: usize, a: &Point, b: &Point) -> f32 {
        match self.numeric.get(at) {
            Some(&numeric) => choice_distance(numeric, a.choices[at], b.choices[at]),
            None => match (&a.network, &b.network) {
                (Some(a), Some(b)) => {
                    let kind = at - self.numeric.len();
                    count_distance(&a[kind], &b[kind]) as f32
                }
                _ => 0.0,
            },
        }
    }
}

/// The distance of two values of a choice.
pub(crate) fn choice_distance(numeric: bool, a: f32, b: f32) -> f32 {
    if a == b {
        0.0
    } else if !numeric {
        1.0
    } else if a < 0.0 || b < 0.0 {
        // The scale lies from (0, 0) to (1, 0), and the point beside it at (1/2, √3/2).
        let x = a.max(b) - 0.5;
        (x * x + 0.75).sqrt()
    } else {
        (a - b).abs()
    }
}

/// The sum of the differences of all counts.
fn count_distance(a: &[(u64, u16)], b: &[(u64, u16)]) -> u32 {
    let (mut i, mut j, mut sum) = (0, 0, 0);
    while let (Some(&(left, n)), Some(&(right, m))) = (a.get(i), b.get(j)) {
        sum += match left.cmp(&right) {
            std::cmp::Ordering::Less => u32::from(n),
            std::cmp::Ordering::Greater => u32::from(m),
            std::cmp::Ordering::Equal => u32::from(n.abs_diff(m)),
        };
        i += usize::from(left <= right);
        j += usize::from(right <= left);
    }
    let rest = a[i..].iter().chain(&b[j..]);
    sum + rest.map(|&(_, n)| u32::from(n)).sum::<u32>()
}

/// The settings of the kernel that are learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyper {
    /// A length scale for each distance of [`Encoder::distances`].
    pub lengths: Vec<f64>,
    /// The weights of the choices, of the network, and of their product.
    pub weights: [f64; 3],
    /// The variance of the noise.
    pub noise: f64,
}

impl Hyper {
    /// The kernel of a point with itself, without noise.
    pub fn variance(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The kernel of two points.
    pub fn kernel(&self, encoder: &Encoder, a: &Point, b: &Point) -> f64 {
        // One exponential for all choices: the polynomials of the Matérn factors stay outside. Each
        // is less than the exponential of its distance, so that the product does not overflow where
        // the exponential is not 0.
        let (mut shape, mut exponent) = (1.0, 0.0);
        for at in 0..encoder.choices() {
            let r = f64::from(encoder.distance(at, a, b));
            if r > 0.0 && encoder.is_numeric(at) {
                let a = 5_f64.sqrt() * r / self.lengths[at];
                shape *= 1.0 + a + a * a / 3.0;
                exponent -= a;
            } else {
                exponent -= r / self.lengths[at];
            }
        }
        let choices = if exponent < -700.0 { 0.0 } else { shape * exponent.exp() };
        let counts = encoder.choices()..encoder.distances();
        let log = |at: usize| f64::from(encoder.distance(at, a, b)) / self.lengths[at];
        let network = (-counts.map(log).sum::<f64>()).exp();
        self.joined(choices, network)
    }

    /// The kernel from that of the choices and that of the networks.
    pub fn joined(&self, choices: f64, network: f64) -> f64 {
        let [by_choices, by_network, by_both] = self.weights;
        by_choices * choices + by_network * network + by_both * choices * network
    }
}

/// The logarithm of the correlation at a distance.
pub fn log_correlation(numeric: bool, distance: f64, length: f64) -> f64 {
    if numeric {
        let a = 5_f64.sqrt() * distance / length;
        (a + a * a / 3.0).ln_1p() - a
    } else {
        -distance / length
    }
}

/// The derivative of [`log_correlation`] by the logarithm of the length.
pub(crate) fn length_slope(numeric: bool, distance: f64, length: f64) -> f64 {
    if numeric {
        let a = 5_f64.sqrt() * distance / length;
        a * a * (1.0 + a) / (3.0 + 3.0 * a + a * a)
    } else {
        distance / length
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::{Choice, Condition, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::Seed;
    use crate::space::{Choices, SpecExt as _};
    use crate::surrogate::cholesky::Cholesky;

    fn spec() -> Spec {
        let deeper = |value| Condition::AtLeast { choice: "depth".into(), value };
        Spec::new(vec![
            Choice::integer("depth", 1, 3),
            Choice::categorical("op", ["a", "b", "c"]).when(deeper(2)),
            Choice::float("rate", 1e-4, 1e-1).log().when(deeper(3)),
        ])
        .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn kernel_matrices_are_positive_semi_definite(seed: u64, length in 0.05_f64..5.0, cell: bool) {
            let space: Box<dyn SearchSpace> = if cell {
                crate::space::find("nas_bench_201").unwrap().make(&serde_json::Value::Null, &()).unwrap()
            } else {
                Box::new(Choices::new(spec()))
            };
            let encoder = Encoder::new(space.spec(), cell);
            let lengths = vec![length; encoder.distances()];
            let hyper = Hyper { lengths, weights: [0.4, 0.3, 0.3], noise: 0.0 };
            let mut rng = Seed::new(seed).rng();
            let mut points: Vec<Point> = Vec::new();
            let mut factor = Cholesky::default();
            for _ in 0..25 {
                let point = encoder.encode(&*space, &space.spec().sample(&mut rng));
                let column: Vec<f64> = points.iter().map(|p| hyper.kernel(&encoder, p, &point)).collect();
                // What is left of the variance is not negative, whatever was seen before.
                let solved = factor.solve_lower(&column);
                let left = hyper.variance() + 1e-7 - solved.iter().map(|x| x * x).sum::<f64>();
                prop_assert!(left > 0.0, "{left}");
                factor.push(&column, hyper.variance() + 1e-7, 1e-12);
                points.push(point);
            }
        }
    }

    #[test]
    fn choices_that_do_not_apply_are_alike_and_far_from_those_that_do() {
        let (spec, space) = (spec(), Choices::new(spec()));
        let encoder = Encoder::new(&spec, false);
        let point = |text: &str| encoder.encode(&space, &spec.parse(text).unwrap());
        let (a, b) = (point("depth=1"), point("depth=2,op=c"));
        let (c, d) = (point("depth=3,op=c,rate=0.0001"), point("depth=3,op=c,rate=0.1"));
        assert_eq!(encoder.distance(2, &a, &b), 0.0);
        assert!((encoder.distance(2, &b, &c) - 1.0).abs() < 1e-6);
        assert!((encoder.distance(2, &c, &d) - 1.0).abs() < 1e-6);
        assert_eq!([&b, &c].map(|p| encoder.distance(1, &a, p)), [1.0, 1.0]);
        assert!((encoder.distance(0, &a, &b) - 0.5).abs() < 1e-6);
        assert_eq!(spec.choices()[0].domain.position(Value::Int(2)), Some(1));
    }

    #[test]
    fn slopes_are_those_of_the_correlation() {
        for (numeric, r, length) in [(true, 0.3, 0.7), (true, 0.9, 0.2), (false, 1.0, 1.7)] {
            let at = |log: f64| log_correlation(numeric, r, log.exp());
            let (log, h) = (f64::ln(length), 1e-6);
            let difference = (at(log + h) - at(log - h)) / (2.0 * h);
            assert!((length_slope(numeric, r, length) - difference).abs() < 1e-7);
        }
    }
}
