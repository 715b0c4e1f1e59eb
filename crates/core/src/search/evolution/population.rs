//! Who is alive, and who is better than whom.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::VecDeque;

use nascent_record::{Architecture, Goal, Score, Trial, TrialId};

/// A trial that has a result.
#[derive(Clone, Debug)]
pub struct Individual {
    /// The trial.
    pub trial: TrialId,
    /// The trials that it was made from.
    pub parents: Vec<TrialId>,
    /// Its architecture.
    pub architecture: Architecture,
    /// How good it is as one number, and by how much it breaks the constraints.
    pub score: Score,
    /// The values of the objectives, each oriented so that more is better.
    pub values: Vec<f64>,
}

impl Individual {
    /// The individual that a trial is; `None` if it has no result.
    pub fn new(goal: &Goal, trial: &Trial) -> Option<Self> {
        let metrics = trial.metrics()?;
        Some(Self {
            trial: trial.id,
            parents: trial.proposal.parents.clone(),
            architecture: trial.proposal.architecture.clone(),
            score: goal.score(metrics)?,
            values: goal.values(metrics)?,
        })
    }

    /// Whether it dominates another (Deb et al. 2002, section VI): it breaks the constraints less;
    /// or both keep them, and it is at least as good in every objective, and better in one.
    pub fn dominates(&self, other: &Self) -> bool {
        let by_constraints = other.score.violation.total_cmp(&self.score.violation);
        match by_constraints {
            Ordering::Equal if self.score.is_feasible() => {
                let mut better = false;
                for (a, b) in std::iter::zip(&self.values, &other.values) {
                    if a < b {
                        return false;
                    }
                    better |= a > b;
                }
                better
            }
            Ordering::Equal | Ordering::Less => false,
            Ordering::Greater => true,
        }
    }
}

/// Where an individual stands in its population when there are several objectives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// 0 if no other dominates it, 1 if only those of front 0 do, and so on.
    pub front: usize,
    /// The crowding distance: how far its neighbors on the front are, as the sum over the objectives
    /// of their distance in shares of the front's range; infinite at the ends.
    pub crowding: f64,
}

/// What "better" means among individuals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A better [`Score`].
    Score,
    /// An earlier front; on one front a larger crowding distance (the crowded comparison of
    /// NSGA-II).
    Front,
}

/// Individuals in the order in which they joined.
#[derive(Debug, Default)]
pub struct Population {
    members: VecDeque<Individual>,
    /// Found when it is asked for, and again after a change.
    standings: OnceCell<Vec<Standing>>,
}

impl Population {
    /// The number of individuals.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The individuals, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Individual> {
        self.members.iter()
    }

    /// The individual that is this trial, if it is alive.
    pub fn find(&self, trial: TrialId) -> Option<&Individual> {
        self.members.iter().find(|member| member.trial == trial)
    }

    /// One more.
    pub fn push(&mut self, individual: Individual) {
        self.members.push_back(individual);
        self.standings.take();
    }

    /// The oldest leaves.
    pub fn pop_oldest(&mut self) {
        self.members.pop_front();
        self.standings.take();
    }

    /// The `size` best stay; of equals the youngest. In the order of the fronts they keep the
    /// standings by which they were chosen until somebody joins, as in NSGA-II.
    pub fn truncate(&mut self, size: usize, order: Order) {
        if size >= self.len() {
            return;
        }
        let mut best_first: Vec<usize> = (0..self.len()).collect();
        best_first.select_nth_unstable_by(size, |a, b| self.compare(order, *b, *a).then(b.cmp(a)));
        let mut stays = vec![true; self.len()];
        for at in &best_first[size..] {
            stays[*at] = false;
        }
        let mut each = stays.iter().copied();
        self.members.retain(|_| each.next().unwrap_or(false));
        let standings = self.standings.take().filter(|_| order == Order::Front);
        if let Some(mut kept) = standings {
            let mut each = stays.into_iter();
            kept.retain(|_| each.next().unwrap_or(false));
            self.standings = OnceCell::from(kept);
        }
    }

    /// The fronts and crowding distances of all, by position.
    pub fn standings(&self) -> &[Standing] {
        self.standings.get_or_init(|| standings(&self.members))
    }

    /// Compares the individuals at two positions; the greater is better.
    pub fn compare(&self, order: Order, a: usize, b: usize) -> Ordering {
        match order {
            Order::Score => self.members[a].score.cmp(&self.members[b].score),
            Order::Front => {
                let (a, b) = (self.standings()[a], self.standings()[b]);
                b.front.cmp(&a.front).then(a.crowding.total_cmp(&b.crowding))
            }
        }
    }
}

impl std::ops::Index<usize> for Population {
    type Output = Individual;
    fn index(&self, at: usize) -> &Individual {
        &self.members[at]
    }
}

