//! Tensors: shape, kind of number, statistics, and some of the numbers, or pictures.

use std::fmt::Write as _;

use base64::Engine as _;
use candle_core::{DType, Result, Tensor};

use crate::Bundle;
use crate::html::{escape, number, styled};

/// The most rows and columns of numbers, and pictures, that are shown.
const ROWS: usize = 8;
const COLUMNS: usize = 8;
const PICTURES: usize = 16;

/// How a tensor looks.
pub(crate) fn tensor(tensor: &Tensor) -> Bundle {
    match try_tensor(tensor) {
        Ok(bundle) => bundle,
        Err(error) => Bundle::text(format!("{tensor:?}, which cannot be read: {error}")),
    }
}

fn try_tensor(tensor: &Tensor) -> Result<Bundle> {
    let (dims, dtype) = (tensor.dims(), tensor.dtype());
    let device = format!("{:?}", tensor.device().location()).to_lowercase();
    let title = format!("Tensor {dims:?} {} on {device}", dtype.as_str());
    if tensor.elem_count() == 0 {
        return Ok(Bundle::text(format!("{title}, empty")));
    }
    let values: Vec<f64> = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
    let statistics = statistics(&values);
    let (text, table) = preview(dims, &values);
    let pictures = pictures(dims, &values).unwrap_or_default();
    let html = format!(
        "<div><b>{}</b></div><div class=\"m\">{}</div>{}",
        escape(&title),
        escape(&statistics),
        if pictures.is_empty() { table } else { pictures }
    );
    Ok(Bundle::new(styled(&html), format!("{title}\n{statistics}\n{text}")))
}

fn statistics(values: &[f64]) -> String {
    let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let odd = values.len() - known.len();
    let note = if odd > 0 { format!(", {odd} not finite") } else { String::new() };
    if known.is_empty() {
        return format!("no finite number{note}");
    }
    let count = known.len() as f64;
    let mean = known.iter().sum::<f64>() / count;
    let variance = known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let least = known.iter().copied().fold(f64::INFINITY, f64::min);
    let most = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let [least, mean, most, deviation] = [least, mean, most, variance.sqrt()].map(number);
    format!("min {least}, mean {mean}, max {most}, deviation {deviation}{note}")
}

/// The first rows and columns of the last two dimensions, as text and as a table.
fn preview(dims: &[usize], values: &[f64]) -> (String, String) {
    let columns = dims.last().copied().unwrap_or(1);
    let rows = if dims.len() > 1 { dims[dims.len() - 2] } else { 1 };
    let (mut text, mut html) = (String::new(), String::from("<table>"));
    for row in 0..rows.min(ROWS) {
        let numbers = values[row * columns..][..columns.min(COLUMNS)].iter().map(|x| number(*x));
        let numbers: Vec<String> = numbers.collect();
        let more = if columns > COLUMNS { " …" } else { "" };
        let _always = writeln!(text, "{}{more}", numbers.join(" "));
        let cells: Vec<String> =
            numbers.iter().map(|x| format!("<td class=\"n\">{x}</td>")).collect();
        let cells = cells.concat();
        let _always = write!(html, "<tr>{cells}<td class=\"m\">{}</td></tr>", more.trim());
    }
    if rows > ROWS || dims.len() > 2 {
        text.push_str("…\n");
        html.push_str("<tr><td class=\"m\">…</td></tr>");
    }
    (text.trim_end().to_owned(), html + "</table>")
}

/// `[channels, height, width]` or `[batch, channels, height, width]` with 1 or 3 channels, as pictures.
fn pictures(dims: &[usize], values: &[f64]) -> Option<String> {
    let (count, channels, height, width) = match *dims {
        [channels, height, width] => (1, channels, height, width),
        [count, channels, height, width] => (count, channels, height, width),
        _ => return None,
    };
    let is_picture = [1, 3].contains(&channels) && height.min(width) >= 4;
    if !is_picture || height.max(width) > 1024 {
        return None;
    }
    let size = channels * height * width;
    let shown = &values[..count.min(PICTURES) * size];
    let least = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let most = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if most > least { most - least } else { 1.0 };
    let mut html = String::new();
    for picture in shown.chunks(size) {
        let plane = height * width;
        let level = |at: usize| ((picture[at] - least) / range * 255.0).round() as u8;
        let bytes: Vec<u8> =
            (0..plane).flat_map(|at| (0..channels).map(move |c| level(c * plane + at))).collect();
        let encoded = base64::engine::general_purpose::STANDARD.encode(png(&bytes, width, height)?);
        let zoom = (64 / width.max(height)).clamp(1, 8);
        let _always = write!(
            html,
            "<img src=\"data:image/png;base64,{encoded}\" width=\"{}\" height=\"{}\" \
             style=\"image-rendering:pixelated;display:inline-block;margin:2px\">",
            width * zoom,
            height * zoom
        );
    }
    if count > PICTURES {
        let _always = write!(html, "<span class=\"m\">… {count} in all</span>");
    }
    Some(html)
}

/// A picture with 1 or 3 channels.
fn png(bytes: &[u8], width: usize, height: usize) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    let is_grey = bytes.len() == width * height;
    encoder.set_color(if is_grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(bytes).ok()?;
    writer.finish().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_tensor_says_what_is_in_it() {
        let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let values = Tensor::from_vec(values, (2, 12), &Device::Cpu).unwrap();
        let bundle = tensor(&values);
        assert!(bundle.text.starts_with("Tensor [2, 12] f32 on cpu\nmin 0, mean 11.50, max 23"));
        assert!(bundle.text.ends_with("12 13 14 15 16 17 18 19 …"), "{}", bundle.text);
        let odd = Tensor::new(&[1.0_f32, f32::NAN], &Device::Cpu).unwrap();
        assert!(tensor(&odd).text.contains("1 not finite"));
        let empty = Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap();
        assert!(tensor(&empty).text.ends_with("empty"));
        let labels = Tensor::new(&[3_u32, 4], &Device::Cpu).unwrap();
        assert!(tensor(&labels).text.contains("Tensor [2] u32"), "{}", tensor(&labels).text);
    }

    #[test]
    fn images_are_shown_as_pictures() {
        let grey = Tensor::zeros((20, 1, 8, 8), DType::F32, &Device::Cpu).unwrap();
        let html = tensor(&grey).html.unwrap();
        assert_eq!(html.matches("<img").count(), PICTURES);
        assert!(html.contains("… 20 in all"));
        let colors = Tensor::ones((3, 5, 9), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(tensor(&colors).html.unwrap().matches("<img").count(), 1);
        let features = Tensor::zeros((2, 7, 5, 9), DType::F32, &Device::Cpu).unwrap();
        assert!(!tensor(&features).html.unwrap().contains("<img"));
    }
}
