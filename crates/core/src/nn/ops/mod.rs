//! The operations, by family.

mod cell;
mod channels;
mod convolution;
mod darts;
mod dense;
mod pooling;
mod skeleton;

use nascent_record::Op as Settings;

pub(super) use cell::{AvgPool3x3, Identity, NorConv1x1, NorConv3x3, SkipConnect, Zero};
pub(super) use channels::{ChannelMaskOp, ChannelParts, ChannelShuffle};
pub(super) use convolution::{Conv, MbConv, Projection, SeparableConv};
pub(super) use darts::{FactorizedReduce, MaxPool3x3, ReluConvBn, SeparableBlock};
pub(super) use dense::{
    ActivationOp, BatchNormOp, Classifier, DropPathOp, DropoutOp, Flatten, LayerNormOp, Linear,
};
pub(super) use pooling::{AvgPool, GlobalAveragePool, MaxPool};
pub(super) use skeleton::{AuxiliaryHead, Head, ResidualReduction, Stem};

use super::layers::Activation;
use super::{Window, infeasible};
use crate::Result;

/// 1x1 windows, side by side.
const ONE: Window = Window { kernel: 1, stride: 1 };

/// A whole-number attribute, at least 1.
fn number(op: &Settings, name: &str, default: Option<usize>) -> Result<usize> {
    let missing = || infeasible(format!("\"{}\" needs the whole number \"{name}\"", op.name));
    match op.attributes.get(name) {
        None => default.ok_or_else(missing),
        Some(_) => op.int(name).filter(|value| *value > 0).ok_or_else(missing),
    }
}

/// The attributes `kernel` (3 by default) and `stride` (1 by default).
fn window(op: &Settings) -> Result<Window> {
    Ok(Window { kernel: number(op, "kernel", Some(3))?, stride: number(op, "stride", Some(1))? })
}

/// The attribute `activation`, relu by default.
fn activation(op: &Settings) -> Result<Activation> {
    match op.attributes.get("activation") {
        None => Ok(Activation::Relu),
        Some(kind) => Activation::parse(&kind.to_string()),
    }
}
