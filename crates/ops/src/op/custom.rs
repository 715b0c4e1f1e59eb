//! What joins kernels to candle: numbers of tensors, and operations with a gradient of our own.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::{Mutex, Once, PoisonError};

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Error, Layout, Result, Shape,
    Storage, StorageRef, Tensor, WithDType, bail,
};
use rayon::prelude::*;

use super::vjp::{self, Vjp};
use crate::simd::Element;

/// A kind of number that both candle and the kernels know.
pub(super) trait Number: Element + WithDType {
    /// Its exponential.
    fn exponential(self) -> Self;
}

impl Number for f32 {
    fn exponential(self) -> Self {
        self.exp()
    }
}

impl Number for f64 {
    fn exponential(self) -> Self {
        self.exp()
    }
}

/// Has the allocator keep the memory of tensors that are dropped.
///
/// glibc gives large pieces of memory back to the system at once, and has to have them zeroed, page
/// by page, when the next tensor needs them: that takes several times as long as a ReLU of it. How
/// large is large it learns from what is freed, up to 32 MiB. So it is shown such a piece, once.
/// Other allocators take no notice.
fn keep_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(std::hint::black_box(vec![0_u8; (32 << 20) - (64 << 10)])));
}

thread_local! {
    static BY_REFERENCE: Cell<bool> = const { Cell::new(false) };
}

/// Has every operation that this thread calls in `work` composed of tensor operations, as on a GPU:
/// to find out what that computes where there is none, and for nothing else, as it is slow.
pub fn by_reference<T>(work: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            BY_REFERENCE.set(self.0);
        }
    }
    let _before = Before(BY_REFERENCE.replace(true));
    work()
}

/// Who computes an operation on some tensors.
pub(super) enum Way {
    /// The kernels, with `f32`.
    F32,
    /// The kernels, with `f64`.
    F64,
    /// candle.
    Reference,
}

impl Way {
    /// The kernels, where all tensors are on the CPU and of one kind of number that they know.
    pub(super) fn of(tensors: &[&Tensor]) -> Self {
        let all = |dtype| {
            let known = |tensor: &&Tensor| {
                matches!(tensor.device(), Device::Cpu) && tensor.dtype() == dtype
            };
            tensors.iter().all(known)
        };
        keep_memory();
        if BY_REFERENCE.get() {
            Self::Reference
        } else if all(DType::F32) {
            Self::F32
        } else if all(DType::F64) {
            Self::F64
        } else {
            Self::Reference
        }
    }
}

/// The numbers of a contiguous tensor on the CPU.
pub(super) struct Numbers<'a, E> {
    storage: StorageRef<'a>,
    start: usize,
    end: usize,
    kind: std::marker::PhantomData<E>,
}

impl<'a, E: Number> Numbers<'a, E> {
    pub(super) fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("a tensor is contiguous before its numbers are read");
        };
        Ok(Self { storage, start, end, kind: std::marker::PhantomData })
    }

    pub(super) fn get(&self) -> Result<&[E]> {
        match &*self.storage {
            Storage::Cpu(storage) => Ok(&E::cpu_storage_as_slice(storage)?[self.start..self.end]),
            _ => bail!("the numbers of a tensor on another device cannot be read"),
        }
    }
}

/// So many numbers, chunk by chunk in parallel; nothing is written before `write` does. It is given
/// the number of a chunk, and gives the chunk back, written.
///
/// # Panics
/// If it gives something else back.
pub(super) fn written<E: Number>(
    len: usize,
    chunk: usize,
    write: impl for<'a> Fn(usize, &'a mut [MaybeUninit<E>]) -> &'a mut [E] + Sync,
) -> Vec<E> {
    let beside = vec![(); len.div_ceil(chunk)];
    written_beside(len, chunk, beside, |at, (), room| write(at, room))
}

