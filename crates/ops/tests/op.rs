//! The operations on tensors against their references, finite differences, and themselves on other
//! numbers of threads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::slice::from_ref;

use candle_core::{DType, Device, Result, Tensor, Var};
use common::{assert_close, noise};
use nascent_ops::op::{
    BatchNorm, Conv2d, Pool2d, avg_pool2d, avg_pool2d_reference, batch_norm, batch_norm_reference,
    by_reference, conv2d, conv2d_reference, cross_entropy, cross_entropy_reference,
    global_avg_pool, global_avg_pool_reference, linear, linear_reference, max_pool2d,
    max_pool2d_reference, relu, relu_reference, vjp,
};
use proptest::prelude::*;

const CPU: &Device = &Device::Cpu;

fn tensor(shape: &[usize], seed: u64) -> Tensor {
    Tensor::from_vec(noise(shape.iter().product(), seed), shape, CPU).unwrap()
}

/// Numbers that are all different, in no visible order, so that there is one largest.
fn distinct(shape: &[usize], seed: u64) -> Tensor {
    let count: usize = shape.iter().product();
    let first = 1 + seed as usize % 1000 * 2;
    let step = (first..first + 1000).find(|step| gcd(*step, count) == 1).unwrap();
    let values = (0..count).map(|i| (i * step % count) as f64 / count as f64 * 2.0 - 1.03);
    Tensor::from_vec(values.collect::<Vec<_>>(), shape, CPU).unwrap()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

type Function<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// The value of an operation, and the gradients of a weighted sum of it.
fn evaluate(inputs: &[Tensor], dtype: DType, function: Function<'_>) -> Vec<Tensor> {
    let to_var = |x: &Tensor| Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap();
    let vars: Vec<Var> = inputs.iter().map(to_var).collect();
    let y = function(&vars.iter().map(|var| var.as_tensor().clone()).collect::<Vec<_>>()).unwrap();
    let weights = tensor(y.dims(), 77).to_dtype(dtype).unwrap();
    let loss = (&y * weights).unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    let mut all = vec![y.detach()];
    all.extend(vars.iter().map(|var| gradients.get(var).unwrap().clone()));
    all
}

#[track_caller]
fn assert_all_close(is: &[Tensor], should: &[Tensor], tolerance: f64, what: &str) {
    assert_eq!(is.len(), should.len());
    for (at, (is, should)) in is.iter().zip(should).enumerate() {
        assert_eq!(is.dims(), should.dims(), "{what}, {at}");
        let (is, should) = (numbers(is), numbers(should));
        let largest = should.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        for (i, (is, should)) in is.iter().zip(&should).enumerate() {
            let scale = 1.0 + largest;
            assert_close(is / scale, should / scale, tolerance, &format!("{what}, {at}, {i}"));
        }
    }
}

/// The same value and gradients as the reference; of `f32` nearly; of any number of threads exactly.
fn compare(inputs: &[Tensor], ours: Function<'_>, reference: Function<'_>) {
    let should = evaluate(inputs, DType::F64, reference);
    assert_all_close(&evaluate(inputs, DType::F64, ours), &should, 1e-9, "f64");
    let is = evaluate(inputs, DType::F32, ours);
    assert_all_close(&is, &should, 1e-4, "f32");
}

fn same_on_threads(inputs: &[Tensor], ours: &(dyn Fn(&[Tensor]) -> Result<Tensor> + Sync)) {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let results = pool.install(|| evaluate(inputs, DType::F32, ours));
        let bits = |tensor: &Tensor| {
            let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            values.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        results.iter().map(bits).collect::<Vec<_>>()
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
}

/// Gradients against central differences.
fn check_differences(inputs: &[Tensor], ours: Function<'_>) {
    let gradients = evaluate(inputs, DType::F64, ours);
    let loss = |inputs: &[Tensor]| {
        let y = ours(inputs).unwrap();
        let weights = numbers(&tensor(y.dims(), 77));
        numbers(&y).iter().zip(weights).map(|(y, w)| y * w).sum::<f64>()
    };
    for (at, input) in inputs.iter().enumerate() {
        let is = numbers(&gradients[at + 1]);
        for (i, is) in is.iter().enumerate() {
            let moved = |by: f64| {
                let mut values = numbers(input);
                values[i] += by;
                let mut inputs = inputs.to_vec();
                inputs[at] = Tensor::from_vec(values, input.shape(), CPU).unwrap();
                loss(&inputs)
            };
            let should = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert_close(*is, should, 1e-6, &format!("input {at}, {i}"));
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct ConvCase {
    batch: usize,
    inputs: usize,
    outputs: usize,
    size: (usize, usize),
    kernel: usize,
    config: Conv2d,
    bias: bool,
    seed: u64,
}

impl ConvCase {
    fn tensors(&self) -> Vec<Tensor> {
        let Self { batch, inputs, outputs, size, kernel, config, bias, seed } = *self;
        let mut tensors = vec![
            tensor(&[batch, inputs, size.0, size.1], seed),
            tensor(&[outputs, inputs / config.groups, kernel, kernel], seed ^ 1),
        ];
        tensors.extend(bias.then(|| tensor(&[outputs], seed ^ 2)));
        tensors
    }
}

fn conv_cases(most: usize) -> impl Strategy<Value = ConvCase> {
    let windows = (1_usize..=5, 1_usize..=3, 0_usize..=4, 1_usize..=3);
    let channels = (1_usize..=3, 1_usize..=3, 1_usize..=3, any::<bool>());
    let shape = (1..=most, (0_usize..=most, 0_usize..=most), any::<bool>(), any::<u64>());
    (windows, channels, shape).prop_map(|(windows, channels, (batch, more, bias, seed))| {
        let (kernel, stride, padding, dilation) = windows;
        let (groups, inputs, outputs, depthwise) = channels;
        let least = (dilation * (kernel - 1) + 1).saturating_sub(2 * padding).max(1);
        let (inputs, outputs) = if depthwise { (1, 1) } else { (inputs, outputs) };
        ConvCase {
            batch,
            inputs: inputs * groups,
            outputs: outputs * groups,
            size: (least + more.0, least + more.1),
            kernel,
            config: Conv2d { stride, padding, dilation, groups },
            bias,
            seed,
        }
    })
}

/// Windows of one pixel, of more channels and pixels than are computed at once.
fn pointwise_cases() -> impl Strategy<Value = ConvCase> {
    let size = (1_usize..=12, 1_usize..=12);
    (1_usize..=3, 1_usize..=20, 1_usize..=20, size, any::<bool>(), any::<u64>()).prop_map(
        |(batch, inputs, outputs, size, bias, seed)| {
            let (kernel, config) = (1, Conv2d::default());
            ConvCase { batch, inputs, outputs, size, kernel, config, bias, seed }
        },
    )
}

fn pool_cases(most: usize) -> impl Strategy<Value = (Tensor, Pool2d)> {
    let windows = (1_usize..=4, 1_usize..=3, 0_usize..=3, any::<bool>());
    let shape = (1..=most, 1_usize..=3, (0..=most, 0..=most), any::<u64>());
    (windows, shape).prop_map(|((kernel, stride, padding, count_padding), shape)| {
        let (batch, channels, more, seed) = shape;
        let padding = padding.min(kernel - 1);
        let least = kernel.saturating_sub(2 * padding).max(1);
        let x = distinct(&[batch, channels, least + more.0, least + more.1], seed);
        (x, Pool2d { kernel, stride, padding, count_padding })
    })
}

fn few(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(few(150))]

    #[test]
    fn convolutions_are_those_of_the_reference(
        case in prop_oneof![3 => conv_cases(10), 1 => pointwise_cases()],
    ) {
        let ours = |x: &[Tensor]| conv2d(&x[0], &x[1], x.get(2), case.config);
        let reference = |x: &[Tensor]| conv2d_reference(&x[0], &x[1], x.get(2), case.config);
        compare(&case.tensors(), &ours, &reference);
    }

    #[test]
    fn pools_are_those_of_the_reference((x, config) in pool_cases(10)) {
        compare(from_ref(&x), &|x| avg_pool2d(&x[0], config), &|x| avg_pool2d_reference(&x[0], config));
        compare(&[x], &|x| max_pool2d(&x[0], config), &|x| max_pool2d_reference(&x[0], config));
    }
}

proptest! {
    #![proptest_config(few(40))]

    #[test]
    fn convolutions_change_as_their_gradients_say(case in conv_cases(3)) {
        check_differences(&case.tensors(), &|x| conv2d(&x[0], &x[1], x.get(2), case.config));
    }

    #[test]
    fn pools_change_as_their_gradients_say((x, config) in pool_cases(3)) {
        check_differences(from_ref(&x), &|x| avg_pool2d(&x[0], config));
        check_differences(&[x], &|x| max_pool2d(&x[0], config));
    }
}

struct Running(Var, Var);

impl Running {
    fn new(channels: usize, dtype: DType) -> Self {
        let var = |seed| {
            let values = (tensor(&[channels], seed) * 0.1).unwrap() + 1.0;
            Var::from_tensor(&values.unwrap().to_dtype(dtype).unwrap()).unwrap()
        };
        Self(var(1), var(2))
    }

    fn config(&self) -> BatchNorm<'_> {
        BatchNorm { eps: 1e-5, momentum: 0.3, running_mean: &self.0, running_variance: &self.1 }
    }
}

type Norm = fn(&Tensor, Option<&Tensor>, Option<&Tensor>, BatchNorm<'_>, bool) -> Result<Tensor>;

/// A normalization, also of what it leaves behind.
fn normalize(x: &[Tensor], norm: Norm, train: bool) -> Result<Tensor> {
    let running = Running::new(x[0].dim(1)?, x[0].dtype());
    let y = norm(&x[0], x.get(1), x.get(2), running.config(), train)?;
    let (mean, variance) = (numbers(&running.0), numbers(&running.1));
    let left = mean.iter().zip(&variance).map(|(m, v)| m + 3.0 * v).sum::<f64>();
    y + left
}

proptest! {
    #![proptest_config(few(60))]

    #[test]
    fn norms_are_those_of_the_reference(
        (batch, channels, height, width) in (1_usize..=9, 1_usize..=12, 1_usize..=9, 1_usize..=9),
        (images, train, affine) in (any::<bool>(), any::<bool>(), 0_usize..=2),
        (seed, far) in (any::<u64>(), 0_usize..=1),
    ) {
        let shape = if images { vec![batch, channels, height, width] } else { vec![batch + 1, channels] };
        prop_assume!(shape.iter().product::<usize>() > 2 * channels);
        let x = (tensor(&shape, seed) + far as f64 * 3.0).unwrap();
        let mut inputs = vec![x, tensor(&[channels], seed ^ 1), tensor(&[channels], seed ^ 2)];
        inputs.truncate(affine + 1);
        // Two numbers that happen to be nearly equal make any error large.
        let spread = evaluate(&inputs, DType::F64, &|x| normalize(x, batch_norm_reference, train));
        prop_assume!(numbers(&spread[1]).iter().all(|gradient| gradient.abs() < 30.0));
        compare(
            &inputs,
            &|x| normalize(x, batch_norm, train),
            &|x| normalize(x, batch_norm_reference, train),
        );
    }

    #[test]
    fn the_rest_is_that_of_the_reference(
        (batch, channels, height, width) in (1_usize..=70, 1_usize..=20, 1_usize..=5, 1_usize..=5),
        (smoothing, seed) in (0.0..1.0, any::<u64>()),
    ) {
        let images = distinct(&[batch, channels, height, width], seed);
        compare(from_ref(&images), &|x| relu(&x[0]), &|x| relu_reference(&x[0]));
        compare(&[images], &|x| global_avg_pool(&x[0]), &|x| global_avg_pool_reference(&x[0]));

        let layer = [tensor(&[batch, channels], seed), tensor(&[height, channels], seed ^ 1), tensor(&[height], seed ^ 2)];
        compare(&layer, &|x| linear(&x[0], &x[1], Some(&x[2])), &|x| linear_reference(&x[0], &x[1], Some(&x[2])));
        compare(&layer[..2], &|x| linear(&x[0], &x[1], None), &|x| linear_reference(&x[0], &x[1], None));

        let logits = (tensor(&[batch, channels], seed) * 20.0).unwrap();
        let labels: Vec<u32> = (0..batch).map(|i| (i * 7 % channels) as u32).collect();
        let labels = Tensor::from_vec(labels, batch, CPU).unwrap();
        compare(&[logits], &|x| cross_entropy(&x[0], &labels, smoothing), &|x| cross_entropy_reference(&x[0], &labels, smoothing));
    }
}

#[test]
fn the_rest_changes_as_its_gradients_say() {
    let inputs = [tensor(&[3, 2, 3, 2], 1), tensor(&[2], 2), tensor(&[2], 3)];
    for train in [true, false] {
        check_differences(&inputs, &|x| {
            let running = Running::new(2, DType::F64);
            batch_norm(&x[0], x.get(1), x.get(2), running.config(), train)
        });
    }
    let images = distinct(&[2, 3, 3, 2], 5);
    check_differences(from_ref(&images), &|x| relu(&x[0]));
    check_differences(&[images], &|x| global_avg_pool(&x[0]));
    let layer = [tensor(&[2, 2, 3], 1), tensor(&[4, 3], 2), tensor(&[4], 3)];
    check_differences(&layer, &|x| linear(&x[0], &x[1], Some(&x[2])));
    let labels = Tensor::from_vec(vec![3_u32, 0], 2, CPU).unwrap();
    check_differences(&[tensor(&[2, 4], 1)], &|x| cross_entropy(&x[0], &labels, 0.1));
}

#[test]
fn results_are_the_same_on_any_number_of_threads() {
    let images = tensor(&[67, 6, 7, 9], 1);
    for (config, weight) in [
        (Conv2d { stride: 2, padding: 1, ..Conv2d::default() }, [10, 6, 3, 3]),
        (Conv2d { padding: 2, dilation: 2, groups: 6, ..Conv2d::default() }, [6, 1, 3, 3]),
        (Conv2d::default(), [10, 6, 1, 1]),
    ] {
        let inputs = [images.clone(), tensor(&weight, 2), tensor(&weight[..1], 3)];
        same_on_threads(&inputs, &|x| conv2d(&x[0], &x[1], Some(&x[2]), config));
    }
    let pool = Pool2d { kernel: 3, stride: 2, padding: 1, count_padding: false };
    same_on_threads(from_ref(&images), &|x| avg_pool2d(&x[0], pool));
    same_on_threads(from_ref(&images), &|x| max_pool2d(&x[0], pool));
    // So large that it is divided.
    let large = tensor(&[150, 6, 20, 21], 1);
    same_on_threads(&[large.clone(), tensor(&[6], 2), tensor(&[6], 3)], &|x| {
        let running = Running::new(6, DType::F32);
        batch_norm(&x[0], x.get(1), x.get(2), running.config(), true)
    });
    same_on_threads(from_ref(&large), &|x| relu(&x[0]));
    same_on_threads(&[large], &|x| global_avg_pool(&x[0]));
    same_on_threads(&[tensor(&[131, 33], 1), tensor(&[70, 33], 2), tensor(&[70], 3)], &|x| {
        linear(&x[0], &x[1], Some(&x[2]))
    });
    let labels = Tensor::from_vec((0..2000).map(|i| i % 33).collect::<Vec<u32>>(), 2000, CPU);
    let labels = labels.unwrap();
    same_on_threads(&[tensor(&[2000, 33], 1)], &|x| cross_entropy(&x[0], &labels, 0.1));
}

#[test]
fn inputs_may_lie_in_any_order() {
    let turned = |shape: &[usize], seed| tensor(shape, seed).transpose(0, 1).unwrap();
    let (x, weight) = (turned(&[4, 9, 5, 6], 1), turned(&[4, 3, 3, 3], 2));
    let config = Conv2d { padding: 1, ..Conv2d::default() };
    let check = |function: Function<'_>, inputs: &[Tensor]| {
        let plain: Vec<Tensor> = inputs.iter().map(|x| x.force_contiguous().unwrap()).collect();
        let is = evaluate_as_they_are(inputs, function);
        assert_all_close(&is, &evaluate_as_they_are(&plain, function), 0.0, "order");
    };
    check(&|x| conv2d(&x[0], &x[1], None, config), &[x.clone(), weight]);
    let pool = Pool2d { kernel: 2, stride: 1, padding: 1, count_padding: true };
    check(&|x| avg_pool2d(&x[0], pool), from_ref(&x));
    check(&|x| max_pool2d(&x[0], pool), from_ref(&x));
    check(&|x| normalize(x, batch_norm, true), from_ref(&x));
    check(&|x| relu(&x[0]), from_ref(&x));
    check(&|x| global_avg_pool(&x[0]), &[x]);
    check(&|x| linear(&x[0], &x[1], None), &[turned(&[4, 3], 1), turned(&[4, 5], 2)]);
}

/// The value and the gradients of tensors that are no variables, but views of them.
fn evaluate_as_they_are(inputs: &[Tensor], function: Function<'_>) -> Vec<Tensor> {
    let vars: Vec<Var> =
        inputs.iter().map(|x| Var::from_tensor(&x.transpose(0, 1).unwrap()).unwrap()).collect();
    let views: Vec<Tensor> = vars.iter().map(|var| var.transpose(0, 1).unwrap()).collect();
    let plain: Vec<bool> = inputs.iter().map(Tensor::is_contiguous).collect();
    let views: Vec<Tensor> = views
        .into_iter()
        .zip(plain)
        .map(|(view, plain)| if plain { view.contiguous().unwrap() } else { view })
        .collect();
    let y = function(&views).unwrap();
    let loss = (&y * tensor(y.dims(), 7)).unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    let mut all = vec![y.detach()];
    all.extend(vars.iter().map(|var| gradients.get(var).unwrap().clone()));
    all
}

/// The images in half precision, the weights not: what a training in mixed precision computes.
fn mixed(inputs: &[Tensor], dtype: DType, ours: Function<'_>) -> Vec<Tensor> {
    evaluate(inputs, DType::F32, &|x| {
        let mut x = x.to_vec();
        x[0] = x[0].to_dtype(dtype)?;
        ours(&x)?.to_dtype(DType::F32)
    })
}

#[test]
fn half_precision_rounds_values_and_gradients_and_no_more() {
    let images = distinct(&[3, 4, 6, 5], 1);
    let (four, one) = (tensor(&[4], 2), tensor(&[4, 1, 3, 3], 3));
    let features = tensor(&[5, 4], 5);
    let labels = Tensor::from_vec(vec![3_u32, 0, 1, 1, 2], 5, CPU).unwrap();
    let config = Conv2d { padding: 1, groups: 4, ..Conv2d::default() };
    let pool = Pool2d { kernel: 3, stride: 2, padding: 1, count_padding: false };
    let norm = |x: &[Tensor], train| {
        let running = Running::new(4, DType::F32);
        batch_norm(&x[0], x.get(1), x.get(2), running.config(), train)
    };
    // Far from zero, so that statistics in half precision would be lost.
    let far = [(&images + 20.0).unwrap(), four.clone(), four.clone()];
    let cases: [(&str, &[Tensor], Function<'_>); 9] = [
        ("conv2d", &[images.clone(), one, four], &|x| conv2d(&x[0], &x[1], Some(&x[2]), config)),
        ("avg_pool2d", from_ref(&images), &|x| avg_pool2d(&x[0], pool)),
        ("max_pool2d", from_ref(&images), &|x| max_pool2d(&x[0], pool)),
        ("relu", from_ref(&images), &|x| relu(&x[0])),
        ("global_avg_pool", from_ref(&images), &|x| global_avg_pool(&x[0])),
        ("linear", &[features.clone(), tensor(&[3, 4], 6), tensor(&[3], 7)], &|x| {
            linear(&x[0], &x[1], Some(&x[2]))
        }),
        ("cross_entropy", from_ref(&features), &|x| cross_entropy(&x[0], &labels, 0.1)),
        ("batch_norm, evaluation", &far, &|x| norm(x, false)),
        ("batch_norm, training", &far, &|x| norm(x, true)),
    ];
    for (dtype, tolerance) in [(DType::BF16, 0.02), (DType::F16, 0.0025)] {
        for (name, inputs, ours) in &cases {
            // What is given may be rounded: that is not what is looked at.
            let mut rounded = inputs.to_vec();
            rounded[0] = rounded[0].to_dtype(dtype).unwrap().to_dtype(DType::F64).unwrap();
            let should = evaluate(&rounded, DType::F64, *ours);
            let is = mixed(&rounded, dtype, *ours);
            assert_all_close(&is, &should, tolerance, &format!("{name} in {dtype:?}"));
        }
    }
    let half = images.to_dtype(DType::BF16).unwrap();
    for (name, inputs, ours) in &cases[1..5] {
        assert_eq!(inputs.len(), 1);
        assert_eq!(ours(from_ref(&half)).unwrap().dtype(), DType::BF16, "{name}");
    }
}

#[test]
fn the_kernels_can_be_passed_over() {
    // Of equal numbers the kernel chooses the first, and the reference all.
    let x = Tensor::ones((1, 1, 2, 2), DType::F64, CPU).unwrap();
    let pool = Pool2d { kernel: 2, stride: 2, padding: 0, count_padding: false };
    let gradient = || {
        let var = Var::from_tensor(&x).unwrap();
        let y = max_pool2d(&var, pool).unwrap();
        numbers(y.backward().unwrap().get(&var).unwrap())
    };
    let first = [1.0, 0.0, 0.0, 0.0];
    assert_eq!(gradient(), first);
    assert_eq!(by_reference(gradient), [0.25; 4]);
    assert_eq!(gradient(), first);
}

#[test]
fn an_empty_batch_has_an_empty_result() {
    let x = Tensor::zeros((0, 2, 4, 4), DType::F32, CPU).unwrap();
    let weight = Tensor::zeros((3, 2, 3, 3), DType::F32, CPU).unwrap();
    let y = conv2d(&x, &weight, None, Conv2d::default()).unwrap();
    assert_eq!(y.dims(), [0, 3, 2, 2]);
    let pool = Pool2d { kernel: 2, stride: 2, padding: 0, count_padding: false };
    assert_eq!(avg_pool2d(&x, pool).unwrap().dims(), [0, 2, 2, 2]);
    assert_eq!(max_pool2d(&x, pool).unwrap().dims(), [0, 2, 2, 2]);
    assert_eq!(global_avg_pool(&x).unwrap().dims(), [0, 2]);
    let running = Running::new(2, DType::F32);
    assert!(batch_norm(&x, None, None, running.config(), true).is_err());
}

#[test]
fn what_does_not_fit_is_an_error_with_the_shapes() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, CPU).unwrap();
    let images = zeros(&[2, 4, 5, 5]);
    let conv = |x: &[usize], weight: &[usize], config| {
        conv2d(&zeros(x), &zeros(weight), None, config).unwrap_err().to_string()
    };
    let plain = Conv2d::default();
    let pool = Pool2d { kernel: 6, stride: 1, padding: 0, count_padding: false };
    let running = Running::new(3, DType::F32);
    let labels = Tensor::from_vec(vec![0_u32, 4], 2, CPU).unwrap();
    for (message, parts) in [
        (conv(&[2, 4, 5, 5], &[3, 3, 3, 3], plain), ["conv2d", "[2, 4, 5, 5]", "[3, 3, 3, 3]"]),
        (conv(&[2, 4, 5], &[3, 4, 3, 3], plain), ["conv2d", "[2, 4, 5]", "[3, 4, 3, 3]"]),
        (conv(&[2, 4, 5, 5], &[3, 4, 3, 2], plain), ["conv2d", "squares", "[3, 4, 3, 2]"]),
        (conv(&[2, 4, 5, 5], &[3, 4, 7, 7], plain), ["conv2d", "no room", "[3, 4, 7, 7]"]),
        (
            conv(&[2, 4, 5, 5], &[3, 2, 3, 3], Conv2d { groups: 2, ..plain }),
            ["conv2d", "2 groups", "[3, 2, 3, 3]"],
        ),
        (
            max_pool2d(&images, pool).unwrap_err().to_string(),
            ["max_pool2d", "[2, 4, 5, 5]", "kernel: 6"],
        ),
        (
            avg_pool2d(&images, Pool2d { padding: 6, ..pool }).unwrap_err().to_string(),
            ["avg_pool2d", "padding: 6", "kernel: 6"],
        ),
        (
            batch_norm(&images, None, None, running.config(), true).unwrap_err().to_string(),
            ["batch_norm", "[2, 4, 5, 5]", "[3]"],
        ),
        (
            linear(&zeros(&[2, 4]), &zeros(&[3, 5]), None).unwrap_err().to_string(),
            ["linear", "[2, 4]", "[3, 5]"],
        ),
        (
            cross_entropy(&zeros(&[2, 4]), &labels, 0.0).unwrap_err().to_string(),
            ["cross_entropy", "label 4", "4 classes"],
        ),
        (global_avg_pool(&labels).unwrap_err().to_string(), ["global_avg_pool", "[2]", "images"]),
    ] {
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
}

#[test]
fn vjp_is_the_gradient_without_the_tape() {
    let (x, w) = (tensor(&[3, 4, 6, 5], 1), tensor(&[8, 4, 3, 3], 2));
    let (x, w) = (Var::from_tensor(&x).unwrap(), Var::from_tensor(&w).unwrap());
    let config = Conv2d { stride: 1, padding: 1, dilation: 1, groups: 1 };
    let conv = || conv2d(x.as_tensor(), w.as_tensor(), None, config);
    let y = conv().unwrap();
    let weights = tensor(y.dims(), 3);
    let taped = (&y * &weights).unwrap().sum_all().unwrap().backward().unwrap();

    let alone = vjp(conv).unwrap();
    assert_eq!(numbers(alone.output()), numbers(&y));
    let gradients = alone.gradients(&weights).unwrap();
    let [Some(for_x), Some(for_w)] = &*gradients else { panic!("two gradients: {gradients:?}") };
    assert_eq!(numbers(for_x), numbers(taped.get(&x).unwrap()));
    assert_eq!(numbers(for_w), numbers(taped.get(&w).unwrap()));

    // Only that of a variable is computed.
    let constant = x.as_detached_tensor();
    let half = vjp(|| conv2d(&constant, w.as_tensor(), None, config)).unwrap();
    let half = half.gradients(&weights).unwrap();
    assert!(half[0].is_none() && half[1].is_some());

    // What it is not for says so, and leaves nothing behind.
    let (x, w) = (x.as_tensor(), w.as_tensor());
    let nested = vjp(|| relu(&relu(x)?));
    let two = vjp(|| relu(x).and(relu(w)));
    let none = vjp(|| relu(&constant));
    for wrong in [nested, two, none] {
        assert!(wrong.err().unwrap().to_string().contains("not one operation"));
    }
    let error = alone.gradients(&constant).unwrap_err().to_string();
    assert!(error.contains("[3, 4, 6, 5]") && error.contains("[3, 8, 6, 5]"), "{error}");
    assert!(conv().unwrap().track_op());
}
