//! From a trace to steps on buffers.
//!
//! Neighbors are fused: a sum takes in the normalizations that only it uses and writes its positive
//! part along, so that between two convolutions each pixel is written once. Images behind each other
//! are parts of one image where they can be, and then nothing is copied. Images of one size share
//! memory when one is done with before the other begins; the backward pass counts as the second half
//! of the time.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use candle_core::{TensorId, Var};
use nascent_ops::layout::Planes;
use nascent_ops::windows::Windows;

use super::drop_path::DropPath;
use super::halving::{self, Halving};
use super::mask::Mask;
use super::select::Select;
use super::step::{
    Convolutions, Image, Join, Norm, Part, Place, Rows, Step, Steps, Term, Windowed,
};
use super::trace::{NormVars, Op, Trace, Value};
use super::{memory, owners};
use crate::nn::{Activation, Parameter, Shape, Window};
use crate::{Error, Result};

/// The windows of a network: so many as the stride fits, those of an odd kernel around their pixel.
fn windows(window: Window, dilation: usize) -> Windows {
    let Window { kernel, stride } = window;
    let padding = dilation * window.padding();
    Windows { kernel, stride, dilation, padding }
}

pub(super) struct Compiler<'a> {
    trace: &'a Trace,
    parameters: HashMap<TensorId, Range<usize>>,
    used: HashSet<TensorId>,
    users: Vec<Vec<Value>>,
    output: Value,
    places: Vec<Option<Place>>,
    /// The join that made a value, as the position of its step.
    joins: HashMap<Value, usize>,
    /// Whether a gradient is wanted, by value and by image.
    trained: Vec<bool>,
    pub(super) trained_images: Vec<bool>,
    /// The images behind each other that a value is one of, and its first channel there.
    homes: HashMap<Value, (Value, usize)>,
    pub(super) planes: Vec<Planes>,
    pub(super) parts: Vec<Part>,
    pub(super) margins: Vec<usize>,
    pub(super) steps: Vec<Step>,
    /// How many of the steps the output needs; the others are for the auxiliary logits.
    main: usize,
    rows: Vec<usize>,
    norms: Vec<Norm>,
    zeros: Vec<Image>,
}

/// Compiles what was traced.
///
/// # Errors
/// If a convolution does not fit, which the network has checked.
pub(super) fn compile(trace: &Trace, output: Value, parameters: &[Parameter]) -> Result<Steps> {
    let live = live(trace, output);
    let mut users = vec![Vec::new(); trace.ops.len()];
    for (at, op) in trace.ops.iter().enumerate().filter(|(at, _)| live[*at]) {
        for x in op.inputs() {
            users[x.0].push(Value(at));
        }
    }
    let homes = homes(trace, &live, &users);
    let mut end = 0;
    let ranges = parameters.iter().map(|parameter| {
        let start = end;
        end += parameter.var.elem_count();
        (parameter.var.as_tensor().id(), start..end)
    });
    let mut compiler = Compiler {
        trace,
        parameters: ranges.collect(),
        used: HashSet::new(),
        users,
        output,
        places: vec![None; trace.ops.len()],
        joins: HashMap::new(),
        trained: trained(trace),
        trained_images: Vec::new(),
        homes,
        planes: Vec::new(),
        parts: Vec::new(),
        margins: Vec::new(),
        steps: Vec::new(),
        main: 0,
        rows: Vec::new(),
        norms: Vec::new(),
        zeros: Vec::new(),
    };
    for at in (0..trace.ops.len()).filter(|at| live[*at]) {
        compiler.lower(Value(at))?;
        if at <= output.0 {
            compiler.main = compiler.steps.len();
        }
    }
    compiler.finish(parameters)
}