/// Non-dominated sorting: in an order in which nobody is dominated by a later one, each joins the
/// first front on which nobody dominates it, found by bisection (Zhang et al., "An Efficient Approach to Nondominated
/// Sorting for Evolutionary Multiobjective Optimization", 2015). Then the crowding distances.
fn standings(members: &VecDeque<Individual>) -> Vec<Standing> {
    let better_first = |a: &usize, b: &usize| {
        let (a, b) = (&members[*a], &members[*b]);
        let values = std::iter::zip(&a.values, &b.values).map(|(a, b)| b.total_cmp(a));
        let by_constraints = a.score.violation.total_cmp(&b.score.violation);
        by_constraints.then_with(|| values.fold(Ordering::Equal, Ordering::then))
    };
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(better_first);
    // The last of each front, and for each individual the one before it on its front: a list for
    // each front would be an allocation for each individual where there is one objective.
    let mut lasts: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; members.len()];
    let mut standings = vec![Standing { front: 0, crowding: 0.0 }; members.len()];
    for at in &order {
        let dominated = |last: &usize| {
            let mut front = std::iter::successors(Some(*last), |other| before[*other]);
            front.any(|other| members[other].dominates(&members[*at]))
        };
        // Who is dominated on a front is so on all before it.
        let number = lasts.partition_point(dominated);
        standings[*at].front = number;
        match lasts.get_mut(number) {
            Some(last) => before[*at] = Some(std::mem::replace(last, *at)),
            None => lasts.push(*at),
        }
    }
    order.sort_by_key(|at| standings[*at].front);
    let mut start = 0;
    while start < order.len() {
        let number = standings[order[start]].front;
        let size = order[start..].iter().take_while(|at| standings[**at].front == number).count();
        crowd(members, &mut order[start..start + size], &mut standings);
        start += size;
    }
    standings
}

/// The crowding distances on one front.
fn crowd(members: &VecDeque<Individual>, front: &mut [usize], standings: &mut [Standing]) {
    if let [alone] = front {
        standings[*alone].crowding = f64::INFINITY;
        return;
    }
    for objective in 0..members[front[0]].values.len() {
        let value = |at: usize| members[at].values[objective];
        front.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
        let (first, last) = (front[0], front[front.len() - 1]);
        let range = value(last) - value(first);
        for end in [first, last] {
            standings[end].crowding = f64::INFINITY;
        }
        for three in front.windows(3).filter(|_| range > 0.0) {
            standings[three[1]].crowding += (value(three[2]) - value(three[0])) / range;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use nascent_record::{Choice, Spec, Value};

    use super::*;

    /// Individuals with these values and violations; their score is their first value.
    pub(in crate::search::evolution) fn population(of: &[(&[f64], f64)]) -> Population {
        let spec = Spec::new(vec![Choice::integer("number", 0, 1_000)]).unwrap();
        let mut population = Population::default();
        for (number, (values, violation)) in std::iter::zip(0.., of) {
            population.push(Individual {
                trial: TrialId(number),
                parents: Vec::new(),
                architecture: spec.build(|_, _| Value::Int(i64::from(number))).unwrap(),
                score: Score { value: values[0], violation: *violation },
                values: values.to_vec(),
            });
        }
        population
    }

    #[test]
    fn a_known_front_has_the_crowding_distances_of_the_paper() {
        // By hand: the third has neighbors 2 and 8 of range 10 in the first objective, and 10 and
        // 1 of range 20 in the second: 0.6 + 0.45.
        let front = population(&[
            (&[0.0, 20.0], 0.0),
            (&[2.0, 10.0], 0.0),
            (&[5.0, 4.0], 0.0),
            (&[8.0, 1.0], 0.0),
            (&[10.0, 0.0], 0.0),
            (&[1.0, 1.0], 0.0),
        ]);
        let standings = front.standings();
        let crowding: Vec<f64> = standings.iter().map(|standing| standing.crowding).collect();
        assert_eq!(crowding[0], f64::INFINITY);
        assert!((crowding[1] - (0.5 + 0.8)).abs() < 1e-12, "{crowding:?}");
        assert!((crowding[2] - (0.6 + 0.45)).abs() < 1e-12, "{crowding:?}");
        assert!((crowding[3] - (0.5 + 0.2)).abs() < 1e-12, "{crowding:?}");
        assert_eq!(crowding[4], f64::INFINITY);
        assert_eq!(standings[5], Standing { front: 1, crowding: f64::INFINITY });
        assert_eq!(front.compare(Order::Front, 1, 2), Ordering::Greater);
        assert_eq!(front.compare(Order::Front, 2, 5), Ordering::Greater);
        assert_eq!(front.compare(Order::Score, 2, 4), Ordering::Less);
    }

    #[test]
    fn constraints_come_before_objectives() {
        let population = population(&[
            (&[9.0, 9.0], 0.5),
            (&[1.0, 1.0], 0.0),
            (&[9.0, 9.0], 0.2),
            (&[2.0, 0.0], 0.0),
            (&[0.0, 0.0], 0.2),
        ]);
        let fronts: Vec<usize> = population.standings().iter().map(|s| s.front).collect();
        // Those that break a constraint equally much do not dominate each other.
        assert_eq!(fronts, [2, 0, 1, 0, 1]);
        assert!(population[2].dominates(&population[0]));
        assert!(!population[0].dominates(&population[2]));
    }

    proptest::proptest! {
        #[test]
        fn fronts_are_those_of_the_analysis(
            points in proptest::collection::vec(proptest::collection::vec(-4..4_i32, 3), 1..30)
        ) {
            let points: Vec<Vec<f64>> =
                points.into_iter().map(|p| p.into_iter().map(f64::from).collect()).collect();
            let of: Vec<(&[f64], f64)> = points.iter().map(|p| (p.as_slice(), 0.0)).collect();
            let fronts: Vec<usize> =
                population(&of).standings().iter().map(|standing| standing.front).collect();
            proptest::prop_assert_eq!(fronts, nascent_record::analysis::pareto_ranks(&points).unwrap());
        }
    }
}
