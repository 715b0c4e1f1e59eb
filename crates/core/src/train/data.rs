//! Which examples are for training, validation and test, and batches of them.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use nascent_datasets::{Dataset, Split};
use rand::seq::SliceRandom as _;

use super::augment::Augment;
use super::config::TrainConfig;
use crate::config::invalid;
use crate::{Result, Seed};

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What weights are trained on.
    Train,
    /// What architectures and epochs are chosen by.
    Valid,
    /// What is touched once, at the end.
    Test,
}

/// A dataset, and which of its examples are for what.
///
/// The split is fixed by the seed of the run: all trials of a run see the same one. Every class has
/// its share in every part.
#[derive(Clone, Debug)]
pub struct Data {
    dataset: Arc<Dataset>,
    train: Vec<usize>,
    valid: Vec<usize>,
    test: Vec<usize>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Data {
    /// Splits a dataset. Where it has no test part of its own, one is held out.
    ///
    /// # Errors
    /// If there are too few examples.
    pub fn new(dataset: Arc<Dataset>, config: &TrainConfig, seed: Seed) -> Result<Self> {
        let labels = dataset.train().labels();
        let test_fraction = if dataset.test().is_some() { 0.0 } else { config.test_fraction };
        let (mut train, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
        for class in 0..dataset.classes().len() {
            let has_class = |index: &usize| labels[*index] as usize == class;
            let mut members: Vec<usize> = (0..labels.len()).filter(has_class).collect();
            members.shuffle(&mut seed.derive("split", class as u64).rng());
            let count = |fraction: f64| (fraction * members.len() as f64).round() as usize;
            let tested = count(test_fraction);
            let validated = count(config.valid_fraction).min(members.len() - tested);
            test.extend(members.drain(..tested));
            valid.extend(members.drain(..validated));
            train.extend(members);
        }
        if train.is_empty() || valid.is_empty() {
            let (examples, classes) = (labels.len(), dataset.classes().len());
            return Err(invalid(
                "train evaluator",
                format!(
                    "{examples} examples of {classes} classes are too few to train and validate; \
                     raise the limit of examples"
                ),
            ));
        }
        for part in [&mut train, &mut valid, &mut test] {
            part.sort_unstable();
        }
        if let Some(official) = dataset.test() {
            test = (0..official.len()).collect();
        }
        let (mean, deviation) = statistics(&dataset, &train);
        Ok(Self { dataset, train, valid, test, mean, deviation })
    }

    /// The dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The examples of a part, as positions in [`Data::split`] of that part, in ascending order.
    pub fn examples(&self, part: Part) -> &[usize] {
        match part {
            Part::Train => &self.train,
            Part::Valid => &self.valid,
            Part::Test => &self.test,
        }
    }

    /// Where the examples of a part are.
    pub fn split(&self, part: Part) -> &Split {
        match (part, self.dataset.test()) {
            (Part::Test, Some(test)) => test,
            _ => self.dataset.train(),
        }
    }

    /// The mean of each channel or feature over the training examples.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The standard deviation of each channel or feature over the training examples; 1 where it is
    /// none.
    pub fn deviation(&self) -> &[f64] {
        &self.deviation
    }

    /// The training examples in the order of an epoch.
    pub fn shuffled(&self, seed: Seed, epoch: u32) -> Vec<usize> {
        let mut order = self.train.clone();
        order.shuffle(&mut seed.derive("shuffle", u64::from(epoch)).rng());
        order
    }

    /// Puts some examples of a part into a batch; changed at random, where that is asked for with
    /// the seed and the epoch.
    pub fn batch(
        &self,
        part: Part,
        examples: &[usize],
        augment: Option<(&Augment, Seed, u32)>,
        batch: &mut Batch,
    ) {
        let split = self.split(part);
        let size = split.example_len();
        batch.values.resize(examples.len() * size, 0.0);
        batch.original.resize(size, 0.0);
        for (index, out) in examples.iter().zip(batch.values.chunks_mut(size)) {
            if let Some((augment, seed, epoch)) = augment {
                split.copy_example(*index, &mut batch.original);
                augment.apply(seed, epoch, *index, &batch.original, out);
            } else {
                split.copy_example(*index, out);
            }
        }
        batch.labels.clear();
        batch.labels.extend(examples.iter().map(|index| split.labels()[*index]));
    }
}

/// Examples with their labels, in memory that the next batch uses again.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The examples, one after the other.
    pub values: Vec<f32>,
    /// The class of each.
    pub labels: Vec<u32>,
    /// An example before it is changed.
    original: Vec<f32>,
}

impl Batch {
    /// The examples, of this shape each, as a tensor `[examples, …]`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn inputs(&self, shape: &[usize], device: &Device) -> Result<Tensor> {
        let mut dims = vec![self.labels.len()];
        dims.extend(shape);
        Ok(Tensor::from_slice(&self.values, dims, device)?)
    }
}

