//! A graph as a trainable function.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor, Var};
use nascent_record::{Graph, Measures};

use super::builder::{Store, Target};
use super::network::{self, Network};
use super::{AUXILIARY_HEAD, Builder, Cost, ForwardContext, Parameter, Shape, infeasible};
use crate::train::program::{Trace, Value};
use crate::{Result, Seed};

/// What the network of a graph costs for inputs of this shape, without building it.
///
/// # Errors
/// [`Error::Infeasible`](crate::Error::Infeasible) if the graph does not fit the shape, or does not
/// end in the classes.
pub fn cost(graph: &Graph, input: &[usize], classes: usize) -> Result<Cost> {
    let mut store = Store::default();
    build(graph, input, classes, None, &mut store)?;
    Ok(store.cost)
}

/// What each part of the network makes and costs, without building it.
///
/// # Errors
/// As [`cost`].
pub fn measures(graph: &Graph, input: &[usize], classes: usize) -> Result<Measures> {
    let mut store = Store { measured: Some(HashMap::new()), ..Store::default() };
    build(graph, input, classes, None, &mut store)?;
    Ok(network::measures(graph, "", &store.measured.unwrap_or_default()))
}

fn build(
    graph: &Graph,
    input: &[usize],
    classes: usize,
    target: Option<&Target>,
    store: &mut Store,
) -> Result<Network> {
    graph.check()?;
    if graph.inputs != 1 {
        let (name, inputs) = (&graph.name, graph.inputs);
        return Err(infeasible(format!(
            "the network \"{name}\" has {inputs} inputs instead of one"
        )));
    }
    let input = Shape::new(input)?;
    store.cost.activations += input.len() as u64;
    let network = Network::build(graph, &[input], &mut Builder::new(store, target, classes))?;
    if network.output != Shape::Features(classes) {
        let (name, output) = (&graph.name, network.output);
        return Err(infeasible(format!(
            "the network \"{name}\" ends in {output} instead of {classes} classes; end it in a head \
             or a classifier"
        )));
    }
    Ok(network)
}

/// A network with weights.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use nascent::Seed;
/// use nascent::nn::Model;
/// use nascent::record::{Graph, Op};
///
/// let mut graph = Graph::new("perceptron");
/// graph.then("flatten", Op::new("flatten"));
/// graph.then("hidden", Op::new("linear").with("width", 16_usize));
/// graph.then("relu", Op::new("activation").with("kind", "relu"));
/// graph.then("classifier", Op::new("classifier"));
///
/// let model = Model::new(&graph, &[1, 8, 8], 10, Seed::new(1), &Device::Cpu)?;
/// assert_eq!(model.cost().params, 65 * 16 + 17 * 10);
///
/// // The weights of a final training are the artifact `weights`; they carry the graph with them.
/// let bytes = model.to_safetensors()?;
/// let loaded = Model::from_safetensors(&bytes, &Device::Cpu)?;
/// let images = Tensor::zeros((2, 1, 8, 8), candle_core::DType::F32, &Device::Cpu)?;
/// let logits = loaded.predict(&images)?;
/// assert_eq!(logits.dims(), [2, 10]);
/// # Ok::<(), nascent::Error>(())
/// ```
pub struct Model {
    pub(super) graph: Graph,
    pub(super) input: Vec<usize>,
    pub(super) classes: usize,
    network: Network,
    pub(super) store: Store,
    device: Device,
    dtype: DType,
    compute: DType,
    mean: Var,
    deviation: Var,
}

impl Model {
    /// The network of a graph, for inputs `[channels, height, width]` or `[features]`, with first
    /// weights from this seed.
    ///
    /// # Errors
    /// [`Error::Infeasible`](crate::Error::Infeasible) if the graph does not fit the shape, or does
    /// not end in the classes.
    pub fn new(
        graph: &Graph,
        input: &[usize],
        classes: usize,
        seed: Seed,
        device: &Device,
    ) -> Result<Self> {
        Self::with_dtype(graph, input, classes, seed, device, DType::F32)
    }

