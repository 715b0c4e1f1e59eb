//! Choices as finite lists of options, which a policy has one probability each for.
//!
//! A categorical choice has its options, and an integer choice with few values has those. An integer
//! choice with many, and a float choice, are cut into bins of equal width on the scale of
//! [`to_unit`], so that a logarithmic choice has bins of equal ratio; a bin that no integer falls
//! into is left out. Within a bin, values are drawn evenly.

use nascent_record::{Architecture, Choice, Domain, Spec, Value};
use rand::RngExt as _;

use crate::Rng;
use crate::encode::unit::{from_unit, to_unit};

/// The options of one choice.
enum Options {
    /// As many as the choice has values.
    Values(usize),
    /// Those of `bins` equal parts of the unit scale that hold a value, in order.
    Bins { held: Vec<usize>, bins: usize },
}

impl Options {
    fn of(choice: &Choice, bins: usize) -> Self {
        if let Some(size) = choice.domain.size()
            && (size <= bins as u64 || is_categorical(choice))
        {
            return Self::Values(size as usize);
        }
        // The value nearest to the middle is in the bin, if any is.
        let holds = |bin: &usize| {
            let middle = from_unit(choice, (*bin as f64 + 0.5) / bins as f64);
            bin_of(to_unit(choice, middle), bins) == *bin
        };
        Self::Bins { held: (0..bins).filter(holds).collect(), bins }
    }

    fn count(&self) -> usize {
        match self {
            Self::Values(count) => *count,
            Self::Bins { held, .. } => held.len(),
        }
    }

    /// A value of the option.
    fn draw(&self, choice: &Choice, option: usize, rng: &mut Rng) -> Value {
        match self {
            Self::Values(_) => {
                let value = choice.domain.nth(option as u64);
                value.unwrap_or_else(|| from_unit(choice, 0.0))
            }
            Self::Bins { held, bins } => {
                let at = |within: f64| (held[option] as f64 + within) / *bins as f64;
                let drawn = from_unit(choice, at(rng.random()));
                // An integer is rounded, which may lead out of the bin; its middle does not.
                let inside = self.position(choice, drawn) == option;
                if inside { drawn } else { from_unit(choice, at(0.5)) }
            }
        }
    }

    /// The option that a value belongs to.
    fn position(&self, choice: &Choice, value: Value) -> usize {
        match self {
            Self::Values(_) => choice.domain.position(value).unwrap_or(0) as usize,
            Self::Bins { held, bins } => {
                let bin = bin_of(to_unit(choice, value), *bins);
                held.partition_point(|other| *other <= bin).saturating_sub(1)
            }
        }
    }
}

fn is_categorical(choice: &Choice) -> bool {
    matches!(choice.domain, Domain::Categorical { .. })
}

fn bin_of(unit: f64, bins: usize) -> usize {
    ((unit * bins as f64) as usize).min(bins - 1)
}

/// The option that an architecture has for each choice; `None` where the choice does not apply.
pub(super) type Decisions = Vec<Option<usize>>;

/// The options of all choices. Each option of the space has a row: its number if those of all
/// choices are counted through.
pub(super) struct OptionTable {
    choices: Vec<Options>,
    first_rows: Vec<usize>,
    rows: usize,
}

impl OptionTable {
    /// With at most `bins` bins for choices that are not categorical.
    pub(super) fn new(spec: &Spec, bins: usize) -> Self {
        let choices: Vec<Options> = spec.choices().iter().map(|c| Options::of(c, bins)).collect();
        let mut rows = 0;
        let first_rows = choices
            .iter()
            .map(|options| {
                rows += options.count();
                rows - options.count()
            })
            .collect();
        Self { choices, first_rows, rows }
    }

    /// The number of choices.
    pub(super) fn len(&self) -> usize {
        self.choices.len()
    }

    /// The options of all choices together.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The number of options of choice `at`.
    pub(super) fn count(&self, at: usize) -> usize {
        self.choices[at].count()
    }

    /// The row of the first option of choice `at`.
    pub(super) fn first_row(&self, at: usize) -> usize {
        self.first_rows[at]
    }

    /// A value of this option of choice `at`.
    pub(super) fn draw(&self, at: usize, choice: &Choice, option: usize, rng: &mut Rng) -> Value {
        self.choices[at].draw(choice, option, rng)
    }

    /// What was decided for an architecture.
    pub(super) fn decisions(&self, spec: &Spec, architecture: &Architecture) -> Decisions {
        let choices = std::iter::zip(&self.choices, spec.choices());
        std::iter::zip(choices, architecture.values())
            .map(|((options, choice), value)| Some(options.position(choice, (*value)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn what_is_drawn_from_a_bin_belongs_to_it() {
        let spec = Spec::new(vec![
            Choice::categorical("op", (0..40).map(|i| format!("op{i}"))),
            Choice::integer("few", 3, 15).step(4),
            Choice::integer("many", -50, 1000),
            Choice::integer("log", 1, 100).log(),
            Choice::float("rate", 1e-4, 1e-1).log(),
            Choice::float("only", 0.5, 0.5),
        ])
        .unwrap();
        let table = OptionTable::new(&spec, 16);
        let counts: Vec<usize> = (0..6).map(|at| table.count(at)).collect();
        // Of 16 equal ratios from 1 to 100 (each 1.33), the second, from 1.33 to 1.78, has no integer.
        assert_eq!(counts, [40, 4, 16, 15, 16, 1]);
        assert_eq!(table.rows(), 92);
        let mut rng = Seed::new(1).rng();
        for (at, choice) in spec.choices().iter().enumerate() {
            for option in 0..table.count(at) {
                for _ in 0..50 {
                    let value = table.draw(at, choice, option, &mut rng);
                    assert!(choice.domain.contains(value), "{}: {value}", choice.name);
                    assert_eq!(table.choices[at].position(choice, value), option, "{value}");
                }
            }
        }
    }
}
