//! A random forest for regression over architectures: many trees, each grown on a sample of the
//! observations; where they disagree, the forest is uncertain.
//!
//! A split of an integer or float choice is a threshold on the unit scale of
//! [`encode::unit`](crate::encode::unit); a choice that does not apply is below all others. A split
//! of a categorical choice is a subset of its options: ordered by their mean, the best cut of that
//! order is the best of all subsets (Breiman et al.). That the choice does not apply is one more
//! option.
//!
//! # References
//! Breiman, "Random Forests", Machine Learning 45, 2001; Breiman, Friedman, Olshen and Stone,
//! "Classification and Regression Trees", 1984, section 8.8 (subsets); Hutter, Xu, Hoos and
//! Leyton-Brown, "Algorithm Runtime Prediction: Methods & Evaluation", Artificial Intelligence 206,
//! 2014, <https://arxiv.org/abs/1211.0906>, section 4.3 (the variance).

use nascent_record::{Architecture, Domain, Spec};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use crate::Rng;
use crate::encode::unit::to_unit;

/// How trees are grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// The number of trees, at least 1.
    pub trees: usize,
    /// The share of the choices that is looked at for each split, above 0 and at most 1.
    pub choice_share: f64,
    /// The fewest observations in a leaf, at least 1.
    pub min_leaf: usize,
    /// The most observations that are drawn for a tree, at least 1.
    pub max_sample: usize,
}

impl Default for Growth {
    fn default() -> Self {
        Self { trees: 10, choice_share: 5.0 / 6.0, min_leaf: 1, max_sample: 1000 }
    }
}

/// A fitted forest, see the [module](self).
pub struct Forest {
    trees: Vec<Vec<Node>>,
    /// By how much the splits on each choice reduced the squared error, over all trees.
    gains: Vec<f64>,
}

enum Kind {
    /// With the number of options, and one more for what does not apply.
    Categorical(usize),
    Numeric,
}

enum Node {
    Leaf {
        mean: f64,
        variance: f64,
    },
    /// To `left` where the number of the choice is at most `at`, otherwise to the node behind it.
    Threshold {
        choice: usize,
        at: f64,
        left: usize,
    },
    /// To `left` where the option is of the subset, otherwise to the node behind it.
    Subset {
        choice: usize,
        of: Box<[bool]>,
        left: usize,
    },
}

/// A split that was found, and what remains of the squared error.
struct Split {
    error: f64,
    choice: usize,
    rule: Rule,
}

enum Rule {
    Threshold(f64),
    Subset(Box<[bool]>),
}

/// Count, sum and sum of squares.
#[derive(Clone, Copy, Default)]
struct Moments {
    n: f64,
    sum: f64,
    squares: f64,
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut moments = Self::default();
        for y in numbers {
            moments.add(y);
        }
        moments
    }
}

impl Moments {
    fn add(&mut self, y: f64) {
        *self = self.plus(Self { n: 1.0, sum: y, squares: y * y });
    }

