//! The kernels of the convolution against loops that follow its definition.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use nascent_ops::convolution::Convolution;
use nascent_ops::kernel::Write;
use nascent_ops::layout::{Buffer, Planes};
use nascent_ops::simd::{Element, lanes};
use nascent_ops::windows::Windows;
use proptest::prelude::*;

/// A batch of images in plain order, `[images, channels, height, width]`.
#[derive(Clone, Debug, PartialEq)]
struct Images {
    count: usize,
    planes: Planes,
    values: Vec<f64>,
}

impl Images {
    fn of(count: usize, planes: Planes, mut value: impl FnMut(usize) -> f64) -> Self {
        let len = count * planes.channels * planes.height * planes.width;
        Self { count, planes, values: (0..len).map(&mut value).collect() }
    }

    fn at(&self, image: usize, channel: usize, y: usize, x: usize) -> usize {
        let Planes { channels, height, width, .. } = self.planes;
        ((image * channels + channel) * height + y) * width + x
    }

    /// Where a number is in the interleaved layout.
    fn places(&self, lanes: usize) -> Vec<usize> {
        let planes = self.planes;
        let mut places = Vec::new();
        for image in 0..self.count {
            for channel in 0..planes.channels {
                for y in 0..planes.height {
                    for x in 0..planes.width {
                        let block = image / lanes * planes.vectors();
                        let vector =
                            channel * planes.plane() + planes.first() + y * planes.row() + x;
                        places.push((block + vector) * lanes + image % lanes);
                    }
                }
            }
        }
        places
    }

    fn interleaved<E: Element>(&self) -> Buffer<E> {
        let lanes = lanes::<E>();
        let mut buffer = Buffer::zeros(self.count.div_ceil(lanes) * self.planes.vectors() * lanes);
        for (place, value) in std::iter::zip(self.places(lanes), &self.values) {
            buffer.as_mut_slice()[place] = E::of(*value);
        }
        buffer
    }

    fn read<E: Element>(&mut self, buffer: &Buffer<E>) {
        let places = self.places(lanes::<E>());
        self.values = places.iter().map(|place| buffer.as_slice()[*place].wide()).collect();
        // Margins and empty lanes stay zero.
        let mut rest = buffer.clone();
        for place in places {
            rest.as_mut_slice()[place] = E::default();
        }
        assert!(rest.as_slice().iter().all(|value| value.wide() == 0.0));
    }
}

#[derive(Clone, Debug)]
struct Case {
    images: usize,
    input: Planes,
    output: Planes,
    windows: Windows,
    groups: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let windows = (1..=5_usize, 1..=3_usize, 1..=2_usize, 0..=4_usize);
    let sizes = (1..=9_usize, 1..=9_usize, 1..=11_usize);
    let channels = (1..=3_usize, 1..=9_usize, 1..=2_usize);
    (windows, sizes, channels, 0..=1_usize).prop_filter_map(
        "an image smaller than a window",
        |(
            (kernel, stride, dilation, padding),
            (height, width, images),
            (inputs, outputs, groups),
            spare,
        )| {
            let windows = Windows { kernel, stride, dilation, padding };
            let count = |size: usize| {
                Some((size + 2 * padding).checked_sub((kernel - 1) * dilation + 1)? / stride + 1)
            };
            let (rows, columns) = (count(height)?, count(width)?);
            let margin = windows.margin(height, width, rows, columns) + spare;
            let input = Planes { channels: inputs * groups, height, width, margin };
            let mut output =
                Planes { channels: outputs * groups, height: rows, width: columns, margin: 0 };
            output.margin = Convolution::gradient_margin(windows, input, output) + spare;
            Some(Case { images, input, output, windows, groups })
        },
    )
}