/// Which operations the output depends on; the input is always there.
fn live(trace: &Trace, output: Value) -> Vec<bool> {
    let mut live = vec![false; trace.ops.len()];
    (live[0], live[output.0]) = (true, true);
    if let Some(auxiliary) = trace.auxiliary {
        live[auxiliary.0] = true;
    }
    for (at, op) in trace.ops.iter().enumerate().rev() {
        if live[at] {
            for x in op.inputs() {
                live[x.0] = true;
            }
        }
    }
    live
}

/// Which values depend on a weight.
fn trained(trace: &Trace) -> Vec<bool> {
    let mut trained: Vec<bool> = Vec::with_capacity(trace.ops.len());
    for op in &trace.ops {
        let own = matches!(
            op,
            Op::Convolution { .. }
                | Op::Depthwise { .. }
                | Op::Halving { .. }
                | Op::BatchNorm { .. }
                | Op::LayerNorm { .. }
                | Op::Linear { .. }
        ) || op.coefficients() > 0;
        trained.push(own || op.inputs().iter().any(|x| trained[x.0]));
    }
    trained
}

/// The values that can be computed where they stand behind each other: which images these are, and
/// the first channel there.
///
/// What is written in one step must not be part of the same image as something that is read in it.
/// So they are the results of joins, and nobody who reads them makes such a part of it, nor needs
/// them in one piece. A value that stands there twice is copied.
fn homes(trace: &Trace, live: &[bool], users: &[Vec<Value>]) -> HashMap<Value, (Value, usize)> {
    let mut homes = HashMap::new();
    for (at, op) in trace.ops.iter().enumerate().filter(|(at, _)| live[*at]) {
        let Op::Concat { xs } = op else { continue };
        let is_positive_of =
            |a: Value, b: Value| matches!(trace.ops[a.0], Op::Relu { x } if x == b);
        let mut first = 0;
        for x in xs {
            let joined =
                matches!(trace.ops[x.0], Op::Sum { .. } | Op::BatchNorm { .. } | Op::Relu { .. });
            let readable = users[x.0].iter().all(|user| {
                matches!(
                    trace.ops[user.0],
                    Op::Relu { .. }
                        | Op::Depthwise { .. }
                        | Op::Halving { .. }
                        | Op::AveragePool { .. }
                        | Op::MaxPool { .. }
                        | Op::Select { .. }
                        | Op::DropPath { .. }
                        | Op::Mask { .. }
                        | Op::Concat { .. }
                        | Op::GlobalAverage { .. }
                )
            });
            let apart = xs.iter().all(|y| !is_positive_of(*x, *y) && !is_positive_of(*y, *x));
            let once = xs.iter().filter(|y| *y == x).count() == 1;
            if joined && readable && apart && once {
                homes.entry(*x).or_insert((Value(at), first));
            }
            if let Shape::Image { channels, .. } = trace.shape(*x) {
                first += channels;
            }
        }
    }
    homes
}

fn unfit() -> Error {
    crate::nn::infeasible("an image is used as features, or features as an image")
}