    fn plus(self, other: Self) -> Self {
        Self {
            n: self.n + other.n,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    fn minus(self, other: Self) -> Self {
        self.plus(Self { n: -other.n, sum: -other.sum, squares: -other.squares })
    }

    fn mean(self) -> f64 {
        self.sum / self.n.max(1.0)
    }

    /// The sum of squared distances from the mean.
    fn error(self) -> f64 {
        (self.squares - self.sum * self.mean()).max(0.0)
    }
}

impl Forest {
    /// Grows a forest from architectures of this space and their targets. Without any it predicts 0
    /// without variance.
    pub fn fit(
        spec: &Spec,
        observed: &[(&Architecture, f64)],
        growth: Growth,
        rng: &mut Rng,
    ) -> Self {
        let kinds = spec.choices().iter().map(|choice| match &choice.domain {
            Domain::Categorical { options } => Kind::Categorical(options.len()),
            _ => Kind::Numeric,
        });
        let kinds: Vec<Kind> = kinds.collect();
        let points: Vec<Vec<f64>> = observed.iter().map(|(a, _)| features(spec, a)).collect();
        // Around the mean, so that sums of squares keep their digits.
        let center = observed.iter().map(|(_, y)| *y).collect::<Moments>().mean();
        let targets: Vec<f64> = observed.iter().map(|(_, y)| y - center).collect();
        let grower = Grower { kinds: &kinds, points: &points, targets: &targets, growth };
        let mut gains = vec![0.0; spec.len()];
        let trees = (0..growth.trees).map(|_| grower.tree(center, &mut gains, rng)).collect();
        Self { trees, gains }
    }

    /// Mean and variance of the prediction: the leaves of all trees as an even mixture, by the law
    /// of total variance.
    pub fn predict(&self, spec: &Spec, architecture: &Architecture) -> (f64, f64) {
        let point = features(spec, architecture);
        let leaves: Vec<(f64, f64)> = self.trees.iter().map(|tree| leaf(tree, &point)).collect();
        let n = leaves.len().max(1) as f64;
        let mean = leaves.iter().map(|(mean, _)| mean).sum::<f64>() / n;
        let spread = leaves.iter().map(|(m, variance)| variance + (m - mean).powi(2));
        (mean, spread.sum::<f64>() / n)
    }

    /// How much each choice has to do with the target: its share of what all splits reduced the
    /// squared error by. Zeros where there is no split.
    pub fn importances(&self) -> Vec<f64> {
        let total: f64 = self.gains.iter().sum();
        self.gains.iter().map(|gain| if total > 0.0 { gain / total } else { 0.0 }).collect()
    }
}

/// A number for each choice: the position of the option, or the unit scale; -1 where it does not
/// apply.
fn features(spec: &Spec, architecture: &Architecture) -> Vec<f64> {
    let values = std::iter::zip(spec.choices(), architecture.values());
    let numbers = values.map(|(choice, value)| match (&choice.domain, value) {
        (_, None) => -1.0,
        (Domain::Categorical { .. }, Some(value)) => {
            choice.domain.position(*value).map_or(-1.0, |position| position as f64)
        }
        (_, Some(value)) => to_unit(choice, *value),
    });
    numbers.collect()
}

/// The bin of an option: the last one is for what does not apply.
fn bin(options: usize, number: f64) -> usize {
    if number < 0.0 { options } else { number as usize }
}

fn leaf(tree: &[Node], point: &[f64]) -> (f64, f64) {
    let mut at = 0;
    loop {
        let (goes_left, left) = match tree.get(at) {
            Some(Node::Leaf { mean, variance }) => return (*mean, *variance),
            Some(Node::Threshold { choice, at, left }) => (point[*choice] <= *at, *left),
            Some(Node::Subset { choice, of, left }) => {
                (of[bin(of.len() - 1, point[*choice])], *left)
            }
            None => return (0.0, 0.0),
        };
        at = if goes_left { left } else { left + 1 };
    }
}

struct Grower<'a> {
    kinds: &'a [Kind],
    points: &'a [Vec<f64>],
    targets: &'a [f64],
    growth: Growth,
}

impl Grower<'_> {
    fn tree(&self, center: f64, gains: &mut [f64], rng: &mut Rng) -> Vec<Node> {
        let n = self.targets.len();
        let mut rows: Vec<usize> =
            (0..n.min(self.growth.max_sample)).map(|_| rng.random_range(0..n)).collect();
        let nothing = || Node::Leaf { mean: center, variance: 0.0 };
        let mut nodes = vec![nothing()];
        // Nodes to grow: their number, and their part of the rows.
        let mut open = vec![(0, 0, rows.len())];
        while let Some((at, from, to)) = open.pop() {
            let rows = &mut rows[from..to];
            let all: Moments = rows.iter().map(|row| self.targets[*row]).collect();
            let Some(split) = self.split(rows, all, rng) else {
                let variance = all.error() / all.n.max(1.0);
                nodes[at] = Node::Leaf { mean: all.mean() + center, variance };
                continue;
            };
            let left = nodes.len();
            let goes_left = |point: &[f64]| match &split.rule {
                Rule::Threshold(at) => point[split.choice] <= *at,
                Rule::Subset(of) => of[bin(of.len() - 1, point[split.choice])],
            };
            // Left ones first; stable, so that sums have one order.
            let (mut sorted, right): (Vec<usize>, Vec<usize>) =
                rows.iter().partition(|row| goes_left(&self.points[**row]));
            let middle = from + sorted.len();
            sorted.extend(right);
            rows.copy_from_slice(&sorted);
            let choice = split.choice;
            gains[choice] += (all.error() - split.error).max(0.0);
            nodes[at] = match split.rule {
                Rule::Threshold(at) => Node::Threshold { choice, at, left },
                Rule::Subset(of) => Node::Subset { choice, of, left },
            };
            nodes.extend([nothing(), nothing()]);
            open.extend([(left, from, middle), (left + 1, middle, to)]);
        }
        nodes
    }

