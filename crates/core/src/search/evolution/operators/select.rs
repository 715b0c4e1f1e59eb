//! Selectors: who has children. They narrow a list of positions in the population, so that they can
//! be put behind each other: a tournament is a draw of some, and then the best of them.

use rand::RngExt as _;

use crate::Rng;
use crate::search::evolution::{Order, Population};

/// Chooses among individuals.
pub trait Select: Send {
    /// Some of the positions `among`; at least one, if there is one.
    fn select(&self, population: &Population, among: Vec<usize>, rng: &mut Rng) -> Vec<usize>;

    /// This, and then `next` among those that it chose.
    fn then<N: Select>(self, next: N) -> Then<Self, N>
    where
        Self: Sized,
    {
        Then(self, next)
    }
}

/// See [`Select::then`].
#[derive(Clone, Copy, Debug)]
pub struct Then<A, B>(A, B);

impl<A: Select, B: Select> Select for Then<A, B> {
    fn select(&self, population: &Population, among: Vec<usize>, rng: &mut Rng) -> Vec<usize> {
        let chosen = self.0.select(population, among, rng);
        self.1.select(population, chosen, rng)
    }
}

/// The best of `size` that are drawn with replacement: the larger the tournament, the more the best
/// have children.
pub fn tournament(size: usize, order: Order) -> Then<Draw, Best> {
    Draw::with_replacement(size).then(Best { count: 1, order })
}

/// Some, drawn evenly.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    count: usize,
    replacement: bool,
}

impl Draw {
    /// This many, at least 1; one may be drawn several times.
    pub fn with_replacement(count: usize) -> Self {
        Self { count: count.max(1), replacement: true }
    }

    /// This many different ones, at least 1; all, if there are fewer.
    pub fn without_replacement(count: usize) -> Self {
        Self { count: count.max(1), replacement: false }
    }
}

impl Select for Draw {
    fn select(&self, _: &Population, mut among: Vec<usize>, rng: &mut Rng) -> Vec<usize> {
        let size = among.len();
        if size == 0 {
            return among;
        }
        if self.replacement {
            return (0..self.count).map(|_| among[rng.random_range(0..size)]).collect();
        }
        let count = self.count.min(size);
        for at in 0..count {
            among.swap(at, rng.random_range(at..size));
        }
        among.truncate(count);
        among
    }
}

/// The `count` best, the best first; of equals those that come first.
#[derive(Clone, Copy, Debug)]
pub struct Best {
    /// How many; at least 1 is taken.
    pub count: usize,
    /// What "better" means.
    pub order: Order,
}

impl Select for Best {
    fn select(&self, population: &Population, mut among: Vec<usize>, _: &mut Rng) -> Vec<usize> {
        let better = |a: usize, b: usize| population.compare(self.order, a, b).is_gt();
        if self.count <= 1 {
            let best = among.iter().copied();
            let best = best.reduce(|best, next| if better(next, best) { next } else { best });
            return best.into_iter().collect();
        }
        among.sort_by(|a, b| population.compare(self.order, *b, *a));
        among.truncate(self.count);
        among
    }
}

/// One, with a probability that falls evenly from the best to the worst: of n, the one with i worse
/// ones has (2 − pressure + 2 (pressure − 1) i / (n − 1)) / n (Baker, "Adaptive Selection Methods
/// for Genetic Algorithms", 1985).
#[derive(Clone, Copy, Debug)]
pub struct LinearRanking {
    /// How many children the best has where the average has one, 1 to 2; values outside count as
    /// the nearest inside.
    pub pressure: f64,
    /// What "better" means.
    pub order: Order,
}

impl Select for LinearRanking {
    fn select(&self, population: &Population, mut among: Vec<usize>, rng: &mut Rng) -> Vec<usize> {
        among.sort_by(|a, b| population.compare(self.order, *a, *b));
        let slope = 2.0 * (self.pressure.clamp(1.0, 2.0) - 1.0);
        let last = among.len().saturating_sub(1).max(1) as f64;
        pick(&among, rng, |i| 1.0 - slope / 2.0 + slope * i as f64 / last)
    }
}

/// One, with a probability in proportion to how much better it is than the worst ("roulette wheel").
///
/// Values may be negative, so the worst counts as 0. As long as anyone keeps the constraints, those
/// that do not have no children; where nobody does, what counts is how little they are broken.
#[derive(Clone, Copy, Debug)]
pub struct Proportional;

