//! Which channels go where.

use nascent_record::Op as Settings;

use super::number;
use crate::Result;
use crate::nn::layers::{ChannelMask, Select, wrong};
use crate::nn::{Builder, Layer, Op, Shape, infeasible};

/// So many equal parts of the channels of an image: how many channels each has.
fn part(op: &Settings, name: &str, input: Shape, builder: &Builder<'_>) -> Result<(usize, usize)> {
    let Shape::Image { channels, .. } = input else {
        return Err(wrong(builder, "needs an image", input));
    };
    let parts = number(op, name, None)?;
    if !channels.is_multiple_of(parts) {
        return Err(infeasible(format!(
            "{channels} channels cannot be divided into {parts} equal parts; choose another number \
             of channels, or of parts"
        )));
    }
    Ok((parts, channels / parts))
}

/// Some of equal parts of the channels.
pub(crate) struct ChannelParts;

impl Op for ChannelParts {
    fn name(&self) -> &'static str {
        "channel_parts"
    }
    fn summary(&self) -> &'static str {
        "Of `of` equal parts of the channels those from `from` to before `to`."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["from", "to", "of"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let (parts, size) = part(op, "of", input, builder)?;
        let (from, to) = (op.int("from").unwrap_or(0), number(op, "to", None)?);
        if from >= to || to > parts {
            return Err(infeasible(format!("there are no parts {from} to {to} of {parts}")));
        }
        Select::build(input, (from * size..to * size).collect(), builder)
    }
}

/// The channels of groups in turn.
pub(crate) struct ChannelShuffle;

impl Op for ChannelShuffle {
    fn name(&self) -> &'static str {
        "channel_shuffle"
    }
    fn summary(&self) -> &'static str {
        "The channels of `groups` equal groups in turn: the first of each, then the second of each."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["groups"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let (groups, size) = part(op, "groups", input, builder)?;
        let in_turn = |at: usize| (0..groups).map(move |group| group * size + at);
        Select::build(input, (0..size).flat_map(in_turn).collect(), builder)
    }
}

/// The attributes of an operation that has several widths in one.
pub(super) const MASK: [&str; 2] = ["coefficient", "widths"];

/// Puts a mask behind the layers that make images of this shape, where the attributes of the operation
/// ask for one; the image has so many channels for each one of a width.
pub(super) fn mask(
    op: &Settings,
    image: Shape,
    times: usize,
    layers: &mut Vec<Box<dyn Layer>>,
    builder: &mut Builder<'_>,
) -> Result<()> {
    if MASK.iter().any(|name| op.attributes.contains_key(*name)) {
        layers.push(build_mask(op, image, times, builder)?);
    }
    Ok(())
}

fn build_mask(
    op: &Settings,
    image: Shape,
    times: usize,
    builder: &mut Builder<'_>,
) -> Result<Box<dyn Layer>> {
    let Shape::Image { channels, .. } = image else {
        return Err(wrong(builder, "needs an image", image));
    };
    let widths = op.text("widths").unwrap_or_default().split(',').map(str::parse);
    let widths: Option<Vec<usize>> = widths.map(Result::ok).collect();
    let widths = widths.filter(|widths| widths.iter().all(|width| width * times <= channels));
    let (Some(first), Some(mut widths)) = (op.int("coefficient"), widths) else {
        let (name, most) = (&op.name, channels / times);
        let problem = format!(
            "\"{name}\" needs the whole number \"coefficient\", and \"widths\" such as \"4,8\" up to \
             the {most} channels that it has"
        );
        return Err(infeasible(problem));
    };
    for width in &mut widths {
        *width *= times;
    }
    builder.count_activations(image.len());
    Ok(Box::new(ChannelMask { first, widths }))
}

/// Several widths in one.
pub(crate) struct ChannelMaskOp;

impl Op for ChannelMaskOp {
    fn name(&self) -> &'static str {
        "channel_mask"
    }
    fn summary(&self) -> &'static str {
        "In a supernet: the first channels of each of `widths`, mixed by the coefficients from \
         `coefficient` on."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &MASK
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Ok((build_mask(op, input, 1, builder)?, input))
    }
}
