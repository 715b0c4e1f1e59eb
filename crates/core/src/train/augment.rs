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

    /// Changes the image of an example.
    pub fn apply(&self, seed: Seed, epoch: u32, example: usize, image: &mut [f32]) {
        let seed = seed.derive("augment", u64::from(epoch)).derive("example", example as u64);
        let mut rng = seed.rng();
        let (height, width) = (self.height, self.width);
        let (down, right) =
            (rng.random_range(0..=2 * self.crop), rng.random_range(0..=2 * self.crop));
        let mirrored = self.flip && rng.random::<bool>();
        let center = (rng.random_range(0..height), rng.random_range(0..width));
        if self.crop > 0 || mirrored {
            let original = image.to_vec();
            for channel in 0..self.channels {
                for y in 0..height {
                    for x in 0..width {
                        let from = if mirrored { width - 1 - x } else { x };
                        let source = (y + down).checked_sub(self.crop).filter(|y| *y < height);
                        let column = (from + right).checked_sub(self.crop).filter(|x| *x < width);
                        let value = source
                            .zip(column)
                            .map_or(0.0, |(y, x)| original[(channel * height + y) * width + x]);
                        image[(channel * height + y) * width + x] = value;
                    }
                }
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
                        image[row + x] = fill;
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
        let changed = |epoch, example| {
            let mut image = image();
            augment.apply(Seed::new(3), epoch, example, &mut image);
            image
        };
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
            let mut changed = image();
            flip.apply(Seed::new(0), 0, example, &mut changed);
            assert!(changed == image() || changed == expected);
            seen[usize::from(changed == expected)] = true;
        }
        assert_eq!(seen, [true, true]);

        let crop = augment(&TrainConfig { augment_crop: 1, ..TrainConfig::default() });
        for example in 0..20 {
            let mut changed = image();
            crop.apply(Seed::new(0), 0, example, &mut changed);
            // The inner pixels of the first channel can never leave by more than one.
            let at = changed.iter().position(|x| *x == 8.0).unwrap();
            assert!([1, 2, 3, 6, 7, 8, 11, 12, 13].contains(&at), "{at}");
        }
    }

    #[test]
    fn cutout_blanks_one_square() {
        let cutout = augment(&TrainConfig { augment_cutout: 2, ..TrainConfig::default() });
        for example in 0..20 {
            let mut changed = image();
            cutout.apply(Seed::new(0), 0, example, &mut changed);
            let blank = changed[..20].iter().filter(|x| **x == 0.5).count();
            assert!([1, 2, 4].contains(&blank), "{blank}");
            assert_eq!(changed[20..].iter().filter(|x| **x == 0.25).count(), blank);
        }
    }
}
