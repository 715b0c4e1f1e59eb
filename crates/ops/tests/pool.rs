//! The pooling kernels against loops over images in the plain order.

mod common;

use common::{Images, MARK, numbers};
use nascent_ops::{
    kernel::{
        Write,
        pool::{AverageGradient, AveragePool, Divisor, MaxGradient, MaxPool, Pooling},
        rows::{Source, Target},
    },
    layout::{Buffer, Planes},
    simd::{Element, dispatch, lanes},
};
use proptest::prelude::*;

struct Case {
    pooling: Pooling,
    input: Images,
    gradient: Images,
    margins: (usize, usize),
}

/// What a kernel gets: input, gradient or output, its result, and a row.
type Kernel<'a, E> = &'a dyn Fn(usize, &mut [E], &mut [E], Write);

impl Case {
    /// The pixels of the window of an output pixel that are in the image, row by row.
    fn window(&self, (n, c, y, x): (usize, usize, usize, usize)) -> Vec<usize> {
        let Pooling { size, stride, padding } = self.pooling;
        (0..size * size)
            .filter_map(|i| {
                let y = (y * stride + i / size).checked_sub(padding)?;
                let x = (x * stride + i % size).checked_sub(padding)?;
                let inside = y < self.input.height && x < self.input.width;
                inside.then(|| self.input.index(n, c, y, x))
            })
            .collect()
    }

    fn first_max(&self, window: &[usize]) -> usize {
        let values = &self.input.values;
        let larger = |a: usize, b: usize| if values[b] > values[a] { b } else { a };
        window.iter().copied().reduce(larger).unwrap_or_default()
    }

    /// Runs a kernel that replaces and one that adds, and compares.
    fn compare<E: Element>(&self, result: &Images, margin: usize, kernel: Kernel<'_, E>) {
        let tolerance = if size_of::<E>() == 8 { 1e-9 } else { 1e-4 };
        let before = Images::noise(result.count, result.channels, result.height, result.width, 9);
        let width = self.input.width.max(self.gradient.width);
        for write in [Write::Set, Write::Add] {
            let mut blocks = before.blocks::<E>(margin, MARK);
            let mut row: Vec<E> = numbers(&vec![f64::NAN; width * lanes::<E>()]);
            for (i, block) in blocks.iter_mut().enumerate() {
                kernel(i, block.as_mut_slice(), &mut row, write);
            }
            let mut result = result.clone();
            if write == Write::Add {
                result.values.iter_mut().zip(&before.values).for_each(|(r, b)| *r += b);
            }
            result.assert_in(&blocks, margin, MARK, tolerance);
        }
    }

    fn check<E: Element>(&self) {
        let Self { pooling, input, gradient, margins } = self;
        let (pooling, outputs) = (*pooling, gradient.clone());
        let (planes, out_planes) = (input.planes(margins.0), gradient.planes(margins.1));
        // What lies in the margins is not read.
        let inputs = input.blocks::<E>(margins.0, MARK);
        let gradients = gradient.blocks::<E>(margins.1, MARK);

        for divisor in [Divisor::Inside, Divisor::All] {
            let mut average = Images { values: vec![0.0; outputs.values.len()], ..outputs.clone() };
            let mut back = Images { values: vec![0.0; input.values.len()], ..input.clone() };
            for (i, pixel) in gradient.each().enumerate() {
                let window = self.window(pixel);
                let divisor = match divisor {
                    Divisor::Inside => window.len() as f64,
                    Divisor::All => (pooling.size * pooling.size) as f64,
                };
                for from in window {
                    average.values[i] += input.values[from] / divisor;
                    back.values[from] += gradient.values[i] / divisor;
                }
            }
            self.compare::<E>(&average, margins.1, &|i, output, scratch, write| {
                let (input, from, to) = (inputs[i].as_slice(), planes, out_planes);
                dispatch(AveragePool { input, from, output, to, pooling, divisor, write, scratch });
            });
            self.compare::<E>(&back, margins.0, &|i, output, scratch, write| {
                let (gradient, from, to) = (gradients[i].as_slice(), out_planes, planes);
                dispatch(AverageGradient {
                    gradient,
                    from,
                    output,
                    to,
                    pooling,
                    divisor,
                    write,
                    scratch,
                });
            });
        }

        let mut maxima = Images { values: vec![0.0; outputs.values.len()], ..outputs };
        let mut back = Images { values: vec![0.0; input.values.len()], ..input.clone() };
        for (i, pixel) in gradient.each().enumerate() {
            let max = self.first_max(&self.window(pixel));
            maxima.values[i] = input.values[max];
            back.values[max] += gradient.values[i];
        }
        self.compare::<E>(&maxima, margins.1, &|i, output, scratch, write| {
            let (input, from, to) = (inputs[i].as_slice(), planes, out_planes);
            dispatch(MaxPool { input, from, output, to, pooling, write, scratch });
        });
        // Each image may have a margin of its own.
        let with_margin = |planes: Planes| Planes { margin: planes.margin + 1, ..planes };
        let blocks = maxima.blocks::<E>(margins.1 + 1, MARK);
        let wide = input.blocks::<E>(margins.0 + 1, MARK);
        self.compare::<E>(&back, margins.0, &|i, output, _, write| {
            let input = Source { data: wide[i].as_slice(), planes: with_margin(planes) };
            let maxima = Source { data: blocks[i].as_slice(), planes: with_margin(out_planes) };
            let gradient = Source { data: gradients[i].as_slice(), planes: out_planes };
            let output = Target { data: output, planes };
            dispatch(MaxGradient { input, maxima, gradient, output, pooling, write });
        });
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Images { count, channels, height, width, .. } = self.input;
        write!(f, "{:?}, {count}×{channels}×{height}×{width} {:?}", self.pooling, self.margins)
    }
}

