//! A classification dataset in memory.

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// The inputs of a split, one example after the other.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Images as unsigned bytes, scaled by 1/255 when an example is copied.
    Bytes(Vec<u8>),
    /// Numbers that are used as they are.
    Floats(Vec<f32>),
}

impl Inputs {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Floats(values) => values.len(),
        }
    }

    fn truncated(&self, len: usize) -> Self {
        match self {
            Self::Bytes(values) => Self::Bytes(values.iter().take(len).copied().collect()),
            Self::Floats(values) => Self::Floats(values.iter().take(len).copied().collect()),
        }
    }
}

/// Inputs with their labels: never empty, as many inputs as labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    inputs: Inputs,
    labels: Vec<u32>,
}

impl Split {
    /// Joins inputs and labels. The inputs must be a whole number of values per label.
    pub fn new(inputs: Inputs, labels: Vec<u32>) -> Result<Self> {
        let problem = if labels.is_empty() {
            "a split needs at least one example".to_owned()
        } else if inputs.len() == 0 || !inputs.len().is_multiple_of(labels.len()) {
            format!(
                "{} input values are not the same for each of {} labels",
                inputs.len(),
                labels.len()
            )
        } else {
            return Ok(Self { inputs, labels });
        };
        Err(Error::Inconsistent { name: "split".to_owned(), problem })
    }

    /// How many examples there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a split is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// How many values one example has.
    pub fn example_len(&self) -> usize {
        self.inputs.len() / self.labels.len()
    }

    /// The class of each example.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The inputs as they are held.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Writes the values of one example into `out`; images as numbers from 0 to 1.
    ///
    /// # Panics
    ///
    /// Like a slice, where `index` is not below [`Split::len`] or `out` has not [`Split::example_len`] places.
    pub fn copy_example(&self, index: usize, out: &mut [f32]) {
        let len = self.example_len();
        let range = index * len..(index + 1) * len;
        match &self.inputs {
            Inputs::Floats(values) => out.copy_from_slice(&values[range]),
            Inputs::Bytes(values) => {
                assert_eq!(out.len(), len, "one example has {len} values");
                for (to, from) in out.iter_mut().zip(&values[range]) {
                    *to = f32::from(*from) / 255.0;
                }
            }
        }
    }

    fn truncated(&self, len: usize) -> Self {
        let len = len.min(self.len());
        Self {
            inputs: self.inputs.truncated(len * self.example_len()),
            labels: self.labels.iter().take(len).copied().collect(),
        }
    }

    /// Each example so many times, one behind the other.
    fn repeated(&self, times: usize) -> Self {
        fn repeat<T: Copy>(values: &[T], len: usize, times: usize) -> Vec<T> {
            values.chunks(len).flat_map(|example| example.repeat(times)).collect()
        }
        let len = self.example_len();
        let inputs = match &self.inputs {
            Inputs::Bytes(values) => Inputs::Bytes(repeat(values, len, times)),
            Inputs::Floats(values) => Inputs::Floats(repeat(values, len, times)),
        };
        Self { inputs, labels: self.labels.clone() }
    }

    fn check(&self, name: &str, part: &str, values: usize, classes: usize) -> Result<()> {
        let fail = |problem: String| {
            Err(Error::Inconsistent {
                name: name.to_owned(),
                problem: format!("{part}: {problem}"),
            })
        };
        if self.example_len() != values {
            return fail(format!(
                "an example has {} values where the shape asks for {values}",
                self.example_len()
            ));
        }
        if let Some((index, label)) =
            self.labels.iter().enumerate().find(|(_, label)| **label as usize >= classes)
        {
            return fail(format!("label {label} of example {index} is not below {classes}"));
        }
        if let Inputs::Floats(inputs) = &self.inputs
            && let Some(at) = inputs.iter().position(|value| !value.is_finite())
        {
            return fail(format!(
                "value {} of example {} is {}, not a finite number",
                at % values,
                at / values,
                inputs[at]
            ));
        }
        Ok(())
    }

    fn update(&self, hash: &mut Sha256) {
        hash.update((self.labels.len() as u64).to_le_bytes());
        for label in &self.labels {
            hash.update(label.to_le_bytes());
        }
        match &self.inputs {
            Inputs::Bytes(values) => {
                hash.update(b"bytes");
                hash.update(values);
            }
            Inputs::Floats(values) => {
                hash.update(b"floats");
                for value in values {
                    hash.update(value.to_le_bytes());
                }
            }
        }
    }
}

