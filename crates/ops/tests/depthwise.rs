//! The depthwise kernels against loops over images in the plain order.

mod common;

use common::{Images, MARK, assert_close, noise, numbers};
use nascent_ops::windows::Windows;
use nascent_ops::{
    kernel::{
        Write,
        depthwise::{Depthwise, InputGradient, WeightGradient},
        sum_lanes,
    },
    layout::Buffer,
    simd::{Element, dispatch, lanes},
};
use proptest::prelude::*;

struct Case {
    window: Windows,
    input: Images,
    gradient: Images,
    weights: Vec<f64>,
    spare: usize,
}

impl Case {
    /// Calls `f` with each product of the convolution: input, weight and output.
    fn products(&self, mut f: impl FnMut(usize, usize, usize)) {
        let Windows { kernel: size, stride, dilation, padding } = self.window;
        for (n, c, y, x) in self.gradient.each() {
            for tap in 0..size * size {
                let y = y * stride + tap / size * dilation;
                let x = x * stride + tap % size * dilation;
                let inside = |i: usize, end| i >= padding && i - padding < end;
                if inside(y, self.input.height) && inside(x, self.input.width) {
                    let from = self.input.index(n, c, y - padding, x - padding);
                    let (oy, ox) = (
                        (y - tap / size * dilation) / stride,
                        (x - tap % size * dilation) / stride,
                    );
                    f(from, c * size * size + tap, self.gradient.index(n, c, oy, ox));
                }
            }
        }
    }

    fn check<E: Element>(&self, tolerance: f64) {
        let Self { window, input, gradient, .. } = self;
        let window = *window;
        let weights: Vec<E> = numbers(&self.weights);
        let from_margin = window.padding + self.spare;
        let to_margin = window
            .gradient_margin(input.height, gradient.height)
            .max(window.gradient_margin(input.width, gradient.width))
            + self.spare;
        let (from, to) = (input.planes(from_margin), gradient.planes(to_margin));
        let inputs = input.blocks::<E>(from_margin, 0.0);
        let gradients = gradient.blocks::<E>(to_margin, 0.0);

        let mut output = Images { values: vec![0.0; gradient.values.len()], ..gradient.clone() };
        self.products(|x, w, y| output.values[y] += input.values[x] * self.weights[w]);
        let before = Images::noise(output.count, output.channels, output.height, output.width, 5);
        for write in [Write::Set, Write::Add] {
            let mut outputs = before.blocks::<E>(to_margin, MARK);
            for (input, output) in inputs.iter().zip(&mut outputs) {
                let (input, output) = (input.as_slice(), output.as_mut_slice());
                dispatch(Depthwise { input, from, weights: &weights, output, to, window, write });
            }
            let mut output = output.clone();
            if write == Write::Add {
                output.values.iter_mut().zip(&before.values).for_each(|(o, b)| *o += b);
            }
            output.assert_in(&outputs, to_margin, MARK, tolerance);
        }

        let mut output = Images { values: vec![0.0; input.values.len()], ..input.clone() };
        self.products(|x, w, y| output.values[x] += gradient.values[y] * self.weights[w]);
        let before = Images::noise(output.count, output.channels, output.height, output.width, 6);
        for write in [Write::Set, Write::Add] {
            let mut outputs = before.blocks::<E>(from_margin, MARK);
            for (gradient, output) in gradients.iter().zip(&mut outputs) {
                let (gradient, output) = (gradient.as_slice(), output.as_mut_slice());
                let (from, to) = (to, from);
                dispatch(InputGradient {
                    gradient,
                    from,
                    weights: &weights,
                    output,
                    to,
                    window,
                    write,
                });
            }
            let mut output = output.clone();
            if write == Write::Add {
                output.values.iter_mut().zip(&before.values).for_each(|(o, b)| *o += b);
            }
            output.assert_in(&outputs, from_margin, MARK, tolerance);
        }

        let mut should = vec![0.0; weights.len()];
        self.products(|x, w, y| should[w] += input.values[x] * gradient.values[y]);
        let mut sums = Buffer::zeros(weights.len() * lanes::<E>());
        for (input, gradient) in inputs.iter().zip(&gradients) {
            let (input, gradient) = (input.as_slice(), gradient.as_slice());
            let sums = sums.as_mut_slice();
            dispatch(WeightGradient { input, from, gradient, to, window, sums });
        }
        let mut is = vec![E::default(); weights.len()];
        sum_lanes(sums.as_slice(), &mut is);
        for (i, (is, should)) in is.iter().zip(should).enumerate() {
            assert_close(is.wide(), should, tolerance, &format!("weight {i}"));
        }
    }
}

prop_compose! {
    fn cases()(
        (size, stride, dilation) in (1_usize..=6, 1_usize..=4, 1_usize..=3),
        (padding, more) in (0_usize..=8, (0_usize..=12, 0_usize..=20)),
        (count, channels) in (1_usize..=11, 1_usize..=6),
        (spare, seed) in (0_usize..=2, any::<u64>()),
    ) -> Case {
        let reach = (size - 1) * dilation;
        let padding = padding.min(reach);
        let least = (reach + 1).saturating_sub(2 * padding).max(1);
        let (height, width) = (least + more.0, least + more.1);
        let outputs = |inputs: usize| (inputs + 2 * padding - reach - 1) / stride + 1;
        Case {
            window: Windows { kernel: size, stride, dilation, padding },
            input: Images::noise(count, channels, height, width, seed),
            gradient: Images::noise(count, channels, outputs(height), outputs(width), seed ^ 1),
            weights: noise(channels * size * size, seed ^ 2),
            spare,
        }
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Images { count, channels, height, width, .. } = self.input;
        write!(f, "{:?}, {count}×{channels}×{height}×{width}, spare {}", self.window, self.spare)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn all_three_are_those_of_the_plain_loops(case in cases()) {
        case.check::<f64>(1e-9);
        case.check::<f32>(1e-4);
    }
}

#[test]
#[should_panic(expected = "stands out of the margin")]
fn a_window_that_stands_out_of_the_margin_is_refused() {
    let window = Windows { kernel: 3, stride: 1, dilation: 1, padding: 1 };
    let input = Images::zeros(1, 1, 4, 4);
    let (from, to) = (input.planes(1), Images::zeros(1, 1, 5, 4).planes(0));
    let block = &input.blocks::<f32>(1, 0.0)[0];
    let mut output = Buffer::zeros(to.vectors() * lanes::<f32>());
    let (input, output, write) = (block.as_slice(), output.as_mut_slice(), Write::Set);
    dispatch(Depthwise { input, from, weights: &[0.0; 9], output, to, window, write });
}
