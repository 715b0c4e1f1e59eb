//! Which trials are listed, and in which order: computed in the background.

use std::cmp::Ordering;

use nascent_record::RunView;

use crate::filter::{Field, fields, parse};

/// An order of the rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sort {
    pub(super) field: Field,
    pub(super) descending: bool,
}

impl Sort {
    /// What a click on a title does: rising, then falling, then none; `add` keeps the other orders.
    pub(super) fn toggle(sorts: &mut Vec<Self>, field: Field, add: bool) {
        let at = sorts.iter().position(|sort| sort.field == field);
        if !add {
            sorts.retain(|sort| sort.field == field);
        }
        let Some(sort) = at.and_then(|_| sorts.iter_mut().find(|sort| sort.field == field)) else {
            sorts.push(Self { field, descending: false });
            return;
        };
        if sort.descending {
            sorts.retain(|sort| sort.field != field);
        } else {
            sort.descending = true;
        }
    }
}

/// The trials that are listed.
pub(super) struct Rows {
    /// Their numbers, in order.
    pub(super) trials: Vec<u32>,
}

/// The trials that satisfy a filter, in order; those without a value come last.
pub(super) fn find(view: &RunView, filter: &str, sorts: &[Sort]) -> Rows {
    let trials = view.trials();
    // What is no filter was refused where it was typed; all trials are listed.
    let filter = parse(filter, &fields(view)).unwrap_or(crate::filter::Filter::All);
    let mut found: Vec<u32> =
        trials.iter().filter(|trial| filter.holds(view, trial)).map(|trial| trial.id.0).collect();
    for sort in sorts.iter().rev() {
        let keys: Vec<_> = found
            .iter()
            .map(|id| trials.get(*id as usize).and_then(|trial| sort.field.of(view, trial)))
            .collect();
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by(|&a, &b| match (&keys[a], &keys[b]) {
            (Some(a), Some(b)) if sort.descending => b.order(a),
            (Some(a), Some(b)) => a.order(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
        found = order.into_iter().map(|at| found[at]).collect();
    }
    Rows { trials: found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn rows_are_sorted_by_several_fields_and_blanks_are_last() {
        let view = testing::run(100, 3, 5);
        let by = |name: &str, descending| {
            let known = fields(&view);
            let field = known.into_iter().find(|(known, _)| known == name).unwrap().1;
            Sort { field, descending }
        };
        let rows = find(&view, "", &[by("depth", false), by("valid_accuracy", true)]);
        assert_eq!(rows.trials.len(), 100);
        let key = |id: u32| {
            let trial = &view.trials()[id as usize];
            let value = crate::filter::metric(trial, "valid_accuracy");
            (trial.proposal.architecture.int(0).unwrap(), value)
        };
        for pair in rows.trials.windows(2) {
            let (a, b) = (key(pair[0]), key(pair[1]));
            assert!(a.0 <= b.0);
            if a.0 == b.0 {
                assert!(b.1.is_none() || a.1 >= b.1, "{a:?} {b:?}");
            }
        }
        let some = find(&view, "op=skip", &[]);
        assert!(some.trials.len() < 60 && some.trials.is_sorted());
    }

    #[test]
    fn a_title_goes_through_three_states() {
        let mut sorts = Vec::new();
        Sort::toggle(&mut sorts, Field::Trial, false);
        assert!(!sorts[0].descending);
        Sort::toggle(&mut sorts, Field::Epochs, true);
        assert_eq!(sorts.len(), 2);
        Sort::toggle(&mut sorts, Field::Trial, true);
        assert!(sorts[0].descending);
        Sort::toggle(&mut sorts, Field::Trial, true);
        assert_eq!(sorts.len(), 1);
        Sort::toggle(&mut sorts, Field::Status, false);
        assert_eq!((sorts.len(), &sorts[0].field), (1, &Field::Status));
    }
}
