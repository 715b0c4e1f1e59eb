//! What a program is made of.

use std::ops::Range;

use candle_core::Var;
use nascent_ops::convolution::Convolution;
use nascent_ops::kernel::Write;
use nascent_ops::layout::Planes;
use nascent_ops::windows::Windows;

use super::drop_path::DropPath;
use super::halving::Halving;
use super::mask::Mask;
use super::select::Select;
use crate::Result;
use crate::nn::Activation;

/// A batch of images in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Image(pub(super) usize);

/// Some channels of an image in memory, which may be all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The image that has memory of its own.
    pub(super) of: Image,
    /// The first channel.
    pub(super) first: usize,
}

/// A batch of rows of features in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rows(pub(super) usize);

/// A gradient to be written, or added to what an earlier step wrote.
pub(super) type Gradient = (Image, Write);

/// One step forward, with what its step backward needs.
#[derive(Debug)]
pub(super) enum Step {
    Convolution(Windowed<Box<Convolutions>>),
    Depthwise(Windowed<Windows>),
    Halving(Halving),
    Select(Select),
    DropPath(DropPath),
    Mask(Mask),
    AveragePool(Windowed<Windows>),
    MaxPool(Windowed<Windows>),
    Join(Join),
    /// Those of `xs` that lie in their place in `y` are not copied.
    Concat {
        xs: Vec<(Image, Option<Gradient>)>,
        y: Image,
        dy: Option<Image>,
    },
    GlobalAverage {
        x: Image,
        y: Rows,
        dx: Option<Gradient>,
    },
    Flatten {
        x: Image,
        y: Rows,
        dx: Option<Gradient>,
    },
    Linear {
        x: Rows,
        y: Rows,
        weight: Range<usize>,
        bias: Range<usize>,
        is_first: bool,
    },
    Activation {
        x: Rows,
        y: Rows,
        kind: Activation,
    },
    NormRows {
        x: Rows,
        y: Rows,
        norm: usize,
    },
    LayerNorm {
        x: Rows,
        y: Rows,
        scale: Range<usize>,
        shift: Range<usize>,
    },
    Dropout {
        x: Rows,
        y: Rows,
        mask: Rows,
        rate: f64,
    },
}

/// A convolution in its three directions: the images of each have margins of their own.
#[derive(Debug)]
pub(super) struct Convolutions {
    /// From inputs to outputs.
    pub(super) forward: Convolution,
    /// From inputs to the gradients of the outputs.
    pub(super) weights: Convolution,
    /// From the gradients of the inputs to those of the outputs.
    pub(super) inputs: Convolution,
}

impl Convolutions {
    /// For images of these shapes, and gradients of these.
    ///
    /// # Errors
    /// As [`Convolution::new`].
    pub(super) fn new(
        [x, y]: [Planes; 2],
        [dx, dy]: [Planes; 2],
        windows: Windows,
    ) -> Result<Self> {
        let between = |x, y| Convolution::new(x, y, windows, 1);
        Ok(Self { forward: between(x, y)?, weights: between(x, dy)?, inputs: between(dx, dy)? })
    }
}

/// A step that slides windows over an image.
#[derive(Debug)]
pub(super) struct Windowed<K> {
    pub(super) x: Image,
    pub(super) y: Image,
    /// Where its weights are; empty without weights.
    pub(super) weight: Range<usize>,
    pub(super) kernel: K,
    pub(super) dy: Option<Image>,
    pub(super) dx: Option<Gradient>,
}

/// The sum of images, some of them normalized, and its positive part.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) terms: Vec<Term>,
    pub(super) sum: Option<Image>,
    pub(super) positive: Option<Image>,
    /// The gradients that reach the sum and the positive part, and where both together are.
    pub(super) from_sum: Option<Image>,
    pub(super) from_positive: Option<Image>,
    pub(super) total: Option<Image>,
}

impl Join {
    pub(super) fn of(terms: Vec<Term>) -> Self {
        let (sum, positive, total) = (None, None, None);
        Self { terms, sum, positive, from_sum: None, from_positive: None, total }
    }
}

