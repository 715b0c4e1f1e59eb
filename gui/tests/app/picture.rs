//! Pictures that a test compares with those of the repository. `UPDATE_SNAPSHOTS=1` writes them anew.
//!
//! They are drawn by an adapter of Vulkan. One that draws on the CPU will do, and draws nearly the same
//! everywhere; on Debian it is in `mesa-vulkan-drivers`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use egui_kittest::Harness;
use egui_kittest::wgpu::WgpuTestRenderer;

/// So far the numbers of a color may differ: rounding on another processor.
const CLOSE: u8 = 24;

/// The share of the pixels that may differ by more: edges of letters.
const MOST: f64 = 0.001;

/// What draws pictures, if this machine has any; else it says so.
pub(crate) fn renderer() -> Option<WgpuTestRenderer> {
    // It panics where there is no adapter, and cannot be asked before.
    let found = std::panic::catch_unwind(WgpuTestRenderer::new).ok();
    if found.is_none() {
        say("no picture was compared: this machine has no adapter of Vulkan");
    }
    found
}

/// Compares what a harness shows with the picture of this name. One that differs is written beside it,
/// one that is missing in its place.
pub(crate) fn compare<S>(harness: &mut Harness<'_, S>, name: &str) {
    let shown = harness.render().unwrap();
    let (size, pixels) = ((shown.width(), shown.height()), shown.into_raw());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    let path = folder.join(format!("{name}.png"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() || !path.exists() {
        write(&path, size, &pixels);
        say(&format!("{} is written: look at it", path.display()));
        return;
    }
    let (expected_size, expected) = read(&path);
    let differing = differing(&expected, &pixels);
    let most = MOST * f64::from(size.0) * f64::from(size.1);
    let new: PathBuf = folder.join(format!("{name}.new.png"));
    if expected_size != size || differing as f64 > most {
        write(&new, size, &pixels);
        panic!("{differing} pixels of {name}.png differ; what is drawn now is {}", new.display());
    }
}

/// How many pixels are of another color.
fn differing(a: &[u8], b: &[u8]) -> usize {
    let differs =
        |(a, b): (&[u8], &[u8])| std::iter::zip(a, b).any(|(a, b)| a.abs_diff(*b) > CLOSE);
    std::iter::zip(a.chunks_exact(4), b.chunks_exact(4)).filter(|pair| differs(*pair)).count()
}

fn read(path: &Path) -> ((u32, u32), Vec<u8>) {
    let decoder = png::Decoder::new(BufReader::new(File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    ((info.width, info.height), pixels)
}

fn write(path: &Path, (width, height): (u32, u32), pixels: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path).unwrap()), width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Best);
    encoder.set_adaptive_filter(png::AdaptiveFilterType::Adaptive);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
}

/// Whoever runs the test wants to know.
fn say(what: &str) {
    std::io::stderr().write_all(format!("{what}\n").as_bytes()).unwrap();
}
