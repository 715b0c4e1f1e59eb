//! Figures and networks, drawn. `chart.rs` is the only file that names egui_plot.

mod chart;
mod network;
mod parallel;
mod prepare;
mod reduce;

pub(crate) use chart::{Look, show as show_chart};
pub(crate) use network::show as show_network;
pub(crate) use parallel::Brushes;
pub(crate) use prepare::Chart;
