//! Pooling.

use nascent_record::Op as Settings;

use super::window;
use crate::Result;
use crate::nn::layers::{Average, GlobalAverage, Largest, wrong};
use crate::nn::{Builder, Layer, Op, Shape};

/// Average pooling.
pub(crate) struct AvgPool;

impl Op for AvgPool {
    fn name(&self) -> &'static str {
        "avg_pool"
    }
    fn summary(&self) -> &'static str {
        "Average pooling; padding does not count."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["kernel", "stride"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Average::build(input, window(op)?, builder)
    }
}

/// Maximum pooling.
pub(crate) struct MaxPool;

impl Op for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }
    fn summary(&self) -> &'static str {
        "Maximum pooling."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["kernel", "stride"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Largest::build(input, window(op)?, builder)
    }
}

/// The mean of each channel.
pub(crate) struct GlobalAveragePool;

impl Op for GlobalAveragePool {
    fn name(&self) -> &'static str {
        "global_avg_pool"
    }
    fn summary(&self) -> &'static str {
        "The mean of each channel of an image, as features."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Image { channels, .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        Ok((Box::new(GlobalAverage), Shape::Features(channels)))
    }
}