/// A classification dataset held in memory.
///
/// It is built by [`Dataset::new`], which checks it, so shape, classes, labels and inputs always fit together.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    name: String,
    shape: Vec<usize>,
    classes: Vec<String>,
    train: Split,
    test: Option<Split>,
}

impl Dataset {
    /// Joins the parts of a dataset and checks that they fit together.
    pub fn new(
        name: impl Into<String>,
        shape: Vec<usize>,
        classes: Vec<String>,
        train: Split,
        test: Option<Split>,
    ) -> Result<Self> {
        let name = name.into();
        let fail = |problem: String| Err(Error::Inconsistent { name: name.clone(), problem });
        if !matches!(shape.len(), 1 | 3) || shape.contains(&0) {
            return fail(format!(
                "shape {shape:?} is neither [features] nor [channels, height, width]"
            ));
        }
        if classes.len() < 2 {
            return fail(format!("{} classes, where at least two are needed", classes.len()));
        }
        if let Some(twice) = classes
            .iter()
            .enumerate()
            .find(|(at, class)| classes.iter().take(*at).any(|c| c == *class))
        {
            return fail(format!("two classes are named {:?}", twice.1));
        }
        let values = shape.iter().product();
        train.check(&name, "training part", values, classes.len())?;
        if let Some(test) = &test {
            test.check(&name, "test part", values, classes.len())?;
        }
        Ok(Self { name, shape, classes, train, test })
    }

    /// The name, as in the registry where it is from there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `[channels, height, width]` for images, `[features]` for tabular data.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The names of the classes, by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The training part; for a dataset without an official test part, everything.
    pub fn train(&self) -> &Split {
        &self.train
    }

    /// The official test part, where there is one.
    pub fn test(&self) -> Option<&Split> {
        self.test.as_ref()
    }