/// Mean and standard deviation of each channel or feature.
fn statistics(dataset: &Dataset, train: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let channels = dataset.shape().first().copied().unwrap_or(1);
    let split = dataset.train();
    let mut example = vec![0.0_f32; split.example_len()];
    let per_channel = (example.len() / channels).max(1);
    let count = (train.len() * per_channel) as f64;
    let mut pass = |center: Option<&[f64]>| {
        let mut sums = vec![0.0; channels];
        for index in train {
            split.copy_example(*index, &mut example);
            for (channel, (sum, values)) in
                sums.iter_mut().zip(example.chunks(per_channel)).enumerate()
            {
                *sum += values.iter().map(|value| f64::from(*value)).fold(0.0, |sum, value| {
                    sum + center.map_or(value, |mean| (value - mean[channel]).powi(2))
                });
            }
        }
        sums.iter().map(|sum| sum / count).collect::<Vec<f64>>()
    };
    let mean = pass(None);
    let root = |variance: f64| {
        if variance > 1e-12 { variance.sqrt() } else { 1.0 }
    };
    let deviation = pass(Some(&mean)).into_iter().map(root).collect();
    (mean, deviation)
}

#[cfg(test)]
mod tests {
    use nascent_datasets::Inputs;

    use super::*;

    fn data(seed: u64) -> Data {
        let digits = Arc::new(nascent_datasets::load("digits", None).unwrap());
        Data::new(digits, &TrainConfig::default(), Seed::new(seed)).unwrap()
    }

    #[test]
    fn a_split_is_stratified_disjoint_complete_and_fixed_by_the_seed() {
        let data = data(1);
        let parts = [Part::Train, Part::Valid, Part::Test].map(|part| data.examples(part));
        let mut all: Vec<usize> = parts.concat();
        all.sort_unstable();
        assert_eq!(all, (0..1797).collect::<Vec<_>>());
        let labels = data.dataset().train().labels();
        for class in 0..10 {
            let share = |part: &[usize]| part.iter().filter(|i| labels[**i] == class).count();
            let [train, valid, test] = parts.map(share);
            let total = (train + valid + test) as f64;
            assert!((valid as f64 - 0.2 * total).abs() <= 0.5);
            assert_eq!(valid, test);
        }
        assert_eq!(data.examples(Part::Valid), self::data(1).examples(Part::Valid));
        assert_ne!(data.examples(Part::Valid), self::data(2).examples(Part::Valid));
    }

    #[test]
    fn an_official_test_part_is_the_test_part() {
        let split = |n: u16| {
            let values = (0..2 * n).map(f32::from).collect();
            Split::new(Inputs::Floats(values), (0..u32::from(n)).map(|i| i % 2).collect()).unwrap()
        };
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let dataset = Dataset::new("d", vec![2], classes, split(20), Some(split(6))).unwrap();
        let data = Data::new(Arc::new(dataset), &TrainConfig::default(), Seed::new(0)).unwrap();
        assert_eq!(data.examples(Part::Train).len(), 16);
        assert_eq!(data.examples(Part::Test), [0, 1, 2, 3, 4, 5]);
        let mut batch = Batch::default();
        data.batch(Part::Test, &[1, 2], None, &mut batch);
        let inputs = batch.inputs(&[2], &Device::Cpu).unwrap();
        assert_eq!(inputs.to_vec2::<f32>().unwrap(), [[2.0, 3.0], [4.0, 5.0]]);
        assert_eq!(batch.labels, [1, 0]);
        // Feature 0 holds the even numbers.
        let train: Vec<f64> = data.examples(Part::Train).iter().map(|i| 2.0 * *i as f64).collect();
        let mean = train.iter().sum::<f64>() / 16.0;
        let variance = train.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 16.0;
        assert!((data.mean()[0] - mean).abs() < 1e-9);
        assert!((data.deviation()[0] - variance.sqrt()).abs() < 1e-9);
        let few = data.dataset().limited(1, 1);
        assert!(Data::new(Arc::new(few), &TrainConfig::default(), Seed::new(0)).is_err());
    }

    #[test]
    fn every_epoch_has_its_own_order() {
        let data = data(1);
        let seed = Seed::new(9);
        assert_eq!(data.shuffled(seed, 1), data.shuffled(seed, 1));
        assert_ne!(data.shuffled(seed, 1), data.shuffled(seed, 2));
        let mut order = data.shuffled(seed, 1);
        order.sort_unstable();
        assert_eq!(order, data.examples(Part::Train));
    }
}
