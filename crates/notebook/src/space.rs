//! Search spaces in cells: those that are there by name, and those that `space!` declares.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use nascent::Seed;
use nascent::nn::Cost;
use nascent::space::declared::{Declaration, Declared};
use nascent::space::{SPACES, SearchSpace, SpecExt as _};
use nascent_record::{Architecture, Condition, Domain};
use nascent_session::{named, space_settings};
use serde_json::Value;

use crate::html::{escape, styled, table, text_table};
use crate::pictures::Picture;
use crate::{Bundle, Error, Result, svg};

/// The name of spaces that are declared.
const DECLARED: &str = "declared";
/// How many choices of a space are shown.
const ROWS: usize = 40;

/// A search space: what it has as a [`SearchSpace`], and what a cell wants of it besides.
#[derive(Clone)]
pub struct Space {
    name: String,
    settings: Value,
    space: Arc<dyn SearchSpace>,
}

impl Space {
    /// A space that is there, with settings: `"nas_bench_201 channels=4"`.
    ///
    /// # Errors
    /// If there is none of this name, or a setting cannot be.
    pub fn named(text: &str) -> Result<Self> {
        let (name, settings) = named(text)?;
        let entry = nascent::space::find(&name)?;
        let settings = entry.complete(&space_settings(&name, settings)?)?.config;
        let space = entry.make(&settings, &())?.into();
        Ok(Self { name, settings, space })
    }

    /// The space that is declared; what `space!` ends in.
    ///
    /// # Errors
    /// If what is declared is no space: the error names the place and the way out.
    pub fn declared(declaration: Declaration) -> Result<Self> {
        let settings = declaration.settings();
        let space = Arc::new(Declared::new(declaration)?);
        Ok(Self { name: DECLARED.to_owned(), settings, space })
    }

    /// All spaces that are there, as a table.
    pub fn all() -> Picture {
        let header = ["space", "what it is", "architectures"].map(str::to_owned);
        let rows = SPACES.iter().map(|entry| {
            let made = entry.make(&Value::Null, &());
            let size = made.map(|space| count(space.spec().size())).unwrap_or_default();
            vec![entry.name.to_owned(), entry.summary.to_owned(), size]
        });
        let rows: Vec<Vec<String>> = rows.collect();
        Picture::from(Bundle::new(styled(&table(&header, &rows)), text_table(&header, &rows)))
    }

    /// Writes the settings of a declared space as JSON: for `nascent search --space declared --space-set
    /// file=FILE`.
    ///
    /// # Errors
    /// If it is not a declared one, or the file cannot be written.
    pub fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        if self.name != DECLARED {
            return Err(Error::NotDeclared { space: self.name.clone() });
        }
        let path = file.as_ref();
        let text = serde_json::to_string_pretty(&self.settings).unwrap_or_default();
        std::fs::write(path, text + "\n")
            .map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// A random architecture; the same for the same seed.
    pub fn sample(&self, seed: u64) -> Architecture {
        self.spec().sample(&mut Seed::new(seed).rng())
    }

    /// The architecture with one choice changed at random.
    pub fn mutate(&self, architecture: &Architecture, seed: u64) -> Architecture {
        self.spec().mutate(architecture, &mut Seed::new(seed).rng())
    }

    /// All architectures that differ in one choice; a real number has a neighbor below and one above.
    pub fn neighbors(&self, architecture: &Architecture) -> Vec<Architecture> {
        self.spec().neighbors(architecture)
    }

    /// The name of an architecture: the customary one, where the space has such names.
    pub fn text(&self, architecture: &Architecture) -> String {
        let official = self.official_name(architecture);
        official.unwrap_or_else(|| self.spec().text(architecture))
    }

    /// What the network of an architecture costs, for examples of this shape (`[channels, height, width]`
    /// or `[features]`) and so many classes.
    ///
    /// # Errors
    /// If the network does not fit the shape.
    pub fn cost(
        &self,
        architecture: &Architecture,
        shape: &[usize],
        classes: usize,
    ) -> Result<Cost> {
        Ok(nascent::nn::cost(&self.graph(architecture)?, shape, classes)?)
    }

