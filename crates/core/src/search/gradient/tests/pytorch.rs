//! Gradients and steps against PyTorch.

use std::sync::Arc;

use super::{numbers, setup};
use crate::Seed;
use crate::search::gradient::darts::Darts;
use crate::search::gradient::method::{Method as _, Pair};
use crate::search::gradient::one_shot::OneShot;
use crate::search::gradient::settings::{AllSettings, AlphaSettings, Settings};
use crate::space::nas_bench_201;
use crate::train::Batch;

#[derive(serde::Deserialize)]
struct Golden {
    train_loss: f64,
    valid_loss: f64,
    first_order: Vec<f64>,
    second_order: Vec<f64>,
    after_first_order: After,
    after_second_order: After,
}

/// Where two steps of α and of the weights have led.
#[derive(serde::Deserialize)]
struct After {
    alpha: Vec<f64>,
    every_fiftieth_weight: Vec<f64>,
}

/// Each number within 1e-4 of itself, and what is far below the others within single precision.
fn assert_close(actual: &[f64], expected: &[f64], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    for (a, b) in std::iter::zip(actual, expected) {
        let is_close = (a - b).abs() <= 1e-4 * b.abs() + 1e-6 * scale;
        assert!(is_close, "{what}: {a} is not {b}, of up to {scale}");
    }
}

/// Gradients of α of first and of second order, and two whole steps with each of them, against PyTorch
/// in double precision.
#[test]
fn steps_of_darts_are_those_of_pytorch() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../../tests/fixtures/darts_step.json")).unwrap();
    let (batch_size, rate, seed) = (16, 0.25, Seed::new(1));
    let batch = |start, step| {
        let mut batch = Batch::default();
        batch.values = numbers(start, batch_size * 64).map(|x| x as f32).collect();
        batch.labels = (0..batch_size).map(|at| (at * step % 10) as u32).collect();
        batch
    };
    let batches = [(0, 1), (123, 3), (2000, 7), (4321, 9)].map(|(start, step)| batch(start, step));
    for second_order in [false, true] {
        let weights = Settings { batch_size, clip_norm: 0.0, ..Settings::default() };
        let alpha = Some(AlphaSettings::default());
        let settings = AllSettings { weights, alpha, curvature: None };
        let config = nas_bench_201::Config { channels: 4, cells: 1 };
        let space = Arc::new(nas_bench_201::NasBench201::new(config).unwrap());
        let setup = setup(space, 3);
        let mut searcher = OneShot::new("darts", settings, Darts { second_order }, &setup).unwrap();
        let (shared, alpha) = searcher.learned();
        shared.set_input_statistics(&[0.0], &[1.0]).unwrap();
        alpha.values = numbers(5, 30).collect();
        // Weights and moments, in the order of the network on both sides; scales are 1, shifts 0.
        let (mut weights, mut moments, mut compared, mut first) = (vec![], vec![], vec![], 0);
        for parameter in shared.model().parameters() {
            let count = parameter.var.elem_count();
            let is_mixed = parameter.name.contains("edge_");
            compared.extend(vec![parameter.is_weight || !is_mixed; count]);
            if parameter.is_weight {
                weights.extend(numbers(first, count).map(|x| (x + 0.25) as f32));
                moments.extend(numbers(17, count).map(|x| (0.01 * x) as f32));
                first += count;
            } else {
                let is_scale = parameter.name.ends_with("weight");
                weights.extend(vec![f32::from(u8::from(is_scale)); count]);
                moments.extend(vec![0.0; count]);
            }
        }
        shared.weights_mut().copy_from_slice(&weights);
        shared.moments_mut().copy_from_slice(&moments);
        let mut darts = Darts { second_order };
        let mixture = darts.mix(alpha, 0.0, &mut seed.rng());
        mixture.apply(shared).unwrap();
        for (batch, expected) in [(0, golden.train_loss), (1, golden.valid_loss)] {
            let loss = shared.forward(&batches[batch], seed).loss;
            assert!((loss - expected).abs() < 1e-5, "{loss} is not {expected}");
        }
        let (expected, after) = if second_order {
            (&golden.second_order, &golden.after_second_order)
        } else {
            (&golden.first_order, &golden.after_first_order)
        };
        let order = if second_order { "second order" } else { "first order" };
        let pair = Pair { weights: &batches[0], alpha: &batches[1] };
        let gradient = darts.alpha_gradient(shared, &mixture, &pair, rate, seed).unwrap();
        assert_close(&gradient, expected, order);
        assert_eq!(shared.weights(), weights, "the weights are where they were");
        assert_eq!(shared.moments(), moments, "and the moments");
        for pair in batches.chunks(2) {
            let pair = Pair { weights: &pair[0], alpha: &pair[1] };
            searcher.step(&pair, (0.0, rate), seed).unwrap();
        }
        let (shared, alpha) = searcher.learned();
        assert_close(&alpha.values, &after.alpha, &format!("α, {order}"));
        let weights = std::iter::zip(shared.weights(), &compared).filter(|(_, is)| **is);
        let weights: Vec<f64> = weights.step_by(50).map(|(weight, _)| f64::from(*weight)).collect();
        assert_close(&weights, &after.every_fiftieth_weight, &format!("weights, {order}"));
    }
}
