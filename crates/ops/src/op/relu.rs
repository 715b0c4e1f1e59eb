//! The positive part: `y = max(x, 0)`, whose gradient at 0 is 0. What is not a number stays so.

use candle_core::{Result, Tensor};

use super::custom::{Number, Numbers, Way, record, written};
use crate::kernel::plain::{Positive, PositiveGradient};
use crate::simd::dispatch;

/// How many numbers a task works on.
const TASK: usize = 1 << 15;

/// The positive part of a tensor of any shape.
///
/// # Errors
/// If candle cannot read it.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    match Way::of(&[x]) {
        Way::F32 => with_kernels::<f32>(x),
        Way::F64 => with_kernels::<f64>(x),
        Way::Reference => relu_reference(x),
    }
}

/// [`relu`], composed of tensor operations.
///
/// # Errors
/// As [`relu`].
pub fn relu_reference(x: &Tensor) -> Result<Tensor> {
    let zero = x.zeros_like()?;
    x.le(&zero)?.where_cond(&zero, x)
}

fn with_kernels<E: Number>(x: &Tensor) -> Result<Tensor> {
    let contiguous = x.contiguous()?;
    let numbers = Numbers::<E>::of(&contiguous)?;
    let numbers = numbers.get()?;
    let y = written(numbers.len(), TASK, |at, target| {
        let numbers = &numbers[at * TASK..][..target.len()];
        dispatch(Positive { numbers, target })
    });
    record("relu", &[x], y, x.shape(), move |pass| {
        let (y, gradient) = (Numbers::<E>::of(pass.output)?, Numbers::<E>::of(pass.gradient)?);
        let (y, gradient) = (y.get()?, gradient.get()?);
        let for_x = written(y.len(), TASK, |at, target| {
            let range = at * TASK..at * TASK + target.len();
            let (positive, gradient) = (&y[range.clone()], &gradient[range]);
            dispatch(PositiveGradient { positive, gradient, target })
        });
        Ok(vec![Some(Tensor::from_vec(for_x, pass.output.shape(), pass.output.device())?)])
    })
}
