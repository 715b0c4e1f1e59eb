//! Plots of runs and drawings of architectures: runs to figures, figures to SVG and PNG.
//!
//! A picture is made in two steps, so that every way of looking at a run shows the same:
//!
//! 1. **What**: a [`Plot`] of [`PLOTS`] turns runs into a [`Figure`], [`draw_graph`] turns a
//!    [`Graph`](nascent_record::Graph) into a [`Drawing`]. Both are plain data without colors.
//! 2. **How**: [`render_svg`] and [`render_png`] draw either; the desktop app draws the same data
//!    with its own means.
//!
//! ```
//! use nascent_figures::{RenderOptions, draw_graph, render_svg};
//! use nascent_record::{Graph, Op};
//!
//! let mut graph = Graph::new("net");
//! graph.then("stem", Op::new("conv").with("kernel", 3_usize));
//! graph.then("head", Op::new("linear").with("features", 10_usize));
//! let svg = render_svg(&draw_graph(&graph), &RenderOptions::default())?;
//! assert!(svg.starts_with("<svg"));
//! # Ok::<(), nascent_figures::Error>(())
//! ```

mod error;
mod figure;
mod layout;
mod marks;
pub mod palette;
mod plot;
mod render;
mod text;

pub use error::{Error, Result};
pub use figure::{Axis, Figure, LegendEntry, Scale, Tick};
pub use layout::{Drawing, EdgePath, Label, NodeBox, OpFamily, draw_graph, draw_measured};
pub use marks::{
    Band, Bar, Bars, Bundle, Cell, Cells, Interval, Intervals, Link, Links, Mark, Parallel, Point,
    Role, Series, Thread,
};
pub use plot::{Ask, COSTS, NotYet, PLOTS, Plot, PlotOptions, Progress, Summary, find};
pub use render::{Picture, RenderOptions, Theme, render_png, render_svg};