impl Compiler<'_> {
    /// An image with memory of its own.
    pub(super) fn whole(&mut self, planes: Planes, trained: bool) -> Image {
        let image = Image(self.planes.len());
        self.push_image(planes, Part { of: image, first: 0 }, trained)
    }

    pub(super) fn push_image(&mut self, planes: Planes, part: Part, trained: bool) -> Image {
        self.planes.push(planes);
        self.parts.push(part);
        self.margins.push(0);
        self.trained_images.push(trained);
        Image(self.planes.len() - 1)
    }

    fn new_image(&mut self, value: Value) -> Result<Image> {
        let Shape::Image { channels, height, width } = self.trace.shape(value) else {
            return Err(unfit());
        };
        let planes = Planes { channels, height, width, margin: 0 };
        let trained = self.trained[value.0];
        let image = match self.homes.get(&value).copied() {
            Some((home, first)) => {
                let of = match self.places[home.0] {
                    Some(Place::Image(of)) => of,
                    _ => self.new_image(home)?,
                };
                self.push_image(planes, Part { of, first }, trained)
            }
            None => self.whole(planes, trained),
        };
        self.places[value.0] = Some(Place::Image(image));
        Ok(image)
    }

    fn new_rows(&mut self, value: Value) -> Rows {
        self.rows.push(self.trace.shape(value).len());
        let rows = Rows(self.rows.len() - 1);
        self.places[value.0] = Some(Place::Rows(rows));
        rows
    }

    fn image_of(&self, value: Value) -> Result<Image> {
        match self.places[value.0] {
            Some(Place::Image(image)) => Ok(image),
            _ => Err(unfit()),
        }
    }

    fn rows_of(&self, value: Value) -> Result<Rows> {
        match self.places[value.0] {
            Some(Place::Rows(rows)) => Ok(rows),
            _ => Err(unfit()),
        }
    }

    fn parameter(&mut self, var: &Var) -> Range<usize> {
        let id = var.as_tensor().id();
        self.used.insert(id);
        self.parameters.get(&id).cloned().unwrap_or(0..0)
    }

    pub(super) fn needs(&mut self, image: Image, margin: usize) {
        let known = &mut self.margins[self.parts[image.0].of.0];
        *known = margin.max(*known);
    }

    fn needs_windows<K>(&mut self, step: &Windowed<K>, windows: Windows) {
        let (from, to) = (self.planes[step.x.0], self.planes[step.y.0]);
        self.needs(step.x, windows.margin(from.height, from.width, to.height, to.width));
    }

    /// Whether only one sum uses a value, which then takes it in.
    fn is_taken_in(&self, value: Value) -> bool {
        let [user] = self.users[value.0][..] else { return false };
        value != self.output && matches!(self.trace.ops[user.0], Op::Sum { .. })
    }

    fn norm(&mut self, vars: &NormVars) -> usize {
        let (scale, shift) = (self.parameter(&vars.scale), self.parameter(&vars.shift));
        self.norms.push(Norm {
            channels: scale.len(),
            scale,
            shift,
            mean: vars.mean.clone(),
            variance: vars.variance.clone(),
        });
        self.norms.len() - 1
    }

    /// The term that a sum has of a value.
    fn term(&mut self, x: Value, coefficient: Option<usize>) -> Result<Term> {
        match &self.trace.ops[x.0] {
            Op::BatchNorm { x: normalized, norm } if self.places[x.0].is_none() => {
                let (x, norm) = (self.image_of(*normalized)?, Some(self.norm(norm)));
                Ok(Term { x, norm, coefficient, is_shared: true, dx: None })
            }
            _ => Ok(Term {
                x: self.image_of(x)?,
                norm: None,
                coefficient,
                is_shared: true,
                dx: None,
            }),
        }
    }

    /// Makes the join that computes `value`, with the sum itself only if someone looks at it.
    fn join(&mut self, value: Value, terms: Vec<Term>) -> Result<()> {
        let only_positive = value != self.output
            && !self.users[value.0].is_empty()
            && self.users[value.0]
                .iter()
                .all(|user| matches!(self.trace.ops[user.0], Op::Relu { .. }));
        let sum = if only_positive { None } else { Some(self.new_image(value)?) };
        self.joins.insert(value, self.steps.len());
        self.steps.push(Step::Join(Join { sum, ..Join::of(terms) }));
        Ok(())
    }

    fn windowed<K>(
        &mut self,
        x: Value,
        value: Value,
        weight: Range<usize>,
        kernel: K,
    ) -> Result<Windowed<K>> {
        let (x, y) = (self.image_of(x)?, self.new_image(value)?);
        Ok(Windowed { x, y, weight, kernel, dy: None, dx: None })
    }

    fn lower(&mut self, value: Value) -> Result<()> {
        let op = &self.trace.ops[value.0];
        match op {
            Op::Input => match self.trace.shape(value) {
                Shape::Image { .. } => {
                    self.new_image(value)?;
                }
                Shape::Features(_) => {
                    self.new_rows(value);
                }
            },
            Op::Zeros => {
                let image = self.new_image(value)?;
                self.zeros.push(image);
            }
            Op::Convolution { x, weight, window } => {
                let weight = self.parameter(weight);
                let windows = windows(*window, 1);
                let step = self.windowed(*x, value, weight, windows)?;
                self.needs_windows(&step, windows);
                // The margins are known in the end; then it is made anew.
                let Windowed { x, y, weight, .. } = step;
                let planes = [x, y].map(|image| self.planes[image.0]);
                let kernel = Box::new(Convolutions::new(planes, planes, windows)?);
                let step = Windowed { x, y, weight, kernel, dy: None, dx: None };
                self.steps.push(Step::Convolution(step));
            }
            Op::Depthwise { x, weight, window, dilation } => {
                let weight = self.parameter(weight);
                let windows = windows(*window, *dilation);
                let step = self.windowed(*x, value, weight, windows)?;
                self.needs_windows(&step, windows);
                self.steps.push(Step::Depthwise(step));
            }
            Op::Halving { x, weights: [first, second] } => {
                let weights = [self.parameter(first), self.parameter(second)];
                let (x, y) = (self.image_of(*x)?, self.new_image(value)?);
                self.needs(x, halving::margin(self.planes[x.0]));
                self.steps.push(Step::Halving(Halving { x, y, weights, dy: None, dx: None }));
            }
            Op::AveragePool { x, window } => {
                let step = self.windowed(*x, value, 0..0, windows(*window, 1))?;
                self.steps.push(Step::AveragePool(step));
            }
            Op::MaxPool { x, window } => {
                let step = self.windowed(*x, value, 0..0, windows(*window, 1))?;
                self.steps.push(Step::MaxPool(step));
            }
            Op::BatchNorm { x, norm } => {
                if let Some(Place::Rows(x)) = self.places[x.0] {
                    let (y, norm) = (self.new_rows(value), self.norm(norm));
                    self.steps.push(Step::NormRows { x, y, norm });
                } else if !self.is_taken_in(value) {
                    let (x, norm) = (self.image_of(*x)?, Some(self.norm(norm)));
                    self.join(
                        value,
                        vec![Term { x, norm, coefficient: None, is_shared: true, dx: None }],
                    )?;
                }
            }
            Op::Sum { xs, coefficients } => {
                let terms = std::iter::zip(xs, coefficients);
                let terms = terms.map(|(x, at)| self.term(*x, *at)).collect::<Result<_>>()?;
                self.join(value, terms)?;
            }
            Op::Relu { x } => self.lower_relu(*x, value)?,
            Op::Concat { xs } => {
                let xs =
                    xs.iter().map(|x| Ok((self.image_of(*x)?, None))).collect::<Result<_>>()?;
                let y = match self.places[value.0] {
                    Some(Place::Image(y)) => y,
                    _ => self.new_image(value)?,
                };
                self.steps.push(Step::Concat { xs, y, dy: None });
            }
            Op::DropPath { x, rate } => {
                let (x, y) = (self.image_of(*x)?, self.new_image(value)?);
                let (rate, factors) = (*rate, Vec::new());
                let step = DropPath { x, y, rate, factors, dy: None, dx: None };
                self.steps.push(Step::DropPath(step));
            }
            Op::Mask { x, first, widths } => {
                let (x, y) = (self.image_of(*x)?, self.new_image(value)?);
                let (first, widths) = (*first, widths.clone());
                self.steps.push(Step::Mask(Mask { x, y, first, widths, dy: None, dx: None }));
            }
            Op::Select { x, channels } => {
                let (x, y) = (self.image_of(*x)?, self.new_image(value)?);
                let channels = channels.clone();
                self.steps.push(Step::Select(Select { x, y, channels, dy: None, dx: None }));
            }
            Op::GlobalAverage { .. }
            | Op::Flatten { .. }
            | Op::Linear { .. }
            | Op::Activation { .. }
            | Op::LayerNorm { .. }
            | Op::Dropout { .. } => self.lower_features(op, value)?,
        }
        Ok(())
    }

    /// The positive part: a join that makes its value writes it along.
    fn lower_relu(&mut self, x: Value, value: Value) -> Result<()> {
        if let Some(Place::Rows(x)) = self.places[x.0] {
            let y = self.new_rows(value);
            self.steps.push(Step::Activation { x, y, kind: Activation::Relu });
            return Ok(());
        }
        let at = if let Some(at) = self.joins.get(&x) {
            *at
        } else {
            let x = self.image_of(x)?;
            self.steps.push(Step::Join(Join::of(vec![Term {
                x,
                norm: None,
                coefficient: None,
                is_shared: true,
                dx: None,
            }])));
            self.steps.len() - 1
        };
        let image = self.new_image(value)?;
        if let Step::Join(join) = &mut self.steps[at] {
            join.positive = Some(image);
        }
        Ok(())
    }

    /// The same for operations whose results can only be features.
    fn lower_features(&mut self, op: &Op, value: Value) -> Result<()> {
        match op {
            Op::GlobalAverage { x } => {
                let (x, y) = (self.image_of(*x)?, self.new_rows(value));
                self.steps.push(Step::GlobalAverage { x, y, dx: None });
            }
            Op::Flatten { x } => {
                let (x, y) = (self.image_of(*x)?, self.new_rows(value));
                self.steps.push(Step::Flatten { x, y, dx: None });
            }
            Op::Linear { x, weight, bias } => {
                let is_first = !self.trained[x.0];
                let (weight, bias) = (self.parameter(weight), self.parameter(bias));
                let (x, y) = (self.rows_of(*x)?, self.new_rows(value));
                self.steps.push(Step::Linear { x, y, weight, bias, is_first });
            }
            Op::Activation { x, kind } => {
                let (x, y) = (self.rows_of(*x)?, self.new_rows(value));
                self.steps.push(Step::Activation { x, y, kind: *kind });
            }
            Op::LayerNorm { x, scale, shift } => {
                let (scale, shift) = (self.parameter(scale), self.parameter(shift));
                let (x, y) = (self.rows_of(*x)?, self.new_rows(value));
                self.steps.push(Step::LayerNorm { x, y, scale, shift });
            }
            Op::Dropout { x, rate } => {
                let (x, mask) = (self.rows_of(*x)?, self.new_rows(value));
                let y = self.new_rows(value);
                self.steps.push(Step::Dropout { x, y, mask, rate: *rate });
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self, parameters: &[Parameter]) -> Result<Steps> {
        self.gradients();
        self.widen_margins();
        let owners = owners::find(&mut self.steps);
        let frozen = owners::frozen(&self.steps, &owners);
        let input = match self.places[0] {
            Some(Place::Image(input)) => Some(input),
            _ => None,
        };
        let (slots, memory) =
            memory::share(&mut self.planes, &self.parts, &self.steps, input, &self.zeros);
        self.fit_convolutions()?;
        let input = self.places[0].ok_or_else(unfit)?;
        let output = self.rows_of(self.output)?;
        let auxiliary = self.trace.auxiliary.map(|logits| self.rows_of(logits)).transpose()?;
        let parameters = parameters
            .iter()
            .map(|parameter| {
                let id = parameter.var.as_tensor().id();
                self.parameters.get(&id).filter(|_| self.used.contains(&id)).cloned()
            })
            .collect();
        let Self { steps, main, planes, parts, rows, norms, .. } = self;
        let coefficients = self.trace.ops.iter().map(Op::coefficients).max().unwrap_or(0);
        Ok(Steps {
            steps,
            main,
            planes,
            parts,
            slots,
            memory,
            rows,
            norms,
            input,
            output,
            auxiliary,
            parameters,
            owners,
            frozen,
            coefficients,
        })
    }
}