    /// The best split of these rows among a random share of the choices; others are looked at only
    /// where none of those has any.
    fn split(&self, rows: &[usize], all: Moments, rng: &mut Rng) -> Option<Split> {
        if rows.len() < 2 * self.growth.min_leaf || all.error() <= 1e-12 * all.squares {
            return None;
        }
        let mut order: Vec<usize> = (0..self.kinds.len()).collect();
        order.shuffle(rng);
        let looked_at = (self.kinds.len() as f64 * self.growth.choice_share).ceil() as usize;
        let mut best: Option<Split> = None;
        for (number, choice) in order.into_iter().enumerate() {
            if number >= looked_at && best.is_some() {
                break;
            }
            let split = match self.kinds[choice] {
                Kind::Categorical(options) => self.subset(choice, options, rows, all, rng),
                Kind::Numeric => self.threshold(choice, rows, all, rng),
            };
            if let Some(split) = split
                && best.as_ref().is_none_or(|best| split.error < best.error)
            {
                best = Some(split);
            }
        }
        best
    }

    /// Whether both sides of a cut are large enough to be leaves.
    fn is_wide(&self, left: Moments, all: Moments) -> bool {
        let least = self.growth.min_leaf as f64;
        left.n >= least && all.n - left.n >= least
    }

    fn subset(
        &self,
        choice: usize,
        options: usize,
        rows: &[usize],
        all: Moments,
        rng: &mut Rng,
    ) -> Option<Split> {
        let mut bins = vec![Moments::default(); options + 1];
        for row in rows {
            bins[bin(options, self.points[*row][choice])].add(self.targets[*row]);
        }
        let mut order: Vec<usize> = (0..=options).filter(|at| bins[*at].n > 0.0).collect();
        order.sort_by(|a, b| bins[*a].mean().total_cmp(&bins[*b].mean()).then(a.cmp(b)));
        let (mut left, mut best) = (Moments::default(), None);
        for cut in 1..order.len() {
            left = left.plus(bins[order[cut - 1]]);
            let error = left.error() + all.minus(left).error();
            if self.is_wide(left, all) && best.is_none_or(|(least, _)| error < least) {
                best = Some((error, cut));
            }
        }
        let (error, cut) = best?;
        // An option that is not among the rows goes to either side.
        let side = |at: usize| match order.iter().position(|option| *option == at) {
            Some(position) => position < cut,
            None => rng.random::<bool>(),
        };
        let rule = Rule::Subset((0..=options).map(side).collect());
        Some(Split { error, choice, rule })
    }

    fn threshold(
        &self,
        choice: usize,
        rows: &[usize],
        all: Moments,
        rng: &mut Rng,
    ) -> Option<Split> {
        let pair = |row: &usize| (self.points[*row][choice], self.targets[*row]);
        let mut sorted: Vec<(f64, f64)> = rows.iter().map(pair).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut left, mut best) = (Moments::default(), None);
        for pair in sorted.windows(2) {
            left.add(pair[0].1);
            if pair[0].0 < pair[1].0 && self.is_wide(left, all) {
                let error = left.error() + all.minus(left).error();
                if best.is_none_or(|(least, _, _)| error < least) {
                    best = Some((error, pair[0].0, pair[1].0));
                }
            }
        }
        let (error, low, high) = best?;
        // Anywhere between the two, so that the trees differ where nothing was observed.
        let at = low + rng.random::<f64>() * (high - low);
        Some(Split { error, choice, rule: Rule::Threshold(at.min(high.next_down())) })
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::{Choice, Condition};

