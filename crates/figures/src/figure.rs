//! A picture of runs as plain data: what is shown, not how it looks.

use crate::{Mark, Role};

/// How numbers are laid out along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By their logarithm; numbers that are not above 0 have no place on it.
    Log,
}

impl Scale {
    /// The number as a position in which distances are even; `None` where it has no place.
    pub fn position(self, value: f64) -> Option<f64> {
        match self {
            Self::Linear => Some(value),
            Self::Log => (value > 0.0).then(|| value.log10()),
        }
        .filter(|position| position.is_finite())
    }
}

/// A named place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where.
    pub at: f64,
    /// Its name.
    pub label: String,
}

/// One direction of a figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What is on it, with its unit.
    pub label: String,
    /// How numbers are laid out on it.
    pub scale: Scale,
    /// Its named places, in rising order; if absent, the renderer marks round numbers.
    pub ticks: Option<Vec<Tick>>,
    /// What it shows at least and at most; if absent, everything.
    pub range: Option<[f64; 2]>,
    /// Whether numbers between whole ones mean nothing on it, so that none is marked.
    pub whole: bool,
}

impl Axis {
    /// A linear axis over everything.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// The same on this scale.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// The same, over this range.
    #[must_use]
    pub fn range(mut self, range: Option<[f64; 2]>) -> Self {
        self.range = range;
        self
    }

    /// The same, of whole numbers: trials, epochs, generations.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// The same, with names at 0, 1, 2 and so on.
    #[must_use]
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let tick = |(at, name): (usize, S)| Tick { at: at as f64, label: name.into() };
        let ticks: Vec<Tick> = names.into_iter().enumerate().map(tick).collect();
        self.range = Some([-0.5, ticks.len() as f64 - 0.5]);
        self.ticks = Some(ticks);
        self
    }
}

/// A picture of runs as plain data, drawn by the desktop app and by [`crate::render_svg`].
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// What one should know to read it, or what it says in one line; may be empty.
    pub subtitle: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, from the bottom to the top.
    pub marks: Vec<Mark>,
}

/// An entry of a legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegendEntry {
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether the marks of this name are lines; dots or areas otherwise.
    pub line: bool,
}

impl Figure {
    /// Whether it needs more width than others: it has many axes side by side.
    pub fn is_wide(&self) -> bool {
        self.marks.iter().any(|mark| matches!(mark, Mark::Parallel(_)))
    }

    /// The legend: each pair of name and role once; the best first, then the series, what is picked,
    /// and what is muted or faint.
    pub fn legend(&self) -> Vec<LegendEntry> {
        let mut entries: Vec<LegendEntry> = Vec::new();
        let mut add = |name: &str, role: Role, line: bool| {
            if name.is_empty() {
                return;
            }
            match entries.iter_mut().find(|e| e.name == name && e.role == role) {
                Some(entry) => entry.line |= line,
                None => entries.push(LegendEntry { name: name.to_owned(), role, line }),
            }
        };
        for mark in &self.marks {
            match mark {
                Mark::Line(s) | Mark::Step(s) => add(&s.name, s.role, true),
                Mark::Points(s) => add(&s.name, s.role, false),
                Mark::Band(b) | Mark::Area(b) => add(&b.name, b.role, false),
                Mark::Bars(b) => add(&b.name, b.role, false),
                Mark::Links(l) => add(&l.name, l.role, true),
                Mark::Intervals(i) => add(&i.name, i.role, false),
                Mark::Cells(_) => {} // their legend is a scale
                Mark::Parallel(p) => {
                    for bundle in &p.bundles {
                        add(&bundle.name, bundle.role, true);
                    }
                }
            }
        }
        entries.sort_by_key(|entry| match entry.role {
            Role::Best => (0, 0),
            Role::Series(at) => (1, at),
            Role::Selected => (2, 0),
            Role::Muted => (3, 0),
            Role::Faint => (4, 0),
        });
        entries
    }
}