impl Select for Proportional {
    fn select(&self, population: &Population, among: Vec<usize>, rng: &mut Rng) -> Vec<usize> {
        let score = |at: usize| population[at].score;
        let feasible = among.iter().any(|at| score(*at).is_feasible());
        let fitness = |at: usize| {
            let score = score(at);
            if !feasible {
                return Some(-score.violation);
            }
            score.is_feasible().then_some(score.value)
        };
        let known = among.iter().filter_map(|at| fitness(*at));
        let worst = known.fold(f64::INFINITY, f64::min);
        pick(&among, rng, |i| fitness(among[i]).map_or(0.0, |fitness| fitness - worst))
    }
}

/// One of these, with probabilities in proportion to the weights of their places; evenly where all
/// weights are 0.
fn pick(among: &[usize], rng: &mut Rng, weight: impl Fn(usize) -> f64) -> Vec<usize> {
    if among.is_empty() {
        return Vec::new();
    }
    let weights: Vec<f64> = (0..among.len()).map(weight).collect();
    let total: f64 = weights.iter().sum();
    if !(total > 0.0 && total.is_finite()) {
        return vec![among[rng.random_range(0..among.len())]];
    }
    let mut left = rng.random::<f64>() * total;
    for (at, weight) in std::iter::zip(among, &weights) {
        left -= weight;
        if left < 0.0 {
            return vec![*at];
        }
    }
    // What rounding leaves over belongs to the last with a weight.
    let last = weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0);
    vec![among[last]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use crate::search::evolution::population::tests::population;

    /// How often each of five, the best at position 2, is chosen in 10,000 selections.
    fn counts(select: &dyn Select, of: &[(&[f64], f64)]) -> Vec<i32> {
        let (population, mut rng) = (population(of), Seed::new(3).rng());
        let mut counts = vec![0; of.len()];
        for _ in 0..10_000 {
            for at in select.select(&population, (0..of.len()).collect(), &mut rng) {
                counts[at] += 1;
            }
        }
        counts
    }

    const FIVE: [(&[f64], f64); 5] =
        [(&[3.0], 0.0), (&[1.0], 0.0), (&[5.0], 0.0), (&[4.0], 0.0), (&[2.0], 0.0)];

    fn near(counts: &[i32], expected: [f64; 5]) {
        for (count, expected) in std::iter::zip(counts, expected) {
            let difference = (f64::from(*count) - 10_000.0 * expected).abs();
            assert!(difference < 200.0, "{counts:?} is not {expected:?} of 10,000");
        }
    }

    #[test]
    fn selectors_choose_as_often_as_their_formulas_say() {
        // Of three draws from five with replacement, the k-th worst wins (k³ − (k−1)³) / 125.
        let won = |k: i32| f64::from(k.pow(3) - (k - 1).pow(3)) / 125.0;
        near(
            &counts(&tournament(3, Order::Score), &FIVE),
            [won(3), won(1), won(5), won(4), won(2)],
        );
        // Without replacement: C(k−1, 2) / C(5, 3).
        let distinct = Draw::without_replacement(3).then(Best { count: 1, order: Order::Score });
        near(&counts(&distinct, &FIVE), [0.1, 0.0, 0.6, 0.3, 0.0]);
        // From 0.5 / 5 to 1.5 / 5.
        let ranking = LinearRanking { pressure: 1.5, order: Order::Score };
        near(&counts(&ranking, &FIVE), [0.2, 0.1, 0.3, 0.25, 0.15]);
        near(&counts(&Proportional, &FIVE), [0.2, 0.0, 0.4, 0.3, 0.1]);
        let all = counts(&Draw::without_replacement(9), &FIVE);
        assert_eq!(all, [10_000; 5]);
        let top = Best { count: 2, order: Order::Score };
        assert_eq!(counts(&top, &FIVE), [0, 0, 10_000, 10_000, 0]);
    }

    #[test]
    fn proportional_selection_knows_constraints_and_equals() {
        let equal = [(&[7.0][..], 0.0); 5];
        near(&counts(&Proportional, &equal), [0.2; 5]);
        let some: [(&[f64], f64); 5] =
            [(&[-9.0], 0.0), (&[9.0], 1.0), (&[-7.0], 0.0), (&[-6.0], 0.0), (&[8.0], 2.0)];
        near(&counts(&Proportional, &some), [0.0, 0.0, 0.4, 0.6, 0.0]);
        let none: [(&[f64], f64); 5] =
            [(&[0.0], 5.0), (&[9.0], 4.0), (&[0.0], 4.0), (&[0.0], 3.0), (&[8.0], 5.0)];
        near(&counts(&Proportional, &none), [0.0, 0.25, 0.25, 0.5, 0.0]);
    }
}