impl Case {
    /// Calls `visit` with the places of every product of the definition: input, weight, output.
    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let Windows { kernel, stride, dilation, padding } = self.windows;
        let input = Images::of(self.images, self.input, |_| 0.0);
        let output = Images::of(self.images, self.output, |_| 0.0);
        let (ins, outs) = (self.input.channels / self.groups, self.output.channels / self.groups);
        for image in 0..self.images {
            for o in 0..self.output.channels {
                for (y, x) in (0..self.output.height)
                    .flat_map(|y| (0..self.output.width).map(move |x| (y, x)))
                {
                    for (i, ky, kx) in (0..ins).flat_map(|i| {
                        (0..kernel).flat_map(move |ky| (0..kernel).map(move |kx| (i, ky, kx)))
                    }) {
                        let (Some(iy), Some(ix)) = (
                            (y * stride + ky * dilation).checked_sub(padding),
                            (x * stride + kx * dilation).checked_sub(padding),
                        ) else {
                            continue;
                        };
                        if iy < self.input.height && ix < self.input.width {
                            let channel = o / outs * ins + i;
                            let weight = ((o * ins + i) * kernel + ky) * kernel + kx;
                            visit(
                                input.at(image, channel, iy, ix),
                                weight,
                                output.at(image, o, y, x),
                            );
                        }
                    }
                }
            }
        }
    }

    fn check<E: Element>(&self, tolerance: f64) {
        let wave = |seed: usize| move |i: usize| (((i + seed) * 7919 % 1009) as f64) / 504.5 - 1.0;
        let convolution =
            Convolution::new(self.input, self.output, self.windows, self.groups).unwrap();
        let input = Images::of(self.images, self.input, wave(1));
        let gradient = Images::of(self.images, self.output, wave(2));
        let weights: Vec<f64> = (0..convolution.weights()).map(wave(3)).collect();
        let mut output = Images::of(self.images, self.output, |_| 0.0);
        let mut for_input = Images::of(self.images, self.input, |_| 0.0);
        let mut for_weights = vec![0.0; weights.len()];
        self.products(|i, w, o| {
            output.values[o] += input.values[i] * weights[w];
            for_input.values[i] += gradient.values[o] * weights[w];
            for_weights[w] += gradient.values[o] * input.values[i];
        });

        let close = |a: &[f64], b: &[f64]| {
            for (a, b) in std::iter::zip(a, b) {
                assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{a} is not {b}: {self:?}");
            }
        };
        let weights: Vec<E> = weights.into_iter().map(E::of).collect();
        let (x, g) = (input.interleaved::<E>(), gradient.interleaved::<E>());
        let mut actual = Images::of(self.images, self.output, |_| 0.0);
        // Set whatever is there, then add.
        let mut y = Images::of(self.images, self.output, |_| 9.0).interleaved::<E>();
        convolution.forward(x.as_slice(), &weights, y.as_mut_slice(), Write::Set);
        // What was in lanes without an image is set to zero too.
        actual.read(&y);
        close(&actual.values, &output.values);
        convolution.forward(x.as_slice(), &weights, y.as_mut_slice(), Write::Add);
        actual.read(&y);
        let twice: Vec<f64> = output.values.iter().map(|value| 2.0 * value).collect();
        close(&actual.values, &twice);

        let mut dx = Images::of(self.images, self.input, |_| 9.0).interleaved::<E>();
        let mut actual = Images::of(self.images, self.input, |_| 0.0);
        convolution.input_gradient(g.as_slice(), &weights, dx.as_mut_slice(), Write::Set);
        actual.read(&dx);
        close(&actual.values, &for_input.values);

        let mut dw = vec![E::of(9.0); weights.len()];
        convolution.weight_gradient(x.as_slice(), g.as_slice(), &mut dw);
        close(&dw.iter().map(|value| value.wide()).collect::<Vec<_>>(), &for_weights);
    }
}

proptest! {
    #[test]
    fn all_three_are_the_sums_of_their_definition(case in cases()) {
        case.check::<f64>(1e-10);
        case.check::<f32>(1e-3);
    }
}

/// Large enough for fewer products, and for several tiles at a time.
#[test]
fn convolutions_with_many_channels_are_the_sums_of_their_definition() {
    for (inputs, outputs, height, width, padding) in [
        (8, 8, 4, 4, 1),
        (9, 14, 6, 10, 1),
        (8, 10, 7, 9, 1),
        (10, 8, 16, 13, 1),
        (16, 8, 2, 40, 1),
        (8, 11, 5, 4, 1),
        (8, 9, 8, 6, 0),
        (8, 8, 4, 6, 2),
        (33, 35, 9, 7, 1),
        (64, 30, 4, 4, 1),
    ] {
        let windows = Windows { kernel: 3, stride: 1, dilation: 1, padding };
        let (rows, columns) = (height + 2 * padding - 2, width + 2 * padding - 2);
        let margin = windows.margin(height, width, rows, columns);
        let input = Planes { channels: inputs, height, width, margin };
        let mut output = Planes { channels: outputs, height: rows, width: columns, margin: 0 };
        output.margin = Convolution::gradient_margin(windows, input, output);
        let case = Case { images: 11, input, output, windows, groups: 1 };
        case.check::<f64>(1e-10);
        case.check::<f32>(1e-3);
    }
}

#[test]
#[should_panic(expected = "the input needs a margin of 1")]
fn a_margin_that_is_too_small_is_not_read() {
    let planes = Planes { channels: 4, height: 4, width: 4, margin: 0 };
    let windows = Windows { kernel: 3, stride: 1, dilation: 1, padding: 1 };
    let convolution = Convolution::new(planes, planes, windows, 1).unwrap();
    let block = vec![0.0_f32; planes.vectors() * lanes::<f32>()];
    convolution.forward(&block, &[0.0; 144], &mut block.clone(), Write::Set);
}

#[test]
fn what_does_not_fit_is_said() {
    let planes = |channels, margin| Planes { channels, height: 4, width: 4, margin };
    let windows = Windows { kernel: 3, stride: 1, dilation: 1, padding: 1 };
    let message = |input, output, windows, groups| {
        Convolution::new(input, output, windows, groups).unwrap_err().to_string()
    };
    let text = message(planes(3, 1), planes(4, 1), windows, 2);
    assert!(
        text.contains("convolution: 3 to 4 channels cannot be divided into 2 groups"),
        "{text}"
    );
    let text = message(planes(4, 1), planes(4, 1), Windows { stride: 0, ..windows }, 1);
    assert!(text.contains("at least 1"), "{text}");
}
