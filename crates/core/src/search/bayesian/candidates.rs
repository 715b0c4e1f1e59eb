//! What a model chooses among: all networks of a small space, a pool around the best of a large one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nascent_record::{Architecture, Domain, Spec};
use rand::RngExt as _;

use crate::Rng;
use crate::encode::network::KINDS;
use crate::encode::unit::{from_unit, to_unit};
use crate::space::{SearchSpace, SpecExt as _};
use crate::surrogate::kernel::{Encoder, Hyper, Point, choice_distance, log_correlation};

/// All networks of a small space. Architectures that mean the same network are one candidate.
pub(super) struct Candidates {
    /// How the kernel sees each one.
    pub points: Vec<Point>,
    /// The architectures that mean it, in the order of the grid.
    pub members: Vec<Vec<Architecture>>,
    /// Which candidate an architecture means.
    positions: HashMap<Architecture, u32>,
    /// For each choice the values that occur, and which one each candidate has.
    choices: Vec<(Vec<f32>, Vec<u16>)>,
    kinds: [Kind; KINDS],
}

/// One kind of features of all candidates.
#[derive(Default)]
struct Kind {
    /// The sum of all counts of each candidate.
    sizes: Vec<u32>,
    /// The features that all candidates have equally often.
    shared: HashMap<u64, u16>,
    /// Of the others, the candidates that have a feature, and how often.
    holders: HashMap<u64, Vec<(u32, u16)>>,
}

impl Kind {
    fn of(points: &[Point], kind: usize) -> Self {
        let mut all = Self::default();
        for (at, point) in std::iter::zip(0.., points) {
            let features = point.network.as_ref().map_or(&[][..], |features| &features[kind]);
            all.sizes.push(features.iter().map(|(_, count)| u32::from(*count)).sum());
            for &(feature, count) in features {
                all.holders.entry(feature).or_default().push((at, count));
            }
        }
        let Self { shared, holders, .. } = &mut all;
        holders.retain(|&feature, held| {
            let often = held[0].1;
            let all = held.len() == points.len() && held.iter().all(|(_, count)| *count == often);
            if all {
                shared.insert(feature, often);
            }
            !all
        });
        all
    }

    /// The sum of the differences of all counts, of all candidates.
    fn distances(&self, features: &[(u64, u16)]) -> Vec<u32> {
        let own: u32 = features.iter().map(|(_, count)| u32::from(*count)).sum();
        let shared = features.iter().filter_map(|(f, count)| Some(*self.shared.get(f)?.min(count)));
        let own = i64::from(own) - 2 * shared.map(i64::from).sum::<i64>();
        let mut common = vec![0; self.sizes.len()];
        for (feature, count) in features {
            for &(at, other) in self.holders.get(feature).into_iter().flatten() {
                common[at as usize] += u32::from(other.min(*count));
            }
        }
        let sum = |(size, both): (&u32, u32)| (i64::from(*size) + own - 2 * i64::from(both)) as u32;
        std::iter::zip(&self.sizes, common).map(sum).collect()
    }
}

/// A space, by whoever holds it, and its candidates.
type Listed = (Weak<dyn SearchSpace>, bool, Arc<Candidates>);

/// The candidates of the spaces that are in use: to list one takes longer than many searches in it.
static LISTED: Mutex<Vec<Listed>> = Mutex::new(Vec::new());

impl Candidates {
    /// Those of a space of at most `most` architectures.
    pub(super) fn of(
        space: &Arc<dyn SearchSpace>,
        encoder: &Encoder,
        most: usize,
    ) -> Option<Arc<Self>> {
        space.spec().size().filter(|&size| size <= most as u128)?;
        let mut listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
        listed.retain(|(space, ..)| space.strong_count() > 0);
        let weak = Arc::downgrade(space);
        let same = |l: &&Listed| Weak::ptr_eq(&l.0, &weak) && l.1 == encoder.has_network();
        if let Some((_, _, candidates)) = listed.iter().find(same) {
            return Some(Arc::clone(candidates));
        }
        let candidates = Arc::new(Self::list(&**space, encoder));
        listed.push((weak, encoder.has_network(), Arc::clone(&candidates)));
        Some(candidates)
    }

