//! What does not fit is refused before anything is read, however absurd it is.

use nascent_ops::kernel::Write;
use nascent_ops::kernel::correlation::{Correlation, Grid, Mix, WeightGradient};
use nascent_ops::simd::dispatch;

/// A distance whose double is 0 where sums wrap.
const HALF: usize = 1 << (usize::BITS - 1);

const PLACE: Grid = Grid { first: 0, row: 0, column: 1 };

#[test]
#[should_panic(expected = "a window stands out of the input")]
fn a_window_behind_the_end_of_all_memory() {
    dispatch(Correlation {
        input: &[0.0_f32; 64],
        from: Grid { row: HALF, ..PLACE },
        offsets: &[0],
        weights: &[1.0],
        output: &mut [0.0; 64],
        to: PLACE,
        channels: 1,
        plane: 1,
        rows: 3,
        columns: 1,
        write: Write::Set,
    });
}

#[test]
#[should_panic(expected = "a pixel is outside")]
fn a_gradient_behind_the_end_of_all_memory() {
    dispatch(WeightGradient {
        input: &[0.0_f32; 64],
        from: PLACE,
        offsets: &[0],
        gradient: &[0.0; 64],
        to: Grid { row: HALF, ..PLACE },
        channels: 1,
        plane: 1,
        rows: 3,
        columns: 1,
        sums: &mut [0.0; 12 * 16],
        write: Write::Add,
    });
}

#[test]
#[should_panic(expected = "pixels are missing")]
fn a_channel_behind_the_end_of_all_memory() {
    dispatch(Mix {
        input: &[0.0_f32; 64],
        input_plane: HALF,
        inputs: 3,
        weights: &[1.0; 3],
        output: &mut [0.0; 64],
        output_plane: 1,
        outputs: 1,
        pixels: 1,
        write: Write::Set,
    });
}

#[test]
fn without_outputs_nothing_is_read_or_written() {
    let mut output = [7.0; 16];
    dispatch(Mix {
        input: &[0.0_f32; 16],
        input_plane: 1,
        inputs: 1,
        weights: &[],
        output: &mut output,
        output_plane: 1,
        outputs: 0,
        pixels: 1,
        write: Write::Set,
    });
    assert_eq!(output, [7.0; 16]);
}
