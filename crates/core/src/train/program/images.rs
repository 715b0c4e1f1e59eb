//! The memory of a program's images.

use nascent_ops::kernel::rows::{Source, Target};
use nascent_ops::layout::{Buffer, Planes};
use rayon::prelude::*;

use super::step::Image;

/// Batches of interleaved images, some of which share memory.
pub(super) struct Images {
    planes: Vec<Planes>,
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
        planes: Vec<Planes>,
        slots: Vec<usize>,
        memory: &[Planes],
        lanes: usize,
        blocks: usize,
    ) -> Self {
        let buffer = |planes: &Planes| Buffer::zeros(blocks * planes.vectors() * lanes);
        let memory = memory.iter().map(buffer).collect();
        let (full, last) = (vec![1.0; lanes], vec![1.0; lanes]);
        Self { planes, slots, memory, lanes, blocks, full, last }
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

    /// The numbers of one block of an image.
    pub(super) fn block_len(&self, image: Image) -> usize {
        self.planes(image).vectors() * self.lanes
    }

    /// The present batch of an image.
    pub(super) fn get(&self, image: Image) -> &[f32] {
        let len = self.blocks * self.block_len(image);
        &self.memory[self.slots[image.0]].as_slice()[..len]
    }

    /// Lets `write` write the present batch of an image while it reads others.
    pub(super) fn write<T>(
        &mut self,
        image: Image,
        write: impl FnOnce(&Self, &mut [f32]) -> T,
    ) -> T {
        let len = self.blocks * self.block_len(image);
        let mut buffer = std::mem::take(&mut self.memory[self.slots[image.0]]);
        let result = write(self, &mut buffer.as_mut_slice()[..len]);
        self.memory[self.slots[image.0]] = buffer;
        result
    }

    /// Lets `write` write two images, of which there may be only one.
    pub(super) fn write_two<T>(
        &mut self,
        (a, b): (Option<Image>, Option<Image>),
        write: impl FnOnce(&Self, Option<&mut [f32]>, Option<&mut [f32]>) -> T,
    ) -> T {
        let Some(a) = a else {
            return match b {
                None => write(self, None, None),
                Some(b) => self.write(b, |images, b| write(images, None, Some(b))),
            };
        };
        let len = self.blocks * self.block_len(a);
        let mut buffer = std::mem::take(&mut self.memory[self.slots[a.0]]);
        let values = &mut buffer.as_mut_slice()[..len];
        let result = match b {
            None => write(self, Some(values), None),
            Some(b) => self.write(b, |images, b| write(images, Some(values), Some(b))),
        };
        self.memory[self.slots[a.0]] = buffer;
        result
    }

    /// One block of an image.
    pub(super) fn block(&self, image: Image, block: usize) -> Source<'_, f32> {
        let len = self.block_len(image);
        Source { data: &self.get(image)[block * len..][..len], planes: self.planes(image) }
    }

    /// Lets `write` write each block of an image while it reads others.
    pub(super) fn write_blocks(
        &mut self,
        image: Image,
        write: impl Fn(&Self, usize, Target<'_, f32>) + Sync,
    ) {
        let len = self.block_len(image);
        self.write(image, |images, data| {
            let planes = images.planes(image);
            data.par_chunks_exact_mut(len).enumerate().for_each(|(block, data)| {
                write(images, block, Target { data, planes });
            });
        });
    }

    /// The bytes of all memory for a batch of so many images.
    pub(super) fn bytes(memory: &[Planes], lanes: usize, batch: usize) -> usize {
        let vectors: usize = memory.iter().map(Planes::vectors).sum();
        vectors * lanes * size_of::<f32>() * batch.div_ceil(lanes)
    }
}