    fn list(space: &dyn SearchSpace, encoder: &Encoder) -> Self {
        let mut all = Self {
            points: Vec::new(),
            members: Vec::new(),
            positions: HashMap::new(),
            choices: Vec::new(),
            kinds: Default::default(),
        };
        let mut index: HashMap<Architecture, u32> = HashMap::new();
        for architecture in space.spec().grid(2) {
            let canonical = space.canonical(&architecture);
            let at = if let Some(&at) = index.get(&canonical) {
                at
            } else {
                let at = all.points.len() as u32;
                all.points.push(encoder.encode(space, &canonical));
                all.members.push(Vec::new());
                index.insert(canonical, at);
                at
            };
            all.members[at as usize].push(architecture.clone());
            all.positions.insert(architecture, at);
        }
        for choice in 0..encoder.choices() {
            let mut values: Vec<f32> = all.points.iter().map(|p| p.choices[choice]).collect();
            values.sort_by(f32::total_cmp);
            values.dedup();
            let code =
                |p: &Point| values.partition_point(|value| *value < p.choices[choice]) as u16;
            let codes = all.points.iter().map(code).collect();
            all.choices.push((values, codes));
        }
        if encoder.has_network() {
            all.kinds = std::array::from_fn(|kind| Kind::of(&all.points, kind));
        }
        all
    }

    /// The number of the candidate that an architecture means.
    pub(super) fn position(&self, architecture: &Architecture) -> Option<usize> {
        self.positions.get(architecture).map(|&at| at as usize)
    }

    /// The kernel of a point with all candidates.
    pub(super) fn kernel(&self, encoder: &Encoder, hyper: &Hyper, point: &Point) -> Vec<f32> {
        let mut by_choices = vec![1.0_f32; self.points.len()];
        for (at, (values, codes)) in self.choices.iter().enumerate() {
            let numeric = encoder.is_numeric(at);
            let correlation = |value: &f32| {
                let r = choice_distance(numeric, point.choices[at], *value);
                log_correlation(numeric, f64::from(r), hyper.lengths[at]).exp() as f32
            };
            let table: Vec<f32> = values.iter().map(correlation).collect();
            for (product, &code) in std::iter::zip(&mut by_choices, codes) {
                *product *= table[usize::from(code)];
            }
        }
        let [choices, network, both] = hyper.weights.map(|weight| weight as f32);
        let Some(features) = &point.network else {
            return by_choices.into_iter().map(|c| choices * c).collect();
        };
        let mut by_network = vec![1.0_f32; self.points.len()];
        let kinds = self.kinds.iter().zip(features).zip(&hyper.lengths[encoder.choices()..]);
        for ((kind, features), length) in kinds {
            let distances = kind.distances(features);
            let most = distances.iter().copied().max().unwrap_or(0);
            let table: Vec<f32> =
                (0..=most).map(|n| (-f64::from(n) / length).exp() as f32).collect();
            for (product, distance) in std::iter::zip(&mut by_network, distances) {
                *product *= table[distance as usize];
            }
        }
        let joined = std::iter::zip(by_choices, by_network);
        joined.map(|(c, n)| choices * c + network * n + both * c * n).collect()
    }
}

/// A small change: of a number by about a tenth of its scale half of the time, of anything to any
/// other value the rest.
pub(super) fn vary(spec: &Spec, architecture: &Architecture, rng: &mut Rng) -> Architecture {
    let at = rng.random_range(0..spec.len());
    let choice = &spec.choices()[at];
    let old = architecture.values()[at];
    match old {
        Some(old) if !matches!(choice.domain, Domain::Categorical { .. }) && rng.random() => {
            let shift = 0.2 * (rng.random::<f64>() + rng.random::<f64>() - 1.0);
            let new = from_unit(choice, to_unit(choice, old) + shift);
            // What applies newly is taken from a fresh architecture.
            let fresh = spec.sample(rng);
            let built = spec.build(|i, choice| {
                let kept = architecture.values()[i].or(fresh.values()[i]);
                if i == at { new } else { kept.unwrap_or_else(|| from_unit(choice, 0.5)) }
            });
            built.unwrap_or(fresh)
        }
        _ => spec.mutate(architecture, rng),
    }
}

/// Different architectures: changes of the best ones, and random ones.
pub(super) fn pool(
    spec: &Spec,
    best: &[&Architecture],
    size: usize,
    rng: &mut Rng,
) -> Vec<Architecture> {
    let (mut pool, mut seen) = (Vec::with_capacity(size), HashSet::new());
    for number in 0..size {
        let drawn = if number % 3 == 0 || best.is_empty() {
            spec.sample(rng)
        } else {
            // The better, the more often; one change mostly, then two, then three.
            let at = (best.len() as f64 * rng.random::<f64>() * rng.random::<f64>()) as usize;
            let mut changed = vary(spec, best[at], rng);
            while rng.random_range(0..3) == 0 {
                changed = vary(spec, &changed, rng);
            }
            changed
        };
        if seen.insert(drawn.clone()) {
            pool.push(drawn);
        }
    }
    pool
}
