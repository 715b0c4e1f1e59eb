//! Interleaving against the plain loop.

mod common;

use common::{Images, MARK, numbers};
use nascent_ops::{
    layout::{pack, unpack},
    simd::{Element, lanes},
};
use proptest::prelude::*;

fn check<E: Element>(images: &Images, margin: usize) {
    let planes = images.planes(margin);
    let plain: Vec<E> = numbers(&images.values);
    let mut should = images.blocks::<E>(margin, MARK);
    let mut block = should[0].clone();
    // All but the margin is overwritten, also where there is no image.
    for value in block.as_mut_slice() {
        *value = if value.wide() == MARK { *value } else { E::of(55.0) };
    }
    pack(&plain, planes, block.as_mut_slice());
    assert_eq!(block.as_slice(), should[0].as_mut_slice());
    let mut back = vec![E::default(); plain.len()];
    unpack(block.as_slice(), planes, &mut back);
    assert_eq!(back, plain);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn packing_interleaves_and_unpacking_takes_it_back(
        (left_out, channels) in (0_usize..8, 1_usize..4),
        (height, width, margin) in (1_usize..8, 1_usize..35, 0_usize..3),
    ) {
        let count = |lanes: usize| lanes - left_out % lanes;
        check::<f32>(&Images::noise(count(lanes::<f32>()), channels, height, width, 1), margin);
        check::<f64>(&Images::noise(count(lanes::<f64>()), channels, height, width, 1), margin);
    }
}