    /// A drawing of the network of an architecture, or of its cells.
    pub fn draw(&self, architecture: &Architecture) -> Picture {
        Picture::from(match self.graph(architecture) {
            Ok(graph) => {
                let text = self.text(architecture);
                let title = format!("<div><code>{}</code></div>", escape(&text));
                Bundle::new(styled(&title) + &svg::drawings(&graph), text)
            }
            Err(error) => svg::problem(&error.to_string()),
        })
    }

    /// The name and the settings.
    pub(crate) fn pair(&self) -> (String, Value) {
        (self.name.clone(), self.settings.clone())
    }

    pub(crate) fn bundle(&self) -> Bundle {
        let spec = self.spec();
        let title = format!("{}: {} architectures", self.name, count(spec.size()));
        let header = ["choice", "options", "when"].map(str::to_owned);
        let shown = spec.choices().iter().take(ROWS).map(|choice| {
            let when = choice.when.as_ref().map(condition).unwrap_or_default();
            vec![choice.name.clone(), options(&choice.domain), when]
        });
        let mut rows: Vec<Vec<String>> = shown.collect();
        if spec.len() > ROWS {
            rows.push(vec![format!("… {} choices", spec.len()), String::new(), String::new()]);
        }
        let sample = self.draw(&self.sample(0)).bundle();
        let html = format!(
            "<div><b>{}</b></div>{}<div class=\"m\">one of them:</div>",
            escape(&title),
            table(&header, &rows)
        );
        let text = format!("{title}\n{}\none of them: {}", text_table(&header, &rows), sample.text);
        Bundle::new(styled(&html) + &sample.html.unwrap_or_default(), text)
    }
}

impl Deref for Space {
    type Target = dyn SearchSpace;

    fn deref(&self) -> &Self::Target {
        &*self.space
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bundle().text)
    }
}

/// A number of architectures.
fn count(size: Option<u128>) -> String {
    let Some(size) = size else { return "infinitely many".to_owned() };
    if size >= 10_000_000 {
        return format!("{:.1e}", size as f64);
    }
    let digits = size.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// What a choice may be, as people write it.
fn options(domain: &Domain) -> String {
    let scale = |log: &bool| if *log { ", logarithmic" } else { "" };
    match domain {
        Domain::Categorical { options } => options.join(", "),
        Domain::Integer { low, high, step: 1, log } => format!("{low} to {high}{}", scale(log)),
        Domain::Integer { low, high, step, log } => {
            format!("{low} to {high} in steps of {step}{}", scale(log))
        }
        Domain::Float { low, high, log } => format!("{low} to {high}, real{}", scale(log)),
    }
}

/// When a choice applies, as people write it.
fn condition(condition: &Condition) -> String {
    match condition {
        Condition::OneOf { choice, options } => format!("{choice} is {}", options.join(" or ")),
        Condition::AtLeast { choice, value } => format!("{choice} is at least {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_architectures_are_readable() {
        let counts = [Some(7), Some(15_625), Some(9_999_999), Some(10_000_000), None].map(count);
        assert_eq!(counts, ["7", "15,625", "9,999,999", "1.0e7", "infinitely many"]);
    }

    #[test]
    fn a_space_by_name_is_shown_with_its_choices_and_one_of_its_networks() {
        let space = Space::named("mlp max_depth=2").unwrap();
        let Bundle { html, text } = space.bundle();
        let html = html.unwrap();
        assert!(html.contains("<svg") && html.contains("width_2"), "{html}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "mlp: infinitely many architectures",
            "width_2 16 to 256, logarithmic depth is at least 2",
            "dropout_rate 0.05 to 0.5, real dropout is on",
            "one of them: depth=",
        ] {
            assert!(words.contains(expected), "{text}");
        }
        let error = Space::named("nas_bench_202").unwrap_err().to_string();
        assert!(error.contains("did you mean \"nas_bench_201\"?"), "{error}");
        let error = space.save("x.json").unwrap_err().to_string();
        assert!(error.contains("mlp"), "{error}");
        assert!(Space::all().bundle().text.contains("15,625"));
    }
}
