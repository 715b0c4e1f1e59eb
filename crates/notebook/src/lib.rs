//! Nascent in Rust notebooks: everything that a cell needs, in one library.
//!
//! ```no_run
//! use nascent_notebook::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! nascent_notebook::init();
//! let run = search! { space: "nas_bench_201 channels=4 cells=1", data: "digits", trials: 20 }?;
//! run.wait()?;
//! leaderboard!(run);
//! plot!(best_so_far, run);
//! architecture!(run.best()?);
//! # Ok(())
//! # }
//! ```
//!
//! Works in the kernel of this project, where a search shows its progress while other cells run, and in
//! the stock `evcxr_jupyter`, where each cell has one output, at its end.
//!
//! - [`macros`](#macros) are what is typed; [`Search`], [`Run`] and [`Space`] are behind them;
//! - [`Bundle`] is what a value looks like: HTML for notebooks and text for terminals;
//! - [`input`] asks the person, [`Comm`] talks with widgets;
//! - [`interrupt`] is how a cell is stopped without losing its variables.

mod ask;
mod bundle;
mod card;
mod channel;
mod comm;
mod declare;
mod display;
mod error;
mod html;
pub mod interrupt;
mod live;
mod macros;
mod pictures;
mod run;
mod search;
mod space;
mod space_macro;
mod svg;
mod tables;
mod tensors;

pub use ask::{input, password};
pub use bundle::Bundle;
pub use candle_core;
pub use candle_nn;
pub use comm::{Comm, on_comm};
pub use display::{EvcxrDisplay, bundle_of};
pub use error::{Error, Result};
pub use nascent;
pub use nascent_figures as figures;
pub use nascent_frames as frames;
pub use nascent_frames::polars;
pub use nascent_record as record;
pub use pictures::{Picture, plots};
pub use plotters;
pub use rand;
pub use rayon;
pub use run::{Run, TrialView};
pub use search::{Named, Search};
pub use serde;
pub use serde_json;
pub use space::Space;
pub use tables::{Comparison, Leaderboard};

#[doc(hidden)]
pub mod internal {
    //! What macros need.
    pub use crate::declare::{
        Declare, Edges, Given, NodeName, Nodes, Options, Parts, is_at_least, is_one_of, operation,
        ops, scales,
    };
    pub use crate::pictures::{architecture, difference, plot};
    pub use crate::tables::{compare, frame, leaderboard};
}

/// What every notebook begins with.
pub mod prelude {
    pub use candle_core::{self, DType, Device, IndexOp as _, Tensor, Var};
    pub use candle_nn::{self, Module as _};
    pub use nascent::search::{Ask, AskTell, Searcher};
    pub use nascent::space::SearchSpace;
    pub use nascent::{self, Seed};
    pub use nascent_record::{Architecture, Graph, Metrics, Op};
    pub use serde_json::{self, json};

    pub use crate::display::EvcxrDisplay as _;
    pub use crate::{
        Bundle, Comm, Run, Search, Space, TrialView, input, interrupt, on_comm, password,
    };
    pub use crate::{architecture, compare, diff, frame, leaderboard, plot, search, space};
}

/// Removes what is shown below the cell that runs; with `wait` when there is something else to show, so
/// that nothing flickers. Nothing happens in a kernel that is not ours.
pub fn clear_output(wait: bool) {
    channel::clear(wait);
}

/// Prepares this process: connects to the kernel, if that is ours, listens for interrupts, and leaves
/// the cores to trainings side by side. Cheap, and to be called once before all else; the kernel of this
/// project does that by itself.
pub fn init() {
    nascent::train::one_thread_per_operation();
    interrupt::listen();
    channel::connect();
}
