//! The memory of a program's images.

use std::ops::Range;

use nascent_ops::kernel::rows::{Source, Target};
use nascent_ops::layout::{Buffer, Planes};
use rayon::prelude::*;

use super::step::{Image, Part};

/// Batches of interleaved images, some of which share memory.
pub(super) struct Images {
    planes: Vec<Planes>,
    parts: Vec<Part>,
    slots: Vec<usize>,
    memory: Vec<Buffer<f32>>,
    lanes: usize,
    /// The blocks of the present batch.
    pub(super) blocks: usize,
    /// 1 in every lane, and 1 in the lanes of the last block that hold an image.
    full: Vec<f32>,
    last: Vec<f32>,
}

impl Images {
    /// Memory for so many blocks.
    pub(super) fn new(
        (planes, parts): (Vec<Planes>, Vec<Part>),
        slots: Vec<usize>,
        memory: &[Planes],
        lanes: usize,
        blocks: usize,
    ) -> Self {
        let buffer = |planes: &Planes| Buffer::zeros(blocks * planes.vectors() * lanes);
        let memory = memory.iter().map(buffer).collect();
        let (full, last) = (vec![1.0; lanes], vec![1.0; lanes]);
        Self { planes, parts, slots, memory, lanes, blocks, full, last }
    }

    /// Begins a batch of so many images.
    pub(super) fn begin(&mut self, batch: usize) {
        self.blocks = batch.div_ceil(self.lanes);
        let filled = batch - (self.blocks.max(1) - 1) * self.lanes;
        for (lane, value) in self.last.iter_mut().enumerate() {
            *value = f32::from(u8::from(lane < filled));
        }
    }

    /// The lanes of a block that hold an image.
    pub(super) fn filled(&self, block: usize) -> &[f32] {
        if block + 1 == self.blocks { &self.last } else { &self.full }
    }

    /// The shape of an image.
    pub(super) fn planes(&self, image: Image) -> Planes {
        self.planes[image.0]
    }

    /// Whether an image is a part of another one.
    pub(super) fn is_part(&self, image: Image, of: Image) -> bool {
        image != of && self.parts[image.0].of == of
    }

    /// The numbers of one block of an image that is not a part.
    pub(super) fn block_len(&self, image: Image) -> usize {
        self.planes(image).vectors() * self.lanes
    }

    /// Where an image is in a block of what it is a part of: the numbers of that block, and the
    /// range of its own.
    fn place(&self, image: Image) -> (usize, Range<usize>) {
        let Part { of, first } = self.parts[image.0];
        let start = first * self.planes(image).plane() * self.lanes;
        (self.block_len(of), start..start + self.block_len(image))
    }

    fn memory(&self, image: Image) -> &[f32] {
        let len = self.blocks * self.place(image).0;
        &self.memory[self.slots[image.0]].as_slice()[..len]
    }

    /// The present batch of an image that is not a part.
    pub(super) fn get(&self, image: Image) -> &[f32] {
        debug_assert_eq!(self.parts[image.0].of, image, "a part does not lie in one piece");
        self.memory(image)
    }

    /// Lets `write` write the present batch of an image that is not a part while it reads others.
    pub(super) fn write<T>(
        &mut self,
        image: Image,
        write: impl FnOnce(&Self, &mut [f32]) -> T,
    ) -> T {
        debug_assert_eq!(self.parts[image.0].of, image, "a part does not lie in one piece");
        self.write_memory(image, write)
    }

    /// Lets `write` write the memory of what an image is a part of.
    fn write_memory<T>(&mut self, image: Image, write: impl FnOnce(&Self, &mut [f32]) -> T) -> T {
        let len = self.memory(image).len();
        let mut buffer = std::mem::take(&mut self.memory[self.slots[image.0]]);
        let result = write(self, &mut buffer.as_mut_slice()[..len]);
        self.memory[self.slots[image.0]] = buffer;
        result
    }

    /// One block of an image.
    pub(super) fn block(&self, image: Image, block: usize) -> Source<'_, f32> {
        let (len, own) = self.place(image);
        Source { data: &self.memory(image)[block * len..][..len][own], planes: self.planes(image) }
    }

    /// Lets `write` write each block of an image while it reads others.
    pub(super) fn write_blocks(
        &mut self,
        image: Image,
        write: impl Fn(&Self, usize, Target<'_, f32>) + Sync,
    ) {
        let (planes, (len, own)) = (self.planes(image), self.place(image));
        self.write_memory(image, |images, data| {
            data.par_chunks_exact_mut(len).enumerate().for_each(|(block, data)| {
                write(images, block, Target { data: &mut data[own.clone()], planes });
            });
        });
    }

    /// As [`write_blocks`](Self::write_blocks), with something else for each block.
    pub(super) fn write_blocks_with<T: Send>(
        &mut self,
        image: Image,
        others: impl IndexedParallelIterator<Item = T>,
        write: impl Fn(&Self, usize, Target<'_, f32>, T) + Sync,
    ) {
        let (planes, (len, own)) = (self.planes(image), self.place(image));
        self.write_memory(image, |images, data| {
            let blocks = data.par_chunks_exact_mut(len).zip(others).enumerate();
            blocks.for_each(|(block, (data, other))| {
                write(images, block, Target { data: &mut data[own.clone()], planes }, other);
            });
        });
    }

    /// Lets `write` write each block of two images, of different memory, while it reads others.
    pub(super) fn write_two_blocks(
        &mut self,
        (a, b): (Image, Image),
        write: impl Fn(&Self, usize, Target<'_, f32>, Target<'_, f32>) + Sync,
    ) {
        let places = [a, b].map(|image| (self.planes(image), self.place(image)));
        let [(a_planes, (a_len, a_own)), (b_planes, (b_len, b_own))] = places;
        let mut buffer = std::mem::take(&mut self.memory[self.slots[a.0]]);
        let data = &mut buffer.as_mut_slice()[..self.blocks * a_len];
        self.write_memory(b, |images, other| {
            let blocks = data.par_chunks_exact_mut(a_len).zip(other.par_chunks_exact_mut(b_len));
            blocks.enumerate().for_each(|(block, (a, b))| {
                let a = Target { data: &mut a[a_own.clone()], planes: a_planes };
                let b = Target { data: &mut b[b_own.clone()], planes: b_planes };
                write(images, block, a, b);
            });
        });
        self.memory[self.slots[a.0]] = buffer;
    }

    /// The bytes of all memory for a batch of so many images.
    pub(super) fn bytes(memory: &[Planes], lanes: usize, batch: usize) -> usize {
        let vectors: usize = memory.iter().map(Planes::vectors).sum();
        vectors * lanes * size_of::<f32>() * batch.div_ceil(lanes)
    }
}
