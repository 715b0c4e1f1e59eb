//! Batches, put together while the one before is worked on.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::augment::Augment;
use super::config::TrainConfig;
use super::data::{Batch, Data, Part};
use crate::Seed;
use crate::nn::Model;

/// How many batches there are at a time: the one that is worked on, and the next one.
const BATCHES: usize = 2;

/// The bytes that the batches of a training take.
pub(super) fn bytes(model: &Model, config: &TrainConfig) -> usize {
    let example = model.input_shape().iter().product::<usize>();
    BATCHES * config.batch_size * example * size_of::<f32>()
}

/// Which batches there are.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The part that the examples are of.
    pub part: Part,
    /// The examples, in their order.
    pub examples: &'a [usize],
    /// How many are in a batch.
    pub size: usize,
    /// Random changes of them, with the seed and the epoch.
    pub augment: Option<(&'a Augment, Seed, u32)>,
}

/// The batches, one after the other.
pub struct Batches {
    full: Receiver<Batch>,
    empty: Sender<Batch>,
    current: Option<Batch>,
}

impl Batches {
    /// The next one, unless that was all.
    pub fn take(&mut self) -> Option<&Batch> {
        if let Some(used) = self.current.take() {
            // Nobody takes it when all batches are made.
            let _ended = self.empty.send(used);
        }
        self.current = self.full.recv().ok();
        self.current.as_ref()
    }
}

/// Has another thread put the batches together, into memory that is used again, while `work` goes
/// through as many as it wants.
pub fn batches<T>(data: &Data, order: Order<'_>, work: impl FnOnce(&mut Batches) -> T) -> T {
    let (fill, full) = channel();
    let (empty, emptied) = channel();
    for _ in 0..BATCHES {
        let _room = empty.send(Batch::default());
    }
    thread::scope(|scope| {
        scope.spawn(move || {
            for examples in order.examples.chunks(order.size.max(1)) {
                // Either fails when `work` has come to its end before.
                let Ok(mut batch) = emptied.recv() else { return };
                data.batch(order.part, examples, order.augment, &mut batch);
                if fill.send(batch).is_err() {
                    return;
                }
            }
        });
        let mut batches = Batches { full, empty, current: None };
        let result = work(&mut batches);
        drop(batches);
        result
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::train::TrainConfig;

    #[test]
    fn batches_come_in_order_and_may_be_left() {
        let digits = nascent_datasets::load("digits", None).unwrap().limited(200, 0);
        let data = Data::new(Arc::new(digits), &TrainConfig::default(), Seed::new(1)).unwrap();
        let examples = data.shuffled(Seed::new(2), 1);
        let order = Order { part: Part::Train, examples: &examples, size: 32, augment: None };
        let mut expected = Batch::default();
        let count = batches(&data, order, |batches| {
            let mut count = 0;
            for examples in examples.chunks(32) {
                data.batch(Part::Train, examples, None, &mut expected);
                let batch = batches.take().unwrap();
                assert_eq!((&batch.values, &batch.labels), (&expected.values, &expected.labels));
                count += 1;
            }
            assert!(batches.take().is_none());
            count
        });
        assert_eq!(count, examples.len().div_ceil(32));
        for taken in 0..3 {
            batches(&data, order, |batches| {
                for _ in 0..taken {
                    assert_eq!(batches.take().unwrap().labels.len(), 32);
                }
            });
        }
    }
}
