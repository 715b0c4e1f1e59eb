//! From plain data to pixels and to SVG, by plotters.

mod boxes;
mod chart;
mod header;
mod network;
mod paint;
mod parallel;
mod scene;
mod theme;
mod ticks;

use crate::{Drawing, Error, Figure, Result};

/// Which background a picture is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on near black.
    Dark,
}

/// How a picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RenderOptions {
    /// The width of a figure and the greatest width of a drawing, in pixels.
    pub width: u32,
    /// The height of a figure, in pixels; a drawing takes the height that it needs.
    pub height: u32,
    /// The background.
    pub theme: Theme,
    /// How many dots of a PNG make a pixel; 2 is sharp on today's screens.
    pub scale: f64,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { width: 720, height: 440, theme: Theme::Light, scale: 2.0 }
    }
}

/// What can be rendered.
#[derive(Clone, Copy, Debug)]
pub enum Picture<'a> {
    /// A plot of runs.
    Figure(&'a Figure),
    /// A drawing of a network.
    Drawing(&'a Drawing),
}

impl<'a> From<&'a Figure> for Picture<'a> {
    fn from(figure: &'a Figure) -> Self {
        Self::Figure(figure)
    }
}

impl<'a> From<&'a Drawing> for Picture<'a> {
    fn from(drawing: &'a Drawing) -> Self {
        Self::Drawing(drawing)
    }
}

impl Picture<'_> {
    fn title(&self) -> &str {
        match self {
            Self::Figure(figure) => &figure.title,
            Self::Drawing(drawing) => &drawing.title,
        }
    }

    fn error(&self, problem: impl std::fmt::Display) -> Error {
        Error::Render { what: format!("\"{}\"", self.title()), problem: problem.to_string() }
    }

    fn scene(&self, options: &RenderOptions) -> Result<scene::Scene> {
        let RenderOptions { width, height, scale, .. } = *options;
        let drawable = |side: u32| (160..=16_384).contains(&side);
        if !drawable(width) || !drawable(height) {
            return Err(self.error(format!(
                "{width} × {height} pixels are out of bounds; each side must be 160 to 16384"
            )));
        }
        if !(0.5..=8.0).contains(&scale) {
            return Err(self.error(format!("the scale {scale} must be 0.5 to 8")));
        }
        Ok(match self {
            Self::Figure(figure) => chart::scene(figure, options),
            Self::Drawing(drawing) => network::scene(drawing, options),
        })
    }
}

/// The picture as an SVG document. The same picture and options always give the same text.
///
/// # Errors
/// If the options ask for an impossible size.
pub fn render_svg<'a>(picture: impl Into<Picture<'a>>, options: &RenderOptions) -> Result<String> {
    let picture = picture.into();
    let scene = picture.scene(options)?;
    paint::svg(&scene, picture.title()).map_err(|problem| picture.error(problem))
}

/// The picture as a PNG file of `width * scale` by `height * scale` dots.
///
/// # Errors
/// If the options ask for an impossible size.
pub fn render_png<'a>(picture: impl Into<Picture<'a>>, options: &RenderOptions) -> Result<Vec<u8>> {
    let picture = picture.into();
    let scene = picture.scene(options)?;
    paint::png(&scene, options.scale).map_err(|problem| picture.error(problem))
}
