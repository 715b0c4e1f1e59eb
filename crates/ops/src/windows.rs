//! Windows that slide over an image.

/// The windows of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Pixels on each side of a window.
    pub kernel: usize,
    /// The distance of two windows.
    pub stride: usize,
    /// The distance of two pixels of a window.
    pub dilation: usize,
    /// How far the first window stands out of the image, above and to the left.
    pub padding: usize,
}

impl Windows {
    /// The distance of the first and last pixel of a window.
    fn span(&self) -> usize {
        (self.kernel - 1) * self.dilation
    }

    /// How far the last of `count` windows stands out of an axis of this size.
    fn behind(&self, size: usize, count: usize) -> usize {
        let end = (count.max(1) - 1) * self.stride + self.span();
        end.saturating_sub(self.padding + size.max(1) - 1)
    }

    /// The margin that an image of this size needs for so many windows a row and a column.
    pub fn margin(&self, height: usize, width: usize, rows: usize, columns: usize) -> usize {
        self.padding.max(self.behind(height, rows)).max(self.behind(width, columns))
    }

    /// For the pixels whose position has the remainder `phase` to the stride: which taps of which
    /// windows lie on them, as the tap and the distance of the window's number from `position /
    /// stride`.
    pub(crate) fn taps_on(&self, phase: usize) -> impl Iterator<Item = (usize, isize)> {
        let Self { kernel, stride, dilation, padding } = *self;
        (0..kernel).filter_map(move |tap| {
            let distance = (phase + padding) as isize - (tap * dilation) as isize;
            let stride = stride as isize;
            (distance.rem_euclid(stride) == 0).then(|| (tap, distance.div_euclid(stride)))
        })
    }

    /// The margin that the gradient of the output needs.
    pub fn gradient_margin(&self, size: usize, count: usize) -> usize {
        let mut margin = 0;
        for phase in 0..self.stride.min(size) {
            let last = (size - 1 - phase) / self.stride;
            for (_, distance) in self.taps_on(phase) {
                let behind = last as isize + distance - (count as isize - 1);
                margin = margin.max(-distance).max(behind);
            }
        }
        margin.unsigned_abs()
    }
}