    use super::*;
    use crate::Seed;
    use crate::space::SpecExt as _;

    fn spec() -> Spec {
        let dense = Condition::OneOf { choice: "op".into(), options: vec!["c".into()] };
        Spec::new(vec![
            Choice::categorical("op", ["a", "b", "c", "d"]),
            Choice::float("rate", 0.0, 1.0),
            Choice::integer("width", 1, 9).when(dense),
        ])
        .unwrap()
    }

    /// b and d are good, a is bad; c is as good as it is wide.
    fn target(architecture: &Architecture) -> f64 {
        let op = match architecture.int(0) {
            Some(0) => 0.0,
            Some(2) => architecture.int(2).unwrap_or(0) as f64,
            _ => 5.0,
        };
        op + if architecture.float(1) > Some(0.5) { 3.0 } else { 0.0 }
    }

    #[test]
    fn with_enough_data_it_is_the_function() {
        let (spec, mut rng) = (spec(), Seed::new(1).rng());
        let train: Vec<Architecture> = (0..2000).map(|_| spec.sample(&mut rng)).collect();
        let observed: Vec<_> = train.iter().map(|a| (a, target(a))).collect();
        let growth = Growth { choice_share: 1.0, min_leaf: 1, ..Growth::default() };
        let forest = Forest::fit(&spec, &observed, growth, &mut rng);
        for _ in 0..200 {
            let architecture = spec.sample(&mut rng);
            let rate = architecture.float(1).unwrap();
            let (mean, variance) = forest.predict(&spec, &architecture);
            if (rate - 0.5).abs() > 0.05 {
                let expected = target(&architecture);
                assert!((mean - expected).abs() < 0.5, "{architecture}: {mean} is not {expected}");
                assert!(variance < 1.0, "{architecture}: variance {variance}");
            }
        }
        // The variance is 75/16 of the option, 9/4 of the rate and 5/3 of the width.
        for (found, expected) in std::iter::zip(forest.importances(), [0.545, 0.261, 0.194]) {
            assert!((found - expected).abs() < 0.06, "{found} is not {expected}");
        }
    }

    /// Of a stump for which the best subset is {a, c}, by hand: a and c have 0 and 2, b and d 10 and
    /// 12, so the leaves have means 1 and 11 and the variance 1.
    #[test]
    fn a_subset_splits_what_no_threshold_could() {
        let spec = Spec::new(vec![Choice::categorical("op", ["a", "b", "c", "d"])]).unwrap();
        let all: Vec<Architecture> = spec.grid(2).collect();
        let observed: Vec<_> = std::iter::zip(&all, [0.0, 10.0, 2.0, 12.0]).collect();
        let points: Vec<Vec<f64>> = all.iter().map(|a| features(&spec, a)).collect();
        let targets: Vec<f64> = observed.iter().map(|(_, y)| *y).collect();
        let growth = Growth { min_leaf: 2, ..Growth::default() };
        let kinds = [Kind::Categorical(4)];
        let grower = Grower { kinds: &kinds, points: &points, targets: &targets, growth };
        let moments = targets.iter().copied().collect();
        let split = grower.split(&[0, 1, 2, 3], moments, &mut Seed::new(1).rng()).unwrap();
        assert!((split.error - 4.0).abs() < 1e-12, "{}", split.error);
        let Rule::Subset(of) = split.rule else { panic!("it is a threshold") };
        assert_eq!(of[..4], [true, false, true, false]);
    }

    #[test]
    fn the_variance_is_that_of_the_mixture_of_leaves() {
        let spec = Spec::new(vec![Choice::categorical("op", ["a", "b"])]).unwrap();
        let leaf = |mean, variance| vec![Node::Leaf { mean, variance }];
        let trees = vec![leaf(1.0, 0.5), leaf(3.0, 1.5)];
        let forest = Forest { trees, gains: vec![0.0] };
        let any = spec.parse("op=a").unwrap();
        // The mean of the variances, 1, and the variance of the means, 1.
        assert_eq!(forest.predict(&spec, &any), (2.0, 2.0));
    }
}