prop_compose! {
    fn cases()(
        (size, stride, padding) in (1_usize..=5, 1_usize..=4, 0_usize..=4),
        more in (0_usize..=12, 0_usize..=20),
        (count, channels) in (1_usize..=11, 1_usize..=5),
        (margins, seed) in ((0_usize..=2, 0_usize..=2), any::<u64>()),
    ) -> Case {
        let padding = padding.min(size - 1);
        let least = size.saturating_sub(2 * padding).max(1);
        // The last window that begins in the image, as if the output were rounded up.
        let outputs = |inputs: usize| {
            let most = (inputs + padding - 1) / stride + 1;
            most.min((inputs + 2 * padding - size).div_ceil(stride) + 1)
        };
        let (height, width) = (least + more.0, least + more.1);
        let mut input = Images::noise(count, channels, height, width, seed);
        // Few values, so that many are equal.
        input.values.iter_mut().for_each(|value| *value = (*value * 4.0).round());
        let gradient = Images::noise(count, channels, outputs(height), outputs(width), seed ^ 1);
        Case { pooling: Pooling { size, stride, padding }, input, gradient, margins }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn all_are_those_of_the_plain_loops(case in cases()) {
        case.check::<f64>();
        case.check::<f32>();
    }
}

#[test]
fn a_maximum_changes_as_its_gradient_says() {
    let pooling = Pooling { size: 3, stride: 1, padding: 1 };
    let mut input = Images::zeros(1, 1, 5, 6);
    // All different, so that a small step changes no order.
    input.values = (0..30).map(|i| f64::from(i * 7 % 30)).collect();
    let weights = Images::noise(1, 1, 5, 6, 3);
    let (planes, lanes) = (input.planes(0), lanes::<f64>());
    let maxima = |input: &Images| {
        let mut output = Buffer::<f64>::zeros(planes.vectors() * lanes);
        let (from, to, write) = (planes, planes, Write::Set);
        let blocks = input.blocks::<f64>(0, 0.0);
        dispatch(MaxPool {
            input: blocks[0].as_slice(),
            from,
            output: output.as_mut_slice(),
            to,
            pooling,
            write,
            scratch: Buffer::zeros(6 * lanes).as_mut_slice(),
        });
        output
    };
    let loss = |input: &Images| {
        let maxima = maxima(input);
        weights
            .values
            .iter()
            .enumerate()
            .map(|(i, w)| w * maxima.as_slice()[i * lanes])
            .sum::<f64>()
    };
    let mut differences = input.clone();
    for i in 0..30 {
        let moved = |by: f64| {
            let mut input = input.clone();
            input.values[i] += by;
            loss(&input)
        };
        differences.values[i] = (moved(1e-3) - moved(-1e-3)) / 2e-3;
    }
    let mut output = Buffer::<f64>::zeros(planes.vectors() * lanes);
    let source = |data| Source { data, planes };
    dispatch(MaxGradient {
        input: source(input.blocks::<f64>(0, 0.0)[0].as_slice()),
        maxima: source(maxima(&input).as_slice()),
        gradient: source(weights.blocks::<f64>(0, 0.0)[0].as_slice()),
        output: Target { data: output.as_mut_slice(), planes },
        pooling,
        write: Write::Set,
    });
    differences.assert_in(&[output], 0, 0.0, 1e-9);
}
