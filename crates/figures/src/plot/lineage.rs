//! Who was made from whom.

use nascent_record::analysis::main_parent;
use nascent_record::{RunView, TrialId};

use super::metric::{Metric, focus};
use super::{NotYet, Plot, PlotOptions, count, even_sample, role_of};
use crate::{Axis, Figure, Link, Links, Mark, Point, Role, Series};

/// The part of the distance between two generations that the trials of one are spread over.
const SPREAD: f64 = 0.6;

/// A longer line of ancestors is a line only: points would cover it.
const MOST_POINTS: usize = 80;

/// See the module.
///
/// A trial without parents is of generation 0, a child of one more than the latest of its parents.
/// The trials of a generation are side by side in the order in which they were proposed, at the
/// height of their metric, so that a line that rises is a child that is better. The best is one of
/// those that compare: that keep the constraints, at the highest fidelity.
pub(super) struct Lineage;

impl Plot for Lineage {
    fn id(&self) -> &'static str {
        "lineage"
    }

    fn title(&self) -> &'static str {
        "Lineage"
    }

    fn summary(&self) -> &'static str {
        "The family tree of an evolution, by generation, with the ancestors of the best."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let trees: Vec<Tree> = runs.iter().map(|(_, view)| Tree::of(view, &metric)).collect();
        if trees.iter().all(|tree| tree.links == 0) {
            let sentence = "No trial was made from another that is complete; searchers that change \
                            good architectures, such as regularized_evolution, log the parents.";
            return Err(NotYet(sentence.to_owned()));
        }
        let (mut marks, mut bright) = (Vec::new(), Vec::new());
        let (mut values, mut keep) = (Vec::new(), Vec::new());
        let (mut latest, mut children) = (0, 0);
        let single = runs.len() == 1;
        for (run, tree) in trees.iter().enumerate().filter(|(_, tree)| tree.links > 0) {
            latest = latest.max(tree.generations.iter().copied().max().unwrap_or(0));
            children += tree.links;
            let name = |of: &str| if single { of.to_owned() } else { String::new() };
            let points: Vec<Point> = tree.places.iter().flatten().copied().collect();
            values.extend(points.iter().map(|point| point.y));
            marks.push(Mark::Links(Links {
                name: name("parent to child"),
                role: Role::Muted,
                run,
                links: tree.some_links((options.max_lines / runs.len()).max(1)),
            }));
            marks.push(Mark::Points(Series {
                name: String::new(),
                role: Role::Muted,
                run,
                points,
            }));
            if let Some(best) = tree.best {
                let path = tree.path(runs[run].1, best, &metric);
                keep.extend(path.iter().map(|point| point.y));
                let role = role_of(run, runs);
                let name = if single { "ancestors of the best" } else { runs[run].0 };
                bright.extend(line_of(name.to_owned(), role, run, path));
            }
            if let Some((_, trial)) = options.selected.filter(|(of, _)| *of == run) {
                let points = tree.path(runs[run].1, trial, &metric);
                if !points.is_empty() {
                    let name = format!("trial {trial} and its ancestors");
                    bright.extend(line_of(name, Role::Selected, run, points));
                }
            }
        }
        marks.append(&mut bright);
        let (range, outside) = focus(&metric, &values, &keep);
        let mut subtitle = format!(
            "{}, {} of parent and child",
            count(latest + 1, "generation"),
            count(children, "pair")
        );
        if children > options.max_lines {
            subtitle = format!("{subtitle}, {} of them drawn", options.max_lines);
        }
        if outside > 0 {
            let outside = count(outside, "trial");
            subtitle = format!("{subtitle}; {outside} worse than the axis shows");
        }
        Ok(Figure {
            title: format!("{}: {}", self.title(), metric.name.replace('_', " ")),
            subtitle,
            x: Axis::new("generation").whole(),
            y: Axis::new(metric.label).range(range),
            marks,
        })
    }
}

/// A line of ancestors, with a point for each where these can be told apart.
fn line_of(name: String, role: Role, run: usize, points: Vec<Point>) -> Vec<Mark> {
    let few = points.len() <= MOST_POINTS;
    let series = Series { name, role, run, points };
    let points = few.then(|| Mark::Points(series.clone()));
    [Mark::Line(series)].into_iter().chain(points).collect()
}

/// The trials of a run with their parents.
struct Tree {
    /// By trial, like all that follows.
    parents: Vec<Vec<usize>>,
    generations: Vec<usize>,
    /// Those of complete trials.
    places: Vec<Option<Point>>,
    /// The best trial.
    best: Option<TrialId>,
    /// How many lines there are: between a parent and a child that both have a place.
    links: usize,
}

impl Tree {
    fn of(view: &RunView, metric: &Metric) -> Self {
        let trials = view.trials();
        let (mut parents, mut generations) = (Vec::new(), Vec::<usize>::new());
        for (at, trial) in trials.iter().enumerate() {
            // A parent is an earlier trial; a file that says otherwise has none.
            let own: Vec<usize> =
                trial.proposal.parents.iter().map(|p| p.index()).filter(|p| *p < at).collect();
            generations.push(own.iter().map(|p| generations[*p] + 1).max().unwrap_or(0));
            parents.push(own);
        }
        let values: Vec<Option<f64>> = trials.iter().map(|trial| metric.of(trial)).collect();
        let mut sizes = vec![0_usize; generations.iter().max().map_or(0, |last| last + 1)];
        for (at, generation) in generations.iter().enumerate() {
            sizes[*generation] += usize::from(values[at].is_some());
        }
        let mut seen = vec![0_usize; sizes.len()];
        let mut places = Vec::with_capacity(trials.len());
        for (at, (value, generation)) in std::iter::zip(&values, &generations).enumerate() {
            places.push(value.map(|y| {
                seen[*generation] += 1;
                let part = (seen[*generation] as f64 - 0.5) / sizes[*generation] as f64;
                Point::of(trials[at].id, *generation as f64 + SPREAD * (part - 0.5), y)
            }));
        }
        let compared = metric.comparable(view).into_iter();
        let best = compared.reduce(|a, b| if metric.better(b.1, a.1) { b } else { a });
        let best = best.map(|(trial, _)| trial.id);
        let mut tree = Self { parents, generations, places, best, links: 0 };
        tree.links = tree.pairs().count();
        tree
    }

    /// Each parent with each of its children, where both have a place.
    fn pairs(&self) -> impl Iterator<Item = Link> {
        self.parents.iter().zip(&self.places).flat_map(|(parents, to)| {
            let places = parents.iter().map(|parent| self.places[*parent]);
            places.filter_map(|from| Some(Link { from: from?, to: (*to)? }))
        })
    }

    /// An even sample of these.
    fn some_links(&self, most: usize) -> Vec<Link> {
        let links: Vec<Link> = self.pairs().collect();
        even_sample(links.len(), most).map(|at| links[at]).collect()
    }

    /// A trial and its ancestors, the oldest first, as far as they have a place.
    fn path(&self, view: &RunView, trial: TrialId, metric: &Metric) -> Vec<Point> {
        let mut path: Vec<Point> = Vec::new();
        let mut next = view.trials().get(trial.index());
        while let Some(trial) = next
            && let Some(point) = self.places[trial.id.index()]
        {
            path.push(point);
            next = main_parent(view, trial, &metric.objective);
        }
        path.reverse();
        path
    }
}
