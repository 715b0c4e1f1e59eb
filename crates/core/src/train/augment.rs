//! Random changes of training images.

use rand::RngExt as _;

use super::config::TrainConfig;
use crate::Seed;
use crate::nn::Shape;

/// Random changes of training images. An example of an epoch is always changed the same way,
/// whatever batch it is in.
#[derive(Clone, Debug)]
pub struct Augment {
    crop: usize,
    flip: bool,
    cutout: usize,
    channels: usize,
    height: usize,
    width: usize,
    fill: Vec<f32>,
}

impl Augment {
    /// The changes that the settings ask for; none for data other than images. A blanked square is
    /// filled with the mean of each channel.
    pub fn new(config: &TrainConfig, shape: Shape, mean: &[f64]) -> Option<Self> {
        let Shape::Image { channels, height, width } = shape else {
            return None;
        };
        let (crop, flip) = (config.augment_crop, config.augment_flip);
        let cutout = config.augment_cutout;
        (crop > 0 || flip || cutout > 0).then(|| Self {
            crop,
            flip,
            cutout,
            channels,
            height,
            width,
            fill: mean.iter().map(|x| *x as f32).collect(),
        })
    }

    /// Puts the image of an example into another one, changed.
    pub fn apply(&self, seed: Seed, epoch: u32, example: usize, from: &[f32], to: &mut [f32]) {
        let seed = seed.derive("augment", u64::from(epoch)).derive("example", example as u64);
        let mut rng = seed.rng();
        let (height, width, crop) = (self.height, self.width, self.crop);
        let (down, right) = (rng.random_range(0..=2 * crop), rng.random_range(0..=2 * crop));
        let mirrored = self.flip && rng.random::<bool>();
        let center = (rng.random_range(0..height), rng.random_range(0..width));
        // A row has zeros, a part of the original row, and zeros, of which at least one are none.
        let zeros = crop.saturating_sub(right).min(width);
        let skipped = right.saturating_sub(crop).min(width);
        let taken = width - zeros.max(skipped);
        for (at, row) in to.chunks_exact_mut(width).enumerate() {
            let (channel, y) = (at / height, at % height);
            match (y + down).checked_sub(crop).filter(|y| *y < height) {
                Some(y) => {
                    let original = &from[(channel * height + y) * width + skipped..][..taken];
                    row[..zeros].fill(0.0);
                    row[zeros..zeros + taken].copy_from_slice(original);
                    row[zeros + taken..].fill(0.0);
                    if mirrored {
                        row.reverse();
                    }
                }
                None => row.fill(0.0),
            }
        }
        if self.cutout > 0 {
            let before = self.cutout / 2;
            let range = |center: usize, size: usize| {
                center.saturating_sub(before)..(center + self.cutout - before).min(size)
            };
            for channel in 0..self.channels {
                let fill = self.fill.get(channel).copied().unwrap_or(0.0);
                for y in range(center.0, height) {
                    let row = (channel * height + y) * width;
                    for x in range(center.1, width) {
                        to[row + x] = fill;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn augment(config: &TrainConfig) -> Augment {
        Augment::new(config, Shape::new(&[2, 4, 5]).unwrap(), &[0.5, 0.25]).unwrap()
    }

    fn image() -> Vec<f32> {
        (1..=40_u8).map(f32::from).collect()
    }

    /// The image, changed.
    fn apply(augment: &Augment, seed: Seed, epoch: u32, example: usize) -> Vec<f32> {
        let mut changed = vec![7.0; 40];
        augment.apply(seed, epoch, example, &image(), &mut changed);
        changed
    }

    #[test]
    fn off_by_default_and_only_for_images() {
        let image = Shape::new(&[2, 4, 5]).unwrap();
        assert!(Augment::new(&TrainConfig::default(), image, &[0.0; 2]).is_none());
        let config = TrainConfig { augment_flip: true, ..TrainConfig::default() };
        assert!(Augment::new(&config, Shape::Features(7), &[0.0; 7]).is_none());
    }

    #[test]
    fn an_example_is_changed_the_same_way_each_time_and_another_way_in_another_epoch() {
        let augment =
            augment(&TrainConfig { augment_crop: 2, augment_flip: true, ..TrainConfig::default() });
        let changed = |epoch, example| apply(&augment, Seed::new(3), epoch, example);
        assert_eq!(changed(1, 7), changed(1, 7));
        assert!((1..20).any(|epoch| changed(epoch, 7) != changed(1, 7)));
        assert!((1..20).any(|example| changed(1, example) != changed(1, 7)));
    }

    #[test]
    fn a_mirrored_image_is_mirrored_and_a_shifted_one_keeps_its_pixels() {
        let flip = augment(&TrainConfig { augment_flip: true, ..TrainConfig::default() });
        let expected: Vec<f32> = image()
            .chunks(5)
            .flat_map(|row| row.iter().rev().copied().collect::<Vec<_>>())
            .collect();
        let mut seen = [false; 2];
        for example in 0..20 {
            let changed = apply(&flip, Seed::new(0), 0, example);
            assert!(changed == image() || changed == expected);
            seen[usize::from(changed == expected)] = true;
        }
        assert_eq!(seen, [true, true]);

        // An image of two channels of 4 rows of 5 pixels, moved and then mirrored.
        let moved = |down: i32, right: i32, mirrored: bool| {
            let pixel = |at: i32| {
                let (channel, y, x) = (at / 20, at / 5 % 4, at % 5);
                let (y, x) = (y - down, if mirrored { 4 - x } else { x } - right);
                let inside = (0..4).contains(&y) && (0..5).contains(&x);
                if inside { (channel * 20 + y * 5 + x + 1) as f32 } else { 0.0 }
            };
            (0..40).map(pixel).collect::<Vec<f32>>()
        };
        // 6 is more than the size of an image: some images leave it.
        for (crop, most) in [(1, 40), (2, 100), (6, 400)] {
            let shifts = -crop..=crop;
            let all =
                shifts.clone().flat_map(|down| shifts.clone().map(move |right| (down, right)));
            let all = all.flat_map(|(y, x)| [(y, x, false), (y, x, true)]).collect::<Vec<_>>();
            let config = TrainConfig {
                augment_crop: crop as usize,
                augment_flip: true,
                ..TrainConfig::default()
            };
            let augment = augment(&config);
            let mut seen = std::collections::HashSet::new();
            for example in 0..most {
                let changed = apply(&augment, Seed::new(0), 0, example);
                let which = all.iter().find(|(y, x, mirrored)| changed == moved(*y, *x, *mirrored));
                seen.insert(*which.unwrap());
            }
            assert!(seen.len() > all.len() / 4, "{} of {}", seen.len(), all.len());
        }
    }

    #[test]
    fn cutout_blanks_one_square() {
        let cutout = augment(&TrainConfig { augment_cutout: 2, ..TrainConfig::default() });
        for example in 0..20 {
            let changed = apply(&cutout, Seed::new(0), 0, example);
            let blank = changed[..20].iter().filter(|x| **x == 0.5).count();
            assert!([1, 2, 4].contains(&blank), "{blank}");
            assert_eq!(changed[20..].iter().filter(|x| **x == 0.25).count(), blank);
        }
    }
}
