//! Trade-offs: which trials no other beats in everything, and how much they cover.

use std::collections::HashSet;

use super::comparable;
use crate::{Error, Result, RunView, Trial};

/// Whether `a` is at least as good as `b` everywhere and better somewhere; more is better.
fn dominates(a: &[f64], b: &[f64]) -> bool {
    std::iter::zip(a, b).all(|(a, b)| a >= b) && std::iter::zip(a, b).any(|(a, b)| a > b)
}

fn check(analysis: &'static str, points: &[Vec<f64>], dimensions: Option<usize>) -> Result<usize> {
    let expected = dimensions.or_else(|| points.first().map(Vec::len)).unwrap_or(0);
    let problem = if points.iter().any(|point| point.len() != expected) {
        format!("every point needs {expected} values")
    } else if points.iter().flatten().any(|value| value.is_nan()) {
        "a value is not a number".to_owned()
    } else {
        return Ok(expected);
    };
    Err(Error::Analysis { analysis, problem })
}

/// The positions of the points that no other point dominates, in rising order; more is better in
/// every value. Equal points are all on the front.
///
/// # Errors
/// If points have different numbers of values, or one is not a number.
pub fn pareto_front(points: &[Vec<f64>]) -> Result<Vec<usize>> {
    check("the Pareto front", points, None)?;
    let mut order: Vec<usize> = (0..points.len()).collect();
    let by_value = |a: &[f64], b: &[f64]| {
        // Adding zero makes -0 the 0 that it is equal to, so that the order agrees with `dominates`.
        let differing = std::iter::zip(a, b).map(|(a, b)| (b + 0.0).total_cmp(&(a + 0.0)));
        differing.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    };
    order.sort_by(|&a, &b| by_value(&points[a], &points[b]).then(a.cmp(&b)));
    // In falling order a point can only be dominated by one before it: comparing with the front
    // found so far is enough.
    let mut front: Vec<usize> = Vec::new();
    for candidate in order {
        if !front.iter().rev().any(|&kept| dominates(&points[kept], &points[candidate])) {
            front.push(candidate);
        }
    }
    front.sort_unstable();
    Ok(front)
}

/// The rank of each point: 0 on the front, 1 on the front of the others, and so on (Deb et al.,
/// "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", 2002).
///
/// # Errors
/// If points have different numbers of values, or one is not a number.
pub fn pareto_ranks(points: &[Vec<f64>]) -> Result<Vec<usize>> {
    let mut ranks = vec![0; points.len()];
    let mut left: Vec<usize> = (0..points.len()).collect();
    for rank in 0.. {
        if left.is_empty() {
            break;
        }
        let rest: Vec<Vec<f64>> = left.iter().map(|&i| points[i].clone()).collect();
        let front = pareto_front(&rest)?;
        for &at in &front {
            ranks[left[at]] = rank;
        }
        let mut at = 0;
        left.retain(|_| {
            at += 1;
            front.binary_search(&(at - 1)).is_err()
        });
    }
    Ok(ranks)
}

/// The volume that the points dominate above a reference point; more is better in every value.
/// Exact, by slicing along the last value (While et al., "A Faster Algorithm for Calculating
/// Hypervolume", 2006).
///
/// # Errors
/// If a point has another number of values than the reference, or one is not a number.
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> Result<f64> {
    check("the hypervolume", points, Some(reference.len()))?;
    let above: Vec<Vec<f64>> = points
        .iter()
        .map(|point| std::iter::zip(point, reference).map(|(value, low)| value - low).collect())
        .filter(|point: &Vec<f64>| point.iter().all(|value| *value > 0.0))
        .collect();
    let front = pareto_front(&above)?.into_iter().map(|i| above[i].clone()).collect();
    Ok(volume(front, reference.len()))
}

