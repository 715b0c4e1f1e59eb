//! Convolutions and poolings as networks have them: with so many windows as the stride fits.
//!
//! For odd kernels that is a padding of `kernel / 2` on both sides. An even kernel would need one
//! pixel more behind the image than before it; where the windows reach so far, it is put there.

use candle_core::{Result, Tensor};
use nascent_ops::op::{Conv2d, Pool2d, avg_pool2d, conv2d, max_pool2d};

/// The windows of a convolution or pooling along one axis. As many as `size / stride`, rounded up;
/// for an odd kernel they lie as with a padding of `kernel / 2` on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The width of a window.
    pub kernel: usize,
    /// The distance of two windows.
    pub stride: usize,
}

impl Window {
    /// The number of windows on an axis of this size.
    pub fn count(self, size: usize) -> usize {
        size.div_ceil(self.stride)
    }

    /// How far the first window stands out.
    pub(crate) fn padding(self) -> usize {
        (self.kernel - 1) / 2
    }

    /// Whether the last window needs a pixel more than such a padding on both sides gives.
    fn stands_out(self, size: usize) -> bool {
        let end = (self.count(size) - 1) * self.stride + self.kernel;
        end > size + 2 * self.padding()
    }

    /// Images `[batch, channels, height, width]`, with a row or column more, which `pad` adds behind
    /// an axis, where the windows need it; `None` where they do not.
    fn extended(
        self,
        x: &Tensor,
        pad: impl Fn(&Tensor, usize) -> Result<Tensor>,
    ) -> Result<Option<Tensor>> {
        let mut extended = None;
        for axis in [2, 3] {
            if self.stands_out(x.dim(axis)?) {
                extended = Some(pad(extended.as_ref().unwrap_or(x), axis)?);
            }
        }
        Ok(extended)
    }

    fn pool(self) -> Pool2d {
        let Self { kernel, stride } = self;
        Pool2d { kernel, stride, padding: self.padding(), count_padding: false }
    }

    /// A convolution of images `[batch, channels, height, width]` with weights `[outputs, channels,
    /// kernel, kernel]`, or of each channel with its own, `[channels, 1, kernel, kernel]`.
    pub(super) fn convolution(
        self,
        x: &Tensor,
        weight: &Tensor,
        depthwise: bool,
    ) -> Result<Tensor> {
        let groups = if depthwise { weight.dim(0)? } else { 1 };
        let config = Conv2d { stride: self.stride, padding: self.padding(), dilation: 1, groups };
        let extended = self.extended(x, zeros_behind)?;
        conv2d(extended.as_ref().unwrap_or(x), weight, None, config)
    }

    /// The mean of each window, of what is in the image.
    pub(super) fn average(self, x: &Tensor) -> Result<Tensor> {
        let Some(extended) = self.extended(x, zeros_behind)? else {
            return avg_pool2d(x, self.pool());
        };
        // The zeros are divided out again.
        let (_, _, height, width) = x.dims4()?;
        let ones = Tensor::ones((1, 1, height, width), x.dtype(), x.device())?;
        let ones = self.extended(&ones, zeros_behind)?.unwrap_or(ones);
        avg_pool2d(&extended, self.pool())?.broadcast_div(&avg_pool2d(&ones, self.pool())?)
    }

    /// The largest value of each window.
    pub(super) fn largest(self, x: &Tensor) -> Result<Tensor> {
        // A window that covers a repeated row or column also covers the one that is repeated.
        let extended = self.extended(x, |x, axis| x.pad_with_same(axis, 0, 1))?;
        max_pool2d(extended.as_ref().unwrap_or(x), self.pool())
    }
}

fn zeros_behind(x: &Tensor, axis: usize) -> Result<Tensor> {
    x.pad_with_zeros(axis, 0, 1)
}
