#![allow(missing_docs, clippy::all, clippy::pedantic, clippy::print_stdout, clippy::unwrap_used)]
use nascent_ops::{
    kernel::{Write, correlation::*},
    layout::*,
    simd::*,
};
use std::time::Instant;
fn median(mut f: impl FnMut(), n: usize) -> f64 {
    f();
    let mut t: Vec<f64> = (0..n)
        .map(|_| {
            let s = Instant::now();
            f();
            s.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    t.sort_by(f64::total_cmp);
    t[n / 2]
}
fn main() {
    let l = lanes::<f32>();
    for (ci, co, hw, k) in [
        (16, 16, 32, 3usize),
        (32, 32, 16, 3),
        (64, 64, 8, 3),
        (16, 16, 32, 1),
        (64, 64, 8, 1),
        (3, 16, 32, 3),
    ] {
        let nb = 64 / l;
        let pi = Planes { channels: ci, height: hw, width: hw, margin: 1 };
        let po = Planes { channels: co, height: hw, width: hw, margin: 1 };
        let mut x = Buffer::<f32>::zeros(nb * pi.vectors() * l);
        for (i, v) in x.as_mut_slice().iter_mut().enumerate() {
            *v = ((i * 7919) % 1013) as f32 / 1013.0 - 0.5;
        }
        let mut y = Buffer::<f32>::zeros(nb * po.vectors() * l);
        let p = k / 2;
        let off: Vec<usize> = (0..ci)
            .flat_map(|c| (0..k * k).map(move |t| c * pi.plane() + (t / k) * pi.row() + t % k))
            .collect();
        let w = vec![0.01f32; co * off.len()];
        let from = Grid { first: (1 - p) * pi.row() + (1 - p), row: pi.row(), column: 1 };
        let to = Grid { first: po.first(), row: po.row(), column: 1 };
        let f = median(
            || {
                for (x, y) in x
                    .as_slice()
                    .chunks(pi.vectors() * l)
                    .zip(y.as_mut_slice().chunks_mut(po.vectors() * l))
                {
                    dispatch(Correlation {
                        input: x,
                        from,
                        offsets: &off,
                        weights: &w,
                        output: y,
                        to,
                        channels: co,
                        plane: po.plane(),
                        rows: hw,
                        columns: hw,
                        write: Write::Set,
                    });
                }
            },
            21,
        );
        let mut sums = Buffer::<f32>::zeros(off.len().div_ceil(DEEP) * DEEP * WIDE * l);
        let g = median(
            || {
                for t in 0..co / WIDE {
                    for (x, y) in x
                        .as_slice()
                        .chunks(pi.vectors() * l)
                        .zip(y.as_slice().chunks(po.vectors() * l))
                    {
                        dispatch(WeightGradient {
                            input: x,
                            from,
                            offsets: &off,
                            gradient: &y[t * WIDE * po.plane() * l..],
                            to,
                            channels: WIDE,
                            plane: po.plane(),
                            rows: hw,
                            columns: hw,
                            sums: sums.as_mut_slice(),
                        });
                    }
                }
            },
            21,
        );
        let mac2 = (64 * hw * hw * (co / WIDE * WIDE) * off.len()) as f64 / 1e6;
        let mac = (64 * hw * hw * co * off.len()) as f64 / 1e6;
        println!(
            "{ci}->{co} {hw}x{hw} k{k}: fwd {f:.2} ms ({:.1} GMAC/s)  wgrad {g:.2} ms ({:.1})",
            mac / f,
            mac2 / g
        );
    }
}
