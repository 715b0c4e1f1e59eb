//! How the learning rate changes over a training.

use std::f64::consts::PI;

use super::config::{ScheduleKind, ScheduleUnit, TrainConfig};

/// The learning rate of every batch of a training.
#[derive(Clone, Debug)]
pub struct Schedule {
    config: TrainConfig,
    batches_per_epoch: usize,
    epochs: u32,
}

impl Schedule {
    /// The schedule of a training of so many epochs of so many batches.
    pub fn new(config: &TrainConfig, batches_per_epoch: usize, epochs: u32) -> Self {
        let batches_per_epoch = batches_per_epoch.max(1);
        Self { config: *config, batches_per_epoch, epochs: epochs.max(1) }
    }

    /// The part of the training that is done before an epoch, counted from 1.
    pub fn progress(&self, epoch: u32) -> f64 {
        f64::from(epoch.saturating_sub(1)) / f64::from(self.epochs)
    }

    /// The learning rate of a batch, counted from 0 over the whole training.
    ///
    /// In the warm-up it rises linearly and reaches its highest value with the last batch of it;
    /// what follows is as long as what remains. With the unit epoch, all batches of an epoch have
    /// the rate of its first.
    pub fn rate(&self, batch: usize) -> f64 {
        let highest = self.config.learning_rate;
        let batch = match self.config.schedule_unit {
            ScheduleUnit::Batch => batch,
            ScheduleUnit::Epoch => batch / self.batches_per_epoch * self.batches_per_epoch,
        };
        let at = batch as f64 / self.batches_per_epoch as f64;
        let one = match self.config.schedule_unit {
            ScheduleUnit::Batch => 1.0 / self.batches_per_epoch as f64,
            ScheduleUnit::Epoch => 1.0,
        };
        let total = f64::from(self.epochs);
        let warmup = self.config.warmup_epochs.min(total);
        if at < warmup {
            return highest * ((at + one) / warmup).min(1.0);
        }
        match self.config.schedule {
            ScheduleKind::Constant => highest,
            ScheduleKind::Step => {
                let steps = ((at - warmup) / f64::from(self.config.step_epochs)).floor();
                highest * self.config.step_factor.powf(steps)
            }
            ScheduleKind::Cosine => {
                let progress = ((at - warmup) / (total - warmup)).min(1.0);
                0.5 * highest * (1.0 + (PI * progress).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(config: &TrainConfig, epochs: u32) -> Vec<f64> {
        let schedule = Schedule::new(config, 2, epochs);
        (0..2 * epochs as usize).map(|batch| schedule.rate(batch)).collect()
    }

    fn assert_close(actual: &[f64], expected: &[f64]) {
        assert_eq!(actual.len(), expected.len());
        for (a, b) in actual.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{actual:?} instead of {expected:?}");
        }
    }

    #[test]
    fn schedules_have_their_known_values() {
        let base = TrainConfig { learning_rate: 1.0, ..TrainConfig::default() };
        let half = 0.5_f64.sqrt();
        assert_close(&rates(&base, 2), &[1.0, 0.5 * (1.0 + half), 0.5, 0.5 * (1.0 - half)]);

        let by_epoch = TrainConfig { schedule_unit: ScheduleUnit::Epoch, ..base };
        assert_close(&rates(&by_epoch, 2), &[1.0, 1.0, 0.5, 0.5]);

        let step = TrainConfig { schedule: ScheduleKind::Step, step_epochs: 1, ..base };
        assert_close(&rates(&step, 3), &[1.0, 1.0, 0.1, 0.1, 0.01, 0.01]);

        let constant = TrainConfig { schedule: ScheduleKind::Constant, ..base };
        let warm = TrainConfig { warmup_epochs: 2.0, ..constant };
        assert_close(&rates(&warm, 3), &[0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);

        let warm = TrainConfig { warmup_epochs: 1.0, ..base };
        assert_close(&rates(&warm, 2), &[0.5, 1.0, 1.0, 0.5]);
        let warm = TrainConfig { warmup_epochs: 1.0, ..by_epoch };
        assert_close(&rates(&warm, 3), &[1.0, 1.0, 1.0, 1.0, 0.5, 0.5]);
    }
}