/// A term of a join.
#[derive(Debug)]
pub(super) struct Term {
    pub(super) x: Image,
    /// Its normalization, if it has one.
    pub(super) norm: Option<usize>,
    /// The coefficient that multiplies it, if one does.
    pub(super) coefficient: Option<usize>,
    /// Whether something reads the image that goes on where that coefficient is 0.
    pub(super) is_shared: bool,
    pub(super) dx: Option<Gradient>,
}

/// A batch normalization of a program.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) channels: usize,
    pub(super) scale: Range<usize>,
    pub(super) shift: Range<usize>,
    pub(super) mean: Var,
    pub(super) variance: Var,
}

/// A network as steps, without memory.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    /// How many of the steps the output needs; the others are for the auxiliary logits.
    pub(super) main: usize,
    /// The shape of each image.
    pub(super) planes: Vec<Planes>,
    /// What each image is a part of.
    pub(super) parts: Vec<Part>,
    /// The memory of each image.
    pub(super) slots: Vec<usize>,
    /// The shape of each piece of memory.
    pub(super) memory: Vec<Planes>,
    /// The widths of rows; each has a gradient, that of the one step that uses it.
    pub(super) rows: Vec<usize>,
    pub(super) norms: Vec<Norm>,
    /// Where the input of the network goes.
    pub(super) input: Place,
    pub(super) output: Rows,
    /// Logits beside the output, for the loss alone.
    pub(super) auxiliary: Option<Rows>,
    /// Where each parameter is among all of them; none for those that nothing depends on.
    pub(super) parameters: Vec<Option<Range<usize>>>,
    /// For each step the coefficient that multiplies all that comes of it, if there is one: where
    /// that is 0, the step is left out; and the gradients that zeros are written to then.
    pub(super) owners: Vec<(Option<usize>, Vec<Image>)>,
    /// The normalizations whose scale and shift stay as they are.
    pub(super) frozen: Vec<usize>,
    /// How many coefficients there are.
    pub(super) coefficients: usize,
}

/// Where a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Image(Image),
    Rows(Rows),
}

/// In which pass a step looks at an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Forward,
    Backward,
    Both,
}

impl<K> Windowed<K> {
    fn images(&self, x: When, y: When, see: &mut impl FnMut(Image, When)) {
        see(self.x, x);
        see(self.y, y);
        let gradients = self.dy.into_iter().chain(self.dx.map(|(dx, _)| dx));
        gradients.for_each(|image| see(image, When::Backward));
    }
}

