//! Operations with a gradient of our own, composed of tensor operations like their value.

use std::sync::{Mutex, PoisonError};

use candle_core::backend::BackendStorage as _;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Error, Layout, MetalStorage, Result,
    Shape, Storage, Tensor,
};

/// The gradients of the inputs, given the inputs, the output, and the gradient of the output. What
/// it is given is detached, so that nothing is recorded; `None` where no gradient is needed.
pub(crate) trait Backward:
    Fn(&[Tensor], &Tensor, &Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static
{
}
impl<F> Backward for F where
    F: Fn(&[Tensor], &Tensor, &Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static
{
}

/// Gives `output`, which was computed of one to three detached inputs, this gradient.
///
/// candle's automatic gradient of a composition stores every intermediate tensor and adds each
/// contribution to a zero tensor of its own. One gradient for the whole saves most of both, and
/// stays free of device code: the price is one copy of the output.
pub(crate) fn with_gradient<B: Backward>(
    name: &'static str,
    inputs: &[&Tensor],
    output: &Tensor,
    backward: B,
) -> Result<Tensor> {
    if inputs.iter().all(|input| !input.track_op()) {
        return Ok(output.clone());
    }
    let output = Mutex::new(Some(output.contiguous()?));
    let op = WithGradient { name, output, backward };
    match inputs {
        [a] => a.apply_op1(op),
        [a, b] => a.apply_op2(b, op),
        [a, b, c] => a.apply_op3(b, c, op),
        _ => Err(Error::Msg(format!("{name} has {} inputs", inputs.len()))),
    }
}

struct WithGradient<B> {
    name: &'static str,
    output: Mutex<Option<Tensor>>,
    backward: B,
}

impl<B: Backward> WithGradient<B> {
    /// The computed value, once.
    fn take<S>(&self, clone: impl FnOnce(&Storage) -> Result<S>) -> Result<(S, Shape)> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(output) = output.take() else {
            return Err(Error::Msg(format!("{} was asked for its value twice", self.name)));
        };
        let output = match output.layout().start_offset() {
            0 => output,
            _ => output.force_contiguous()?,
        };
        let (storage, layout) = output.storage_and_layout();
        Ok((clone(&storage)?, layout.shape().clone()))
    }

    fn cpu(&self) -> Result<(CpuStorage, Shape)> {
        self.take(|storage| match storage {
            Storage::Cpu(storage) => Ok(storage.clone()),
            _ => Err(elsewhere(self.name)),
        })
    }

    fn cuda(&self, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        self.take(|storage| match storage {
            Storage::Cuda(storage) => storage.try_clone(layout),
            _ => Err(elsewhere(self.name)),
        })
    }

    fn metal(&self, layout: &Layout) -> Result<(MetalStorage, Shape)> {
        self.take(|storage| match storage {
            Storage::Metal(storage) => storage.try_clone(layout),
            _ => Err(elsewhere(self.name)),
        })
    }

    fn gradients<const N: usize>(
        &self,
        inputs: [&Tensor; N],
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; N]> {
        let tracked = inputs.map(Tensor::track_op);
        let inputs = inputs.map(Tensor::detach);
        let gradient = gradient.detach().contiguous()?;
        let gradients = (self.backward)(&inputs, &output.detach(), &gradient)?;
        let mut result = std::array::from_fn(|_| None);
        for (at, gradient) in gradients.into_iter().enumerate().take(N) {
            if tracked[at] {
                result[at] = gradient;
            }
        }
        Ok(result)
    }
}

fn elsewhere(name: &str) -> Error {
    Error::Msg(format!("{name} was computed on another device than its inputs"))
}

impl<B: Backward> CustomOp1 for WithGradient<B> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }
    fn cuda_fwd(&self, _: &CudaStorage, l: &Layout) -> Result<(CudaStorage, Shape)> {
        self.cuda(l)
    }
    fn metal_fwd(&self, _: &MetalStorage, l: &Layout) -> Result<(MetalStorage, Shape)> {
        self.metal(l)
    }
    fn bwd(&self, a: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.gradients([a], output, gradient)?;
        Ok(a)
    }
}

impl<B: Backward> CustomOp2 for WithGradient<B> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        l: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.cuda(l)
    }
    fn metal_fwd(
        &self,
        _: &MetalStorage,
        l: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.metal(l)
    }
    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.gradients([a, b], output, gradient)?;
        Ok((a, b))
    }
}

impl<B: Backward> CustomOp3 for WithGradient<B> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        l: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.cuda(l)
    }
    fn metal_fwd(
        &self,
        _: &MetalStorage,
        l: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.metal(l)
    }
    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.gradients([a, b, c], output, gradient)?;
        Ok((a, b, c))
    }
}