/// The hypervolume of the first point, of the first two, and so on: one number for each point, each
/// what [`hypervolume`] says of the points up to there. A point that joins the front adds its box less
/// what the front covers of it, so points that others dominate cost one look at the front only (While
/// et al., "A Fast Way of Calculating Exact Hypervolumes", 2012).
///
/// # Errors
/// If a point has another number of values than the reference, or one is not a number.
pub fn hypervolume_growth(points: &[Vec<f64>], reference: &[f64]) -> Result<Vec<f64>> {
    let dimensions = check("the growth of the hypervolume", points, Some(reference.len()))?;
    let mut front: Vec<Vec<f64>> = Vec::new();
    let mut total = 0.0;
    let mut growth = Vec::with_capacity(points.len());
    for point in points {
        let new: Vec<f64> =
            std::iter::zip(point, reference).map(|(value, low)| value - low).collect();
        let covered =
            |kept: &Vec<f64>| std::iter::zip(kept, &new).all(|(kept, value)| kept >= value);
        if new.iter().all(|value| *value > 0.0) && !front.iter().rev().any(covered) {
            let least = |kept: &Vec<f64>| {
                std::iter::zip(kept, &new).map(|(kept, value)| kept.min(*value)).collect()
            };
            let shared: Vec<Vec<f64>> = front.iter().map(least).collect();
            let shared = pareto_front(&shared)?.into_iter().map(|i| shared[i].clone()).collect();
            total += new.iter().product::<f64>() - volume(shared, dimensions);
            front.retain(|kept| !dominates(&new, kept));
            front.push(new);
        }
        growth.push(total);
    }
    Ok(growth)
}

/// The complete trials of a run, of those at the highest fidelity, that keep the constraints and
/// that no other beats in all objectives, best by the first objective first. An architecture that was tried several times appears once.
pub fn pareto_trials(view: &RunView) -> Vec<&Trial> {
    let (trials, points) = feasible(view);
    // Metrics are finite, and each point has a value for each objective.
    let front = pareto_front(&points).unwrap_or_default();
    let mut on: Vec<(&Trial, f64)> = front.into_iter().map(|i| (trials[i], points[i][0])).collect();
    on.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.id.cmp(&b.0.id)));
    let mut seen = HashSet::new();
    on.into_iter()
        .map(|(trial, _)| trial)
        .filter(|trial| seen.insert(&trial.proposal.architecture))
        .collect()
}

fn feasible(view: &RunView) -> (Vec<&Trial>, Vec<Vec<f64>>) {
    let goal = &view.manifest().goal;
    let scored = comparable(view).filter_map(|trial| Some((trial, goal.values(trial.metrics()?)?)));
    scored.unzip()
}

/// The hypervolume of each run, as a share of the box between the worst and the best value of each
/// objective that any of the runs has: comparable between these runs. `None` where they have
/// different objectives, fewer than two, or no trial that keeps the constraints.
pub fn hypervolume_shares(runs: &[&RunView]) -> Option<Vec<f64>> {
    let objectives = &runs.first()?.manifest().goal.objectives;
    if objectives.len() < 2 || runs.iter().any(|r| r.manifest().goal.objectives != *objectives) {
        return None;
    }
    let points: Vec<Vec<Vec<f64>>> = runs.iter().map(|run| feasible(run).1).collect();
    let all: Vec<&Vec<f64>> = points.iter().flatten().collect();
    let bounds: Vec<(f64, f64)> = (0..objectives.len())
        .map(|at| {
            let values = all.iter().map(|point| point[at]);
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        })
        .collect();
    if all.is_empty() {
        return None;
    }
    // Where all values are equal, each has its whole side of the box.
    let side = |value: &f64, (low, high): &(f64, f64)| {
        if high > low { (value - low) / (high - low) } else { 1.0 }
    };
    let share = |points: &Vec<Vec<f64>>| {
        let points: Vec<Vec<f64>> = points
            .iter()
            .map(|point| std::iter::zip(point, &bounds).map(|(v, b)| side(v, b)).collect())
            .collect();
        hypervolume(&points, &vec![0.0; bounds.len()]).ok()
    };
    points.iter().map(share).collect()
}

