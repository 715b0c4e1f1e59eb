//! Pooling.

use nascent_record::Op as Settings;

use super::window;
use crate::Result;
use crate::nn::layers::{Average, Largest};
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
