//! Weights as safetensors.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor, Var};
use nascent_record::Graph;
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Model;
use super::network::shared_name;
use crate::{Error, Result, Seed};

/// The one entry of the metadata: what the weights are of. One, because the order of several would
/// differ from run to run.
const KEY: &str = "nascent";

#[derive(Serialize, Deserialize)]
struct Description {
    graph: Graph,
    input: Vec<usize>,
    classes: usize,
}

/// A tensor in little-endian bytes.
struct Raw {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Raw {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn invalid(problem: impl Into<String>) -> Error {
    Error::Weights { problem: problem.into() }
}

impl Model {
    /// The weights, with running statistics and input normalization, and with the graph in the
    /// metadata. The same weights give the same bytes.
    ///
    /// # Errors
    /// If a tensor cannot be read from its device.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let tensors = self.tensors().map(|(name, var)| (name.to_owned(), var.as_tensor()));
        let description = Description {
            graph: self.graph.clone(),
            input: self.input.clone(),
            classes: self.classes,
        };
        write(tensors, &description)
    }

    /// Replaces the weights by saved ones of the same graph.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or has another shape.
    pub fn load_safetensors(&self, bytes: &[u8]) -> Result<()> {
        let saved = SafeTensors::deserialize(bytes).map_err(|e| invalid(e.to_string()))?;
        for (name, var) in self.tensors() {
            var.set(&read(&saved, name, var.as_tensor())?)?;
        }
        Ok(())
    }

    /// Replaces weights by those that a supernet has for them, see
    /// [`SharedWeights::of_network`](crate::train::SharedWeights::of_network); others stay as they are.
    ///
    /// # Errors
    /// [`Error::Weights`] if the bytes are damaged, or hold a tensor that is not of this network.
    pub fn inherit(&self, bytes: &[u8]) -> Result<()> {
        let saved = SafeTensors::deserialize(bytes).map_err(|e| invalid(e.to_string()))?;
        let named = self.parameters().iter().map(|p| (shared_name(&p.name), &p.var));
        let ours: BTreeMap<String, &Var> = named.collect();
        for name in saved.names() {
            let var = ours.get(name);
            let var = var.ok_or_else(|| invalid(format!("there is no weight \"{name}\" here")))?;
            var.set(&read(&saved, name, var.as_tensor())?)?;
        }
        Ok(())
    }

    /// The network that [`Model::to_safetensors`] saved, ready to predict.
    ///
    /// # Errors
    /// [`Error::Weights`] if the bytes are not of a model.
    pub fn from_safetensors(bytes: &[u8], device: &Device) -> Result<Self> {
        let Description { graph, input, classes } = describe(bytes)?;
        let model = Self::new(&graph, &input, classes, Seed::new(0), device)?;
        model.load_safetensors(bytes)?;
        Ok(model)
    }
}

/// Tensors by name as safetensors, with what they are of. The same tensors give the same bytes.
pub(crate) fn write<'a>(
    tensors: impl Iterator<Item = (String, &'a Tensor)>,
    description: &impl Serialize,
) -> Result<Vec<u8>> {
    let tensors = tensors.map(|(name, tensor)| Ok((name, raw(tensor)?)));
    let tensors: BTreeMap<String, Raw> = tensors.collect::<Result<_>>()?;
    let description = serde_json::to_string(description).map_err(|e| invalid(e.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), description)]);
    safetensors::serialize(tensors, Some(metadata)).map_err(|e| invalid(e.to_string()))
}

/// What saved tensors are of.
pub(crate) fn describe<D: DeserializeOwned>(bytes: &[u8]) -> Result<D> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| invalid(e.to_string()))?;
    let description = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
    let description = description
        .ok_or_else(|| invalid("they do not name their graph; were they saved by Nascent?"))?;
    serde_json::from_str(description).map_err(|e| invalid(e.to_string()))
}

/// A saved tensor of the shape, type and device of another.
pub(crate) fn read(saved: &SafeTensors<'_>, name: &str, like: &Tensor) -> Result<Tensor> {
    let view = saved.tensor(name).map_err(|_| {
        invalid(format!("there is no tensor \"{name}\": they are of another network"))
    })?;
    if view.shape() != like.dims() {
        let (theirs, ours) = (view.shape(), like.dims());
        return Err(invalid(format!(
            "the tensor \"{name}\" has the shape {theirs:?} instead of {ours:?}"
        )));
    }
    let values = values(view.dtype(), view.data())
        .ok_or_else(|| invalid(format!("the tensor \"{name}\" is neither f32 nor f64")))?;
    let tensor = Tensor::from_vec(values, like.dims(), &Device::Cpu)?;
    Ok(tensor.to_dtype(like.dtype())?.to_device(like.device())?)
}

fn raw(tensor: &Tensor) -> Result<Raw> {
    let shape = tensor.dims().to_vec();
    let flat = tensor.flatten_all()?;
    let (dtype, bytes) = if tensor.dtype() == DType::F64 {
        let values = flat.to_vec1::<f64>()?;
        (Dtype::F64, values.iter().flat_map(|x| x.to_le_bytes()).collect())
    } else {
        let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        (Dtype::F32, values.iter().flat_map(|x| x.to_le_bytes()).collect())
    };
    Ok(Raw { dtype, shape, bytes })
}

fn values(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f64>> {
    match dtype {
        Dtype::F32 => {
            let (chunks, _) = bytes.as_chunks();
            Some(chunks.iter().map(|chunk| f64::from(f32::from_le_bytes(*chunk))).collect())
        }
        Dtype::F64 => {
            let (chunks, _) = bytes.as_chunks();
            Some(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect())
        }
        _ => None,
    }
}