    /// The SHA-256 over shape, labels and inputs, in hexadecimal.
    ///
    /// A run's manifest records it, so that a resume on other data is refused.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update((self.shape.len() as u64).to_le_bytes());
        for length in &self.shape {
            hash.update((*length as u64).to_le_bytes());
        }
        self.train.update(&mut hash);
        match &self.test {
            Some(test) => {
                hash.update(b"test");
                test.update(&mut hash);
            }
            None => hash.update(b"no test"),
        }
        hex(&hash.finalize())
    }

    /// The first examples of each part: at least one for training; with `max_test` 0 there is no test part.
    #[must_use]
    pub fn limited(&self, max_train: usize, max_test: usize) -> Self {
        Self {
            name: self.name.clone(),
            shape: self.shape.clone(),
            classes: self.classes.clone(),
            train: self.train.truncated(max_train.max(1)),
            test: self.test.as_ref().filter(|_| max_test > 0).map(|test| test.truncated(max_test)),
        }
    }

    /// Grey images as images of several channels that are all the same, for networks that are made
    /// for color; images that have so many channels as they are.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if the examples are no images, or have channels that cannot be repeated.
    pub fn with_channels(self, channels: usize) -> Result<Self> {
        let problem = match self.shape[..] {
            [own, ..] if self.shape.len() == 3 && own == channels => return Ok(self),
            [1, height, width] if channels > 0 => {
                let Self { name, classes, train, test, .. } = self;
                let shape = vec![channels, height, width];
                let test = test.map(|test| test.repeated(channels));
                return Ok(Self { name, shape, classes, train: train.repeated(channels), test });
            }
            [own, _, _] => format!(
                "its images have {own} channels, and {channels} cannot be made of them; only one \
                 channel is repeated"
            ),
            _ => format!("channels are of images, and its examples are {:?}", self.shape),
        };
        Err(Error::Inconsistent { name: self.name, problem })
    }
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|name| (*name).to_owned()).collect()
    }

    fn small() -> Dataset {
        Dataset::new(
            "small",
            vec![2],
            names(&["no", "yes"]),
            Split::new(Inputs::Bytes(vec![0, 255, 51, 102, 1, 2]), vec![0, 1, 1]).unwrap(),
            Some(Split::new(Inputs::Floats(vec![0.5, -2.0, 3.0, 4.0]), vec![1, 0]).unwrap()),
        )
        .unwrap()
    }

    #[test]
    fn bytes_are_scaled_and_floats_are_not() {
        let mut out = [0.0; 2];
        small().train().copy_example(1, &mut out);
        assert_eq!(out, [0.2, 0.4]);
        small().test().unwrap().copy_example(0, &mut out);
        assert_eq!(out, [0.5, -2.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let split = |inputs: Vec<f32>, labels: Vec<u32>| Split::new(Inputs::Floats(inputs), labels);
        assert!(split(vec![], vec![]).is_err());
        assert!(split(vec![], vec![0]).is_err());
        assert!(split(vec![1.0; 5], vec![0, 1]).is_err());
        let four = || split(vec![1.0; 4], vec![0, 1]).unwrap();
        let two = || names(&["a", "b"]);
        let problem = |result: Result<Dataset>| result.unwrap_err().to_string();
        assert!(problem(Dataset::new("x", vec![2, 2], two(), four(), None)).contains("[2, 2]"));
        assert!(problem(Dataset::new("x", vec![3], two(), four(), None)).contains("asks for 3"));
        assert!(problem(Dataset::new("x", vec![2], names(&["a"]), four(), None)).contains("two"));
        assert!(
            problem(Dataset::new("x", vec![2], names(&["a", "a"]), four(), None)).contains("\"a\"")
        );
        let labels = split(vec![1.0; 4], vec![0, 2]).unwrap();
        assert!(
            problem(Dataset::new("x", vec![2], two(), four(), Some(labels)))
                .contains("test part: label 2 of example 1")
        );
        let infinite = split(vec![1.0, 1.0, 1.0, f32::INFINITY], vec![0, 1]).unwrap();
        assert!(
            problem(Dataset::new("x", vec![2], two(), infinite, None))
                .contains("value 1 of example 1 is inf")
        );
    }

    #[test]
    fn the_fingerprint_sees_every_part() {
        let whole = small();
        let mut seen = vec![whole.fingerprint()];
        seen.push(whole.limited(2, 2).fingerprint());
        seen.push(whole.limited(3, 1).fingerprint());
        seen.push(whole.limited(3, 0).fingerprint());
        let mut other = whole.clone();
        other.train.labels[0] = 1;
        seen.push(other.fingerprint());
        let mut other = whole.clone();
        other.test =
            Some(Split::new(Inputs::Floats(vec![0.5, 2.0, 3.0, 4.0]), vec![1, 0]).unwrap());
        seen.push(other.fingerprint());
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert_eq!(whole.fingerprint(), small().fingerprint());
        assert_eq!(whole.limited(99, 99), whole);
    }

    #[test]
    fn one_channel_is_repeated_for_each_example() {
        let split = Split::new(Inputs::Bytes(vec![1, 2, 3, 4]), vec![0, 1]).unwrap();
        let grey = Dataset::new("x", vec![1, 1, 2], names(&["a", "b"]), split.clone(), Some(split));
        let grey = grey.unwrap();
        let color = grey.clone().with_channels(3).unwrap();
        assert_eq!(color.shape(), [3, 1, 2]);
        let expected = Inputs::Bytes(vec![1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]);
        assert_eq!(color.train().inputs(), &expected);
        assert_eq!(color.test().unwrap().inputs(), &expected);
        assert_eq!(color.test().unwrap().labels(), [0, 1]);
        assert_ne!(color.fingerprint(), grey.fingerprint());
        assert_eq!(grey.clone().with_channels(1).unwrap(), grey);
        let problem = |result: Result<Dataset>| result.unwrap_err().to_string();
        assert!(problem(color.with_channels(1)).contains("have 3 channels"));
        assert!(problem(grey.with_channels(0)).contains("0 cannot be made"));
        assert!(problem(small().with_channels(3)).contains("examples are [2]"));
    }

    #[test]
    fn a_limited_dataset_keeps_the_first_examples() {
        let one = small().limited(0, 0);
        assert_eq!((one.train().len(), one.test()), (1, None));
        assert_eq!(one.train().inputs(), &Inputs::Bytes(vec![0, 255]));
        assert_eq!(one.train().labels(), [0]);
    }
}