/// The volume of the union of boxes from the origin to the points, over their first `d` values.
fn volume(mut points: Vec<Vec<f64>>, d: usize) -> f64 {
    if points.is_empty() || d == 0 {
        return 0.0;
    }
    let mut total = 0.0;
    if d <= 2 {
        // From right to left the area grows where a point is higher than all to its right.
        points.sort_by(|a, b| b[0].total_cmp(&a[0]));
        let mut height = 0.0;
        for point in &points {
            let top = if d == 1 { 1.0 } else { point[1] };
            if top > height {
                total += point[0] * (top - height);
                height = top;
            }
        }
        return total;
    }
    points.sort_by(|a, b| b[d - 1].total_cmp(&a[d - 1]));
    for i in 0..points.len() {
        let next = points.get(i + 1).map_or(0.0, |point| point[d - 1]);
        let height = points[i][d - 1] - next;
        if height > 0.0 {
            total += height * volume(points[..=i].to_vec(), d - 1);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_front_ranks_and_volume() {
        let points: Vec<Vec<f64>> =
            [[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [1.0, 1.0], [2.0, 2.0]].map(Vec::from).into();
        assert_eq!(pareto_front(&points).unwrap(), [0, 1, 2, 4]);
        assert_eq!(pareto_ranks(&points).unwrap(), [0, 0, 0, 1, 0]);
        // Unions of boxes: 3 + 2 + 1.
        assert!((hypervolume(&points, &[0.0, 0.0]).unwrap() - 6.0).abs() < 1e-12);
        // Two unit-wide boxes of a cube: 2·1·1 + 1·2·1 − 1 + …, by inclusion and exclusion.
        let cubes = vec![vec![2.0, 1.0, 1.0], vec![1.0, 2.0, 1.0], vec![1.0, 1.0, 2.0]];
        assert!((hypervolume(&cubes, &[0.0; 3]).unwrap() - 4.0).abs() < 1e-12);
        assert!(hypervolume(&cubes, &[0.0, 0.0]).is_err());
        // Boxes of 3, 2 + 1 more, and nothing.
        let growth = hypervolume_growth(&points[..4], &[0.0, 0.0]).unwrap();
        assert_eq!(growth, [3.0, 5.0, 6.0, 6.0]);
        assert!(hypervolume_growth(&cubes, &[0.0, 0.0]).is_err());
    }

    /// The union of boxes by inclusion and exclusion.
    fn slow_volume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
        let mut total = 0.0;
        for subset in 1..1_u32 << points.len() {
            let chosen = (0..points.len()).filter(|i| subset >> i & 1 == 1);
            let chosen: Vec<&Vec<f64>> = chosen.map(|i| &points[i]).collect();
            let sides = reference.iter().enumerate().map(|(d, low)| {
                let least = chosen.iter().map(|p| p[d]).fold(f64::INFINITY, f64::min);
                (least - low).max(0.0)
            });
            let sign = if chosen.len() % 2 == 1 { 1.0 } else { -1.0 };
            total += sign * sides.product::<f64>();
        }
        total
    }

    #[test]
    fn zero_has_no_sign() {
        let points = vec![vec![-0.0, 5.0], vec![0.0, 3.0]];
        assert_eq!(pareto_front(&points).unwrap(), [0]);
    }

    proptest! {
        #[test]
        fn the_volume_is_that_of_inclusion_and_exclusion(
            points in (1..5_usize).prop_flat_map(|d| {
                prop::collection::vec(prop::collection::vec(-2..6_i32, d), 1..9)
            })
        ) {
            let points: Vec<Vec<f64>> =
                points.into_iter().map(|p| p.into_iter().map(f64::from).collect()).collect();
            let reference = vec![-0.5; points[0].len()];
            let volume = hypervolume(&points, &reference).unwrap();
            prop_assert!((volume - slow_volume(&points, &reference)).abs() < 1e-9);
            let growth = hypervolume_growth(&points, &reference).unwrap();
            prop_assert_eq!(growth.len(), points.len());
            for (at, volume) in growth.into_iter().enumerate() {
                prop_assert!((volume - slow_volume(&points[..=at], &reference)).abs() < 1e-9);
            }
        }

        #[test]
        fn a_front_is_an_antichain_that_dominates_the_rest(
            points in prop::collection::vec(prop::collection::vec(-9..9_i32, 3), 1..40)
        ) {
            let points: Vec<Vec<f64>> =
                points.into_iter().map(|p| p.into_iter().map(f64::from).collect()).collect();
            let front = pareto_front(&points).unwrap();
            for i in 0..points.len() {
                let beaten = points.iter().any(|other| dominates(other, &points[i]));
                prop_assert_eq!(front.contains(&i), !beaten);
            }
        }
    }
}