impl Step {
    /// The images that it computes.
    pub(super) fn outputs(&self) -> impl Iterator<Item = Image> {
        let (first, second) = match self {
            Self::Convolution(step) => (Some(step.y), None),
            Self::Depthwise(step) | Self::AveragePool(step) | Self::MaxPool(step) => {
                (Some(step.y), None)
            }
            Self::Halving(step) => (Some(step.y), None),
            Self::Select(step) => (Some(step.y), None),
            Self::DropPath(step) => (Some(step.y), None),
            Self::Mask(step) => (Some(step.y), None),
            Self::Join(join) => (join.sum, join.positive),
            Self::Concat { y, .. } => (Some(*y), None),
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Names every image that it computes something of, and the coefficient that multiplies it.
    pub(super) fn inputs(&self, mut see: impl FnMut(Image, Option<usize>)) {
        match self {
            Self::Convolution(step) => see(step.x, None),
            Self::Depthwise(step) | Self::AveragePool(step) | Self::MaxPool(step) => {
                see(step.x, None);
            }
            Self::Halving(step) => see(step.x, None),
            Self::Select(step) => see(step.x, None),
            Self::DropPath(step) => see(step.x, None),
            Self::Mask(step) => see(step.x, None),
            Self::Join(join) => join.terms.iter().for_each(|term| see(term.x, term.coefficient)),
            Self::Concat { xs, .. } => xs.iter().for_each(|(x, _)| see(*x, None)),
            Self::GlobalAverage { x, .. } | Self::Flatten { x, .. } => see(*x, None),
            Self::Linear { .. }
            | Self::Activation { .. }
            | Self::NormRows { .. }
            | Self::LayerNorm { .. }
            | Self::Dropout { .. } => {}
        }
    }

    /// Names every image with its gradient, where it computes one.
    pub(super) fn gradients(&self, mut see: impl FnMut(Image, Gradient)) {
        let one = |x: Image, dx: Option<Gradient>| dx.map(|dx| (x, dx));
        let mut see = |found: Option<(Image, Gradient)>| {
            if let Some((x, dx)) = found {
                see(x, dx);
            }
        };
        match self {
            Self::Convolution(step) => see(one(step.x, step.dx)),
            Self::Depthwise(step) | Self::AveragePool(step) | Self::MaxPool(step) => {
                see(one(step.x, step.dx));
            }
            Self::Halving(step) => see(one(step.x, step.dx)),
            Self::Select(step) => see(one(step.x, step.dx)),
            Self::DropPath(step) => see(one(step.x, step.dx)),
            Self::Mask(step) => see(one(step.x, step.dx)),
            Self::Join(join) => join.terms.iter().for_each(|term| see(one(term.x, term.dx))),
            Self::Concat { xs, .. } => xs.iter().for_each(|(x, dx)| see(one(*x, *dx))),
            Self::GlobalAverage { x, dx, .. } | Self::Flatten { x, dx, .. } => see(one(*x, *dx)),
            Self::Linear { .. }
            | Self::Activation { .. }
            | Self::NormRows { .. }
            | Self::LayerNorm { .. }
            | Self::Dropout { .. } => {}
        }
    }

    /// Names every image that it looks at.
    pub(super) fn images(&self, mut see: impl FnMut(Image, When)) {
        match self {
            Self::Convolution(step) => step.images(When::Both, When::Forward, &mut see),
            Self::Depthwise(step) => step.images(When::Both, When::Forward, &mut see),
            Self::Halving(step) => {
                see(step.x, When::Both);
                see(step.y, When::Forward);
                let gradients = step.dy.into_iter().chain(step.dx.map(|(dx, _)| dx));
                gradients.for_each(|image| see(image, When::Backward));
            }
            Self::Select(Select { x, y, dy, dx, .. })
            | Self::DropPath(DropPath { x, y, dy, dx, .. }) => {
                see(*x, When::Forward);
                see(*y, When::Forward);
                let gradients = dy.iter().copied().chain(dx.map(|(dx, _)| dx));
                gradients.for_each(|image| see(image, When::Backward));
            }
            Self::Mask(step) => {
                see(step.x, When::Both);
                see(step.y, When::Forward);
                let gradients = step.dy.into_iter().chain(step.dx.map(|(dx, _)| dx));
                gradients.for_each(|image| see(image, When::Backward));
            }
            Self::AveragePool(step) => step.images(When::Forward, When::Forward, &mut see),
            Self::MaxPool(step) => step.images(When::Both, When::Both, &mut see),
            Self::Join(join) => {
                for term in &join.terms {
                    let both = term.norm.is_some() || term.coefficient.is_some();
                    see(term.x, if both { When::Both } else { When::Forward });
                    if let Some((dx, _)) = term.dx {
                        see(dx, When::Backward);
                    }
                }
                if let Some(image) = join.sum {
                    see(image, When::Forward);
                }
                if let Some(image) = join.positive {
                    see(image, When::Both);
                }
                let gradients = [join.from_sum, join.from_positive, join.total];
                gradients.into_iter().flatten().for_each(|image| see(image, When::Backward));
            }
            Self::Concat { xs, y, dy } => {
                see(*y, When::Forward);
                for (x, dx) in xs {
                    see(*x, When::Forward);
                    if let Some((dx, _)) = dx {
                        see(*dx, When::Backward);
                    }
                }
                if let Some(image) = dy {
                    see(*image, When::Backward);
                }
            }
            Self::GlobalAverage { x, dx, .. } | Self::Flatten { x, dx, .. } => {
                see(*x, When::Forward);
                if let Some((dx, _)) = dx {
                    see(*dx, When::Backward);
                }
            }
            Self::Linear { .. }
            | Self::Activation { .. }
            | Self::NormRows { .. }
            | Self::LayerNorm { .. }
            | Self::Dropout { .. } => {}
        }
    }
}
