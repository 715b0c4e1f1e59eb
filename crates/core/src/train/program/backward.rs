//! Where the gradients of a program go, and how wide the margins are that they need.

use std::collections::HashMap;

use nascent_ops::convolution::Convolution;
use nascent_ops::kernel::Write;

use super::compile::Compiler;
use super::step::{Convolutions, Gradient, Image, Part, Step, Windowed};
use crate::Result;

impl Compiler<'_> {
    /// Gives gradients their images, in the order of the backward pass.
    pub(super) fn gradients(&mut self) {
        let mut gradients: HashMap<Image, Image> = HashMap::new();
        let mut steps = std::mem::take(&mut self.steps);
        for step in steps.iter_mut().rev() {
            match step {
                Step::Convolution(step) => self.windowed_gradients(step, &mut gradients),
                Step::Depthwise(step) | Step::AveragePool(step) | Step::MaxPool(step) => {
                    self.windowed_gradients(step, &mut gradients);
                }
                Step::Halving(step) => {
                    step.dy = gradients.get(&step.y).copied();
                    if step.dy.is_some() {
                        step.dx = self.gradient_of(step.x, &mut gradients);
                    }
                }
                Step::Select(step) => {
                    step.dy = gradients.get(&step.y).copied();
                    if step.dy.is_some() {
                        step.dx = self.gradient_of(step.x, &mut gradients);
                    }
                }
                Step::Mask(step) => {
                    step.dy = gradients.get(&step.y).copied();
                    if step.dy.is_some() {
                        step.dx = self.gradient_of(step.x, &mut gradients);
                    }
                }
                Step::DropPath(step) => {
                    step.dy = gradients.get(&step.y).copied();
                    if step.dy.is_some() {
                        step.dx = self.gradient_of(step.x, &mut gradients);
                    }
                }
                Step::Join(join) => {
                    join.from_sum = join.sum.and_then(|sum| gradients.get(&sum).copied());
                    join.from_positive = join.positive.and_then(|y| gradients.get(&y).copied());
                    join.total = match (join.from_sum, join.from_positive) {
                        (Some(sum), _) => Some(sum),
                        (None, Some(positive)) => Some(self.like(positive)),
                        (None, None) => None,
                    };
                    for term in &mut join.terms {
                        if join.total.is_some() {
                            term.dx = self.gradient_of(term.x, &mut gradients);
                        }
                    }
                }
                Step::Concat { xs, y, dy } => {
                    *dy = gradients.get(y).copied();
                    let mut first = 0;
                    for (x, dx) in xs {
                        let planes = self.planes[x.0];
                        if let Some(dy) = *dy {
                            let is_part = self.parts[x.0].of == *y;
                            if is_part && self.trained_images[x.0] && !gradients.contains_key(x) {
                                let part = Part { of: dy, first };
                                gradients.insert(*x, self.push_image(planes, part, false));
                            } else {
                                *dx = self.gradient_of(*x, &mut gradients);
                            }
                        }
                        first += planes.channels;
                    }
                }
                Step::GlobalAverage { x, dx, .. } | Step::Flatten { x, dx, .. } => {
                    *dx = self.gradient_of(*x, &mut gradients);
                }
                Step::Linear { .. }
                | Step::Activation { .. }
                | Step::NormRows { .. }
                | Step::LayerNorm { .. }
                | Step::Dropout { .. } => {}
            }
        }
        self.steps = steps;
    }

    fn windowed_gradients<K>(
        &mut self,
        step: &mut Windowed<K>,
        gradients: &mut HashMap<Image, Image>,
    ) {
        step.dy = gradients.get(&step.y).copied();
        if step.dy.is_some() {
            step.dx = self.gradient_of(step.x, gradients);
        }
    }

    fn like(&mut self, image: Image) -> Image {
        self.whole(self.planes[image.0], false)
    }

    /// Where the gradient of an image goes; `None` if nobody wants it.
    fn gradient_of(&mut self, image: Image, of: &mut HashMap<Image, Image>) -> Option<Gradient> {
        if !self.trained_images[image.0] {
            return None;
        }
        if let Some(known) = of.get(&image) {
            return Some((*known, Write::Add));
        }
        let gradient = self.like(image);
        of.insert(image, gradient);
        Some((gradient, Write::Set))
    }

    /// Widens margins to what the gradients need.
    pub(super) fn widen_margins(&mut self) {
        let steps = std::mem::take(&mut self.steps);
        for step in &steps {
            let (x, y, dy, windows) = match step {
                Step::Convolution(step) => (step.x, step.y, step.dy, step.kernel.forward.windows()),
                Step::Depthwise(step) => (step.x, step.y, step.dy, step.kernel),
                _ => continue,
            };
            if let Some(dy) = dy {
                let (from, to) = (self.planes[x.0], self.planes[y.0]);
                self.needs(dy, Convolution::gradient_margin(windows, from, to));
            }
        }
        self.steps = steps;
        for (planes, part) in std::iter::zip(&mut self.planes, &self.parts) {
            planes.margin = self.margins[part.of.0];
        }
    }

    /// Makes the convolutions for the margins that their images have in the end.
    pub(super) fn fit_convolutions(&mut self) -> Result<()> {
        for step in &mut self.steps {
            if let Step::Convolution(step) = step {
                let windows = step.kernel.forward.windows();
                let [x, y] = [step.x, step.y].map(|image| self.planes[image.0]);
                let dy = step.dy.map_or(y, |dy| self.planes[dy.0]);
                let dx = step.dx.map_or(x, |(dx, _)| self.planes[dx.0]);
                *step.kernel = Convolutions::new([x, y], [dx, dy], windows)?;
            }
        }
        Ok(())
    }
}
