//! The linear layer: `y = x · weightᵀ + bias`.

use candle_core::{Result, Tensor, bail};

use super::custom::{Number, Numbers, Pass, Way, record};
use crate::matrix::{Matrix, add_rows, fill_rows, multiply};

/// The products of `[…, inputs]` with weights `[outputs, inputs]`, plus a bias `[outputs]`: `[…,
/// outputs]`.
///
/// # Errors
/// If the shapes do not fit.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check(x, weight, bias)?;
    let mut tensors = vec![x, weight];
    tensors.extend(bias);
    match Way::of(&tensors) {
        Way::F32 => with_kernels::<f32>(&tensors),
        Way::F64 => with_kernels::<f64>(&tensors),
        Way::Reference => linear_reference(x, weight, bias),
    }
}

/// [`linear`], composed of tensor operations.
///
/// # Errors
/// As [`linear`].
pub fn linear_reference(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check(x, weight, bias)?;
    let y = x.broadcast_matmul(&weight.to_dtype(x.dtype())?.t()?)?;
    match bias {
        Some(bias) => y.broadcast_add(&bias.to_dtype(x.dtype())?),
        None => Ok(y),
    }
}

fn check(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    let fits = match (x.dims(), weight.dims()) {
        ([_, .., inputs], [_, columns]) => inputs == columns && weight.elem_count() > 0,
        _ => false,
    };
    if !fits {
        bail!("linear: {:?} and weights {:?} do not fit", x.shape(), weight.shape());
    }
    match bias {
        Some(bias) if bias.dims() != &weight.dims()[..1] => {
            bail!("linear: weights {:?} with a bias {:?}", weight.shape(), bias.shape())
        }
        _ => Ok(()),
    }
}

fn with_kernels<E: Number>(inputs: &[&Tensor]) -> Result<Tensor> {
    let tensors = inputs.iter().map(|x| x.contiguous()).collect::<Result<Vec<_>>>()?;
    let numbers = tensors.iter().map(Numbers::<E>::of).collect::<Result<Vec<_>>>()?;
    let (outputs, columns) = tensors[1].dims2()?;
    let rows = tensors[0].elem_count() / columns;
    let mut y = vec![E::default(); rows * outputs];
    let mut keep = 0.0;
    if let Some(bias) = numbers.get(2) {
        fill_rows(bias.get()?, &mut y);
        keep = 1.0;
    }
    let x = Matrix::new(numbers[0].get()?, rows, columns);
    let weight = Matrix::new(numbers[1].get()?, outputs, columns).transposed();
    multiply(x, weight, <E as crate::simd::Element>::of(keep), &mut y);
    let mut shape = inputs[0].dims().to_vec();
    shape.pop();
    shape.push(outputs);
    record("linear", inputs, y, shape, move |pass| backward::<E>(pass, (rows, columns, outputs)))
}

fn backward<E: Number>(
    pass: &Pass<'_>,
    (rows, columns, outputs): (usize, usize, usize),
) -> Result<Vec<Option<Tensor>>> {
    let (x, weight) = (pass.inputs[0].contiguous()?, pass.inputs[1].contiguous()?);
    let (x, weight) = (Numbers::<E>::of(&x)?, Numbers::<E>::of(&weight)?);
    let numbers = Numbers::<E>::of(pass.gradient)?;
    let gradient = Matrix::new(numbers.get()?, rows, outputs);
    let zero = E::default();
    let mut gradients = Vec::new();
    for (at, (input, wanted)) in std::iter::zip(pass.inputs, pass.wanted).enumerate() {
        if !wanted {
            gradients.push(None);
            continue;
        }
        let mut target = vec![zero; input.elem_count()];
        match at {
            0 => {
                let weight = Matrix::new(weight.get()?, outputs, columns);
                multiply(gradient, weight, zero, &mut target);
            }
            1 => {
                let x = Matrix::new(x.get()?, rows, columns);
                multiply(gradient.transposed(), x, zero, &mut target);
            }
            _ => add_rows(numbers.get()?, &mut target),
        }
        gradients.push(Some(Tensor::from_vec(target, input.shape(), input.device())?));
    }
    Ok(gradients)
}
