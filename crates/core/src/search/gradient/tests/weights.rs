//! Weights that networks share.

use super::{numbers, space};
use crate::Seed;
use crate::train::{Batch, SharedWeights, TrainConfig};

fn batch(start: usize) -> Batch {
    let mut batch = Batch::default();
    batch.values = numbers(start, 16 * 64).map(|x| x as f32).collect();
    batch.labels = (0..16).map(|at| at % 10).collect();
    batch
}

/// The statistics of one network say how it does by itself.
#[test]
fn statistics_that_are_calibrated_are_means_over_batches() {
    let supernet = space().relaxed().unwrap().supernet();
    let config = TrainConfig { batch_size: 16, ..TrainConfig::default() };
    let mut shared = SharedWeights::new(&supernet, &[1, 8, 8], 10, &config, Seed::new(1)).unwrap();
    let path = supernet.edges.iter().enumerate().map(|(at, _)| Some([3, 1, 4, 2, 3, 0][at]));
    shared.set_coefficients(&supernet.one_hot(&path.collect::<Vec<_>>())).unwrap();
    let (first, second) = (batch(0), batch(5000));
    // Of one batch alone they are its own, but for the variance of which one example is taken off.
    let by_batch = shared.forward(&first, Seed::new(2)).loss;
    shared.calibrate(&first, 1);
    let by_itself = shared.evaluate(&first).loss;
    assert!((by_batch - by_itself).abs() < 0.02 * by_batch, "{by_itself} is not {by_batch}");
    let other = shared.evaluate(&second).loss;
    // Of two they are in the middle, in either order, whatever was there before.
    let after = |shared: &mut SharedWeights, batches: [&Batch; 2]| {
        for (number, batch) in std::iter::zip(1.., batches) {
            shared.calibrate(batch, number);
        }
        shared.evaluate(&second).loss
    };
    let both = after(&mut shared, [&first, &second]);
    let swapped = after(&mut shared, [&second, &first]);
    assert!((both - swapped).abs() < 1e-3 * both, "{both} is not {swapped}");
    assert!((both - other).abs() > 1e-4 * both, "the second batch says nothing");
}

#[test]
fn weights_of_what_is_not_drawn_stay() {
    let supernet = space().relaxed().unwrap().supernet();
    let config = TrainConfig { batch_size: 16, weight_decay: 0.1, ..TrainConfig::default() };
    let mut shared = SharedWeights::new(&supernet, &[1, 8, 8], 10, &config, Seed::new(1)).unwrap();
    let batch = batch(0);
    let step = |shared: &mut SharedWeights, option: usize| {
        let path = vec![Some(option); supernet.edges.len()];
        shared.set_coefficients(&supernet.one_hot(&path)).unwrap();
        shared.forward(&batch, Seed::new(2));
        shared.backward();
        shared.step(0.1);
    };
    // First both convolutions have a momentum.
    step(&mut shared, 2);
    step(&mut shared, 3);
    let (before, moments) = (shared.weights().to_vec(), shared.moments().to_vec());
    step(&mut shared, 2);
    let (mut start, mut moved, mut stayed) = (0, 0, 0);
    for parameter in shared.model().parameters() {
        let range = start..start + parameter.var.elem_count();
        start = range.end;
        if !(parameter.name.contains("edge_") && parameter.is_weight) {
            continue;
        }
        let is_as_before = shared.weights()[range.clone()] == before[range.clone()]
            && shared.moments()[range.clone()] == moments[range];
        let is_drawn = parameter.var.dims().ends_with(&[1, 1]);
        assert_eq!(is_as_before, !is_drawn, "{}", parameter.name);
        (moved, stayed) = (moved + u32::from(is_drawn), stayed + u32::from(!is_drawn));
    }
    // Of six edges in three cells.
    assert_eq!((moved, stayed), (18, 18));
}
