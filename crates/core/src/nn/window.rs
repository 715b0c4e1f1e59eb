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

    /// How many pixels the last window needs beside those that such a padding on both sides gives,
    /// where the taps lie `dilation` pixels apart.
    fn missing(self, size: usize, dilation: usize) -> usize {
        let end = (self.count(size) - 1) * self.stride + dilation * (self.kernel - 1) + 1;
        end.saturating_sub(size + 2 * dilation * self.padding())
    }

    /// Images `[batch, channels, height, width]`, with some rows or columns more, which `pad` adds
    /// behind an axis, where the windows need them; `None` where they do not.
    fn extended(
        self,
        x: &Tensor,
        dilation: usize,
        pad: impl Fn(&Tensor, usize, usize) -> Result<Tensor>,
    ) -> Result<Option<Tensor>> {
        let mut extended = None;
        for axis in [2, 3] {
            let missing = self.missing(x.dim(axis)?, dilation);
            if missing > 0 {
                extended = Some(pad(extended.as_ref().unwrap_or(x), axis, missing)?);
            }
        }
        Ok(extended)
    }

    fn pool(self) -> Pool2d {
        let Self { kernel, stride } = self;
        Pool2d { kernel, stride, padding: self.padding(), count_padding: false }
    }

    /// A convolution of images `[batch, channels, height, width]` with weights `[outputs,
    /// channels / groups, kernel, kernel]`, whose taps lie `dilation` pixels apart.
    pub(super) fn convolution(
        self,
        x: &Tensor,
        weight: &Tensor,
        groups: usize,
        dilation: usize,
    ) -> Result<Tensor> {
        let (stride, padding) = (self.stride, dilation * self.padding());
        let config = Conv2d { stride, padding, dilation, groups };
        let extended = self.extended(x, dilation, zeros_behind)?;
        conv2d(extended.as_ref().unwrap_or(x), weight, None, config)
    }

    /// The mean of each window, of what is in the image.
    pub(super) fn average(self, x: &Tensor) -> Result<Tensor> {
        let Some(extended) = self.extended(x, 1, zeros_behind)? else {
            return avg_pool2d(x, self.pool());
        };
        // The zeros are divided out again.
        let (_, _, height, width) = x.dims4()?;
        let ones = Tensor::ones((1, 1, height, width), x.dtype(), x.device())?;
        let ones = self.extended(&ones, 1, zeros_behind)?.unwrap_or(ones);
        avg_pool2d(&extended, self.pool())?.broadcast_div(&avg_pool2d(&ones, self.pool())?)
    }

    /// The largest value of each window.
    pub(super) fn largest(self, x: &Tensor) -> Result<Tensor> {
        // A window that covers a repeated row or column also covers the one that is repeated.
        let extended = self.extended(x, 1, |x, axis, missing| x.pad_with_same(axis, 0, missing))?;
        max_pool2d(extended.as_ref().unwrap_or(x), self.pool())
    }
}

fn zeros_behind(x: &Tensor, axis: usize, missing: usize) -> Result<Tensor> {
    x.pad_with_zeros(axis, 0, missing)
}
