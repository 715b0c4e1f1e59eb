//! The gradient of one operation by itself, without candle's tape.

use std::cell::RefCell;

use candle_core::{Result, Tensor, bail};

use super::custom::{Gradients, Pass};

/// Computes the gradients of the inputs.
type Backward = dyn Fn(&Pass<'_>) -> Result<Gradients>;

/// The gradient of one operation, a vector-Jacobian product; see [`vjp`].
pub struct Vjp {
    pub(super) inputs: Vec<Tensor>,
    pub(super) output: Tensor,
    pub(super) backward: Box<Backward>,
}

impl Vjp {
    /// What the operation computed. No gradient goes through it.
    #[must_use]
    pub fn output(&self) -> &Tensor {
        &self.output
    }

    /// The gradients of the inputs, in the order of the operation's parameters, if that of the
    /// output is `gradient`; `None` for inputs that are no variables.
    ///
    /// # Errors
    /// If the shapes differ, or a gradient cannot be computed.
    pub fn gradients(&self, gradient: &Tensor) -> Result<Vec<Option<Tensor>>> {
        if gradient.shape() != self.output.shape() {
            let (is, should) = (gradient.shape(), self.output.shape());
            bail!("vjp: the gradient {is:?} does not fit the output {should:?}");
        }
        let inputs: Vec<&Tensor> = self.inputs.iter().collect();
        let wanted: Vec<bool> = inputs.iter().map(|input| input.track_op()).collect();
        let (output, gradient) = (&self.output, &gradient.contiguous()?);
        (self.backward)(&Pass { inputs: &inputs, output, gradient, wanted: &wanted })
    }
}

thread_local! {
    /// Inside of [`vjp`], the gradients of the operations so far.
    static KEPT: RefCell<Option<Vec<Vjp>>> = const { RefCell::new(None) };
}

/// Whether this thread is inside of [`vjp`].
pub(super) fn is_kept() -> bool {
    KEPT.with_borrow(Option::is_some)
}

/// Keeps the gradient of an operation for the [`vjp`] that this thread is in.
pub(super) fn keep(gradient: Vjp) {
    KEPT.with_borrow_mut(|kept| kept.get_or_insert_default().push(gradient));
}

/// Calls one operation of this module, and keeps its gradient instead of recording it for
/// [`Tensor::backward`].
///
/// candle's backward pass adds each gradient to zeros that it makes first, and begins with ones,
/// which may take longer than the operation. Whoever has the gradient of the output has those of the
/// inputs from here without that.
///
/// # Errors
/// If the operation fails, is not computed by the kernels (see [the module](super)), has no variable
/// among its inputs, or is not the only one.
pub fn vjp(operation: impl FnOnce() -> Result<Tensor>) -> Result<Vjp> {
    /// Ends the keeping, whatever happens.
    struct Before(Option<Vec<Vjp>>);
    impl Drop for Before {
        fn drop(&mut self) {
            KEPT.set(self.0.take());
        }
    }
    let before = Before(KEPT.replace(Some(Vec::new())));
    let output = operation()?;
    let mut kept = KEPT.take().unwrap_or_default();
    drop(before);
    match (kept.pop(), kept.len()) {
        (Some(gradient), 0) if gradient.output.id() == output.id() => Ok(gradient),
        _ => bail!("vjp: what was called is not one operation of variables alone"),
    }
}