/// As [`written`], with something else for each chunk.
///
/// # Panics
/// As [`written`], or if there is not something for each chunk.
pub(super) fn written_beside<E: Number, I>(
    len: usize,
    chunk: usize,
    beside: I,
    write: impl for<'a> Fn(usize, I::Item, &'a mut [MaybeUninit<E>]) -> &'a mut [E] + Sync,
) -> Vec<E>
where
    I: IntoParallelIterator<Iter: IndexedParallelIterator>,
{
    let mut numbers = Vec::with_capacity(len);
    let room = &mut numbers.spare_capacity_mut()[..len];
    let beside = beside.into_par_iter();
    assert_eq!(beside.len(), len.div_ceil(chunk), "something for each chunk");
    room.par_chunks_mut(chunk).zip(beside).enumerate().for_each(|(at, (room, beside))| {
        let (start, size) = (room.as_ptr(), room.len());
        let written = write(at, beside, room);
        assert!(written.as_ptr() == start.cast() && written.len() == size, "a chunk is written");
    });
    #[expect(unsafe_code, reason = "to write zeros first would take as long as a small operation")]
    // SAFETY: the chunks are all of the first `len` numbers, for which there is room: none is left
    // out, because there is something beside each, as asserted above. And of each it is asserted that there was a slice of as many numbers in its place: they are initialized.
    unsafe {
        numbers.set_len(len);
    }
    numbers
}

/// What a gradient is computed of.
pub(super) struct Pass<'a> {
    /// The inputs of the operation.
    pub(super) inputs: &'a [&'a Tensor],
    /// Its output.
    pub(super) output: &'a Tensor,
    /// The gradient of the output, contiguous.
    pub(super) gradient: &'a Tensor,
    /// The inputs whose gradient is needed.
    pub(super) wanted: &'a [bool],
}

/// The gradients of the inputs; `None` where none is wanted.
pub(super) type Gradients = Vec<Option<Tensor>>;

/// An output that was computed of one to three inputs, with this gradient.
///
/// candle asks a custom operation to compute its output of its inputs. Here it is there already,
/// and is only handed over, without a copy.
pub(super) fn record<E: Number>(
    name: &'static str,
    inputs: &[&Tensor],
    output: Vec<E>,
    shape: impl Into<Shape>,
    backward: impl Fn(&Pass<'_>) -> Result<Gradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    let shape = shape.into();
    if !inputs.iter().any(|input| input.track_op()) {
        return Tensor::from_vec(output, shape, &Device::Cpu);
    }
    if vjp::is_kept() {
        let output = Tensor::from_vec(output, shape, &Device::Cpu)?;
        let inputs = inputs.iter().copied().cloned().collect();
        vjp::keep(Vjp { inputs, output: output.clone(), backward: Box::new(backward) });
        return Ok(output);
    }
    let output = Mutex::new(Some((E::to_cpu_storage_owned(output), shape)));
    let op = Recorded { name, output, backward };
    match inputs {
        [a] => a.apply_op1(op),
        [a, b] => a.apply_op2(b, op),
        [a, b, c] => a.apply_op3(b, c, op),
        _ => bail!("{name} has {} inputs", inputs.len()),
    }
}

struct Recorded<B> {
    name: &'static str,
    output: Mutex<Option<(CpuStorage, Shape)>>,
    backward: B,
}

impl<B: Fn(&Pass<'_>) -> Result<Gradients>> Recorded<B> {
    /// The output, once.
    fn take(&self) -> Result<(CpuStorage, Shape)> {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner).take();
        output.ok_or_else(|| Error::Msg(format!("{} was asked for its output twice", self.name)))
    }

    fn gradients<const N: usize>(
        &self,
        inputs: [&Tensor; N],
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; N]> {
        let gradient = &gradient.contiguous()?;
        let wanted = &inputs.map(Tensor::track_op);
        let gradients = (self.backward)(&Pass { inputs: &inputs, output, gradient, wanted })?;
        let mut gradients = gradients.into_iter();
        Ok(std::array::from_fn(|_| gradients.next().flatten()))
    }
}

impl<B: Fn(&Pass<'_>) -> Result<Gradients>> CustomOp1 for Recorded<B> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.take()
    }

    fn bwd(&self, a: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.gradients([a], output, gradient)?;
        Ok(a)
    }
}

impl<B: Fn(&Pass<'_>) -> Result<Gradients>> CustomOp2 for Recorded<B> {
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
        self.take()
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

impl<B: Fn(&Pass<'_>) -> Result<Gradients>> CustomOp3 for Recorded<B> {
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
        self.take()
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