    /// The same in another precision.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn with_dtype(
        graph: &Graph,
        input: &[usize],
        classes: usize,
        seed: Seed,
        device: &Device,
        dtype: DType,
    ) -> Result<Self> {
        let target = Target { seed, dtype, device: device.clone() };
        let mut store = Store::default();
        let channels = input.first().copied().unwrap_or(1);
        let mut builder = Builder::new(&mut store, Some(&target), classes);
        let mut part = builder.part("input");
        let mean = part.buffer("mean", &[channels], 0.0)?;
        let deviation = part.buffer("deviation", &[channels], 1.0)?;
        let network = build(graph, input, classes, Some(&target), &mut store)?;
        Ok(Self {
            graph: graph.clone(),
            input: input.to_vec(),
            classes,
            network,
            store,
            device: device.clone(),
            dtype,
            compute: dtype,
            mean,
            deviation,
        })
    }

    /// The same model with its layers computed in another precision. Its parameters and statistics
    /// stay in their own, and so do normalizations and what [`Self::forward`] returns: half precision
    /// loses little.
    #[must_use]
    pub fn computing_in(mut self, dtype: DType) -> Self {
        self.compute = dtype;
        self
    }

    /// Computes the logits `[batch, classes]` of inputs `[batch, channels, height, width]` or
    /// `[batch, features]`, which are normalized first.
    ///
    /// # Errors
    /// If the shape is wrong.
    pub fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        if x.dims().get(1..) != Some(&self.input) {
            return Err(infeasible(format!(
                "the model takes batches of {:?}, not a tensor of the shape {:?}",
                self.input,
                x.dims()
            )));
        }
        let x = x.to_dtype(self.dtype)?;
        let (mean, deviation) =
            (self.mean.as_detached_tensor(), self.deviation.as_detached_tensor());
        let x = if x.rank() == 4 {
            let column = (1, self.input[0], 1, 1);
            let x = x.broadcast_sub(&mean.reshape(column)?)?;
            x.broadcast_div(&deviation.reshape(column)?)?
        } else {
            x.broadcast_sub(&mean)?.broadcast_div(&deviation)?
        };
        let logits = self.network.run(&[x.to_dtype(self.compute)?], cx)?;
        Ok(logits.to_dtype(self.dtype)?)
    }

    /// Computes the logits in evaluation mode.
    ///
    /// # Errors
    /// If the shape is wrong.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.forward(x, &mut ForwardContext::eval())
    }

    /// What it computes, as operations of the fast path; `None` if it does not compute on the CPU in
    /// `f32`, or has a layer that the fast path lacks.
    pub(crate) fn trace(&self) -> Option<(Trace, Value)> {
        if !self.device.is_cpu() || [self.dtype, self.compute] != [DType::F32; 2] {
            return None;
        }
        let (mut trace, input) = Trace::new(Shape::new(&self.input).ok()?);
        let output = self.network.trace(&[input], &mut trace)?;
        Some((trace, output))
    }

    /// For each channel or feature of an input what normalizes it: a factor, and what is added then.
    pub(crate) fn input_scale_shift(&self) -> Result<Vec<[f32; 2]>> {
        let (mean, deviation): (Vec<f32>, Vec<f32>) =
            (self.mean.to_vec1()?, self.deviation.to_vec1()?);
        let pairs = std::iter::zip(mean, deviation);
        Ok(pairs.map(|(mean, deviation)| [1.0 / deviation, -mean / deviation]).collect())
    }

    /// Sets what inputs are normalized with, per channel or feature. It is saved with the weights.
    ///
    /// # Errors
    /// If there is not one for each channel.
    pub fn set_input_statistics(&self, mean: &[f64], deviation: &[f64]) -> Result<()> {
        for (var, values) in [(&self.mean, mean), (&self.deviation, deviation)] {
            let values = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
            var.set(&values.to_dtype(self.dtype)?.to_device(&self.device)?)?;
        }
        Ok(())
    }

    /// How much the loss of the auxiliary head weighs; 0 without one.
    pub fn auxiliary_weight(&self) -> f64 {
        let heads = self.graph.nodes.iter().filter_map(|node| node.op.as_ref());
        let head = heads.into_iter().find(|op| op.name == AUXILIARY_HEAD);
        head.and_then(|op| op.float("weight")).unwrap_or(0.0)
    }

    /// The trainable tensors, in the order of the graph.
    pub fn parameters(&self) -> &[Parameter] {
        &self.store.parameters
    }

    /// All tensors that are saved, by name: parameters and running statistics.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (&str, &Var)> {
        let parameters = self.store.parameters.iter().map(|p| (p.name.as_str(), &p.var));
        parameters.chain(self.store.buffers.iter().map(|(name, var)| (name.as_str(), var)))
    }

    /// What it costs.
    pub fn cost(&self) -> Cost {
        self.store.cost
    }

    /// What the operations cost that each coefficient of a supernet multiplies, in all places where
    /// it does.
    pub fn coefficient_costs(&self) -> &[Cost] {
        &self.store.coefficients
    }

    /// For each parameter the coefficient of a supernet that multiplies what it is part of.
    pub(crate) fn coefficients_of_parameters(&self) -> Vec<Option<usize>> {
        let mut owners = vec![None; self.store.parameters.len()];
        for (parameters, coefficient) in &self.store.multiplied {
            owners[parameters.clone()].fill(Some(*coefficient));
        }
        owners
    }

    /// Its graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The shape of one input.
    pub fn input_shape(&self) -> &[usize] {
        &self.input
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The precision that its layers are computed in.
    pub fn compute_dtype(&self) -> DType {
        self.compute
    }

    /// The precision of its parameters.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
}

/// Builds the network of a graph, and checks that a batch goes through it in training and in
/// evaluation.
///
/// # Errors
/// If it does not, or the result has the wrong shape or is not finite.
#[cfg(any(test, feature = "conformance"))]
pub fn check_forward(graph: &Graph, input: &[usize], classes: usize) -> Result<()> {
    let model = Model::new(graph, input, classes, Seed::new(0), &Device::Cpu)?;
    let count = 3 * input.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| (i % 7) as f32 / 7.0).collect();
    let mut dims = vec![3];
    dims.extend(input);
    let inputs = Tensor::from_vec(values, dims, &Device::Cpu)?;
    for mut cx in [ForwardContext::train(Seed::new(0)), ForwardContext::eval()] {
        let logits = model.forward(&inputs, &mut cx)?;
        let sum = logits.sum_all()?.to_scalar::<f32>()?;
        if logits.dims() != [3, classes] || !sum.is_finite() {
            let (name, dims) = (&graph.name, logits.dims());
            return Err(infeasible(format!(
                "the network \"{name}\" gives a tensor {dims:?} with the sum {sum}"
            )));
        }
        if cx.is_train() {
            logits.sum_all()?.backward()?;
        }
    }
    Ok(())
}
