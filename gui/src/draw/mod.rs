//! Figures and networks, drawn. `chart.rs`, `axis.rs` and `painting.rs` are the only files that name
//! egui_plot.

mod axis;
mod chart;
mod csv;
mod difference;
mod network;
mod painting;
mod parallel;
mod prepare;
mod reduce;

pub(crate) use chart::{Look, show as show_chart};
pub(crate) use difference::{State, States, differences};
pub(crate) use network::{show as show_network, tint};
pub(crate) use parallel::{Brushes, passes};
pub(crate) use prepare::Chart;
