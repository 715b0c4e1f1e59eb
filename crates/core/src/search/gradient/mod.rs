//! Searchers that train one network in which all networks of the space share weights, instead of
//! many networks.
//!
//! - [`darts`], [`pc_darts`], [`gdas`], [`drnas`], [`fair_darts`], [`proxyless`]: how operations are
//!   mixed, and how it is learned which to prefer; [`random_ws`], [`spos`], [`enas`]: how networks are
//!   compared by weights that they share;
//! - `method`: what tells them apart: how operations are mixed, and how α learns;
//! - `one_shot`: what they share: the epochs, what is logged of each, and the proposals at the end;
//! - `settings`: the settings of a supernet;
//! - `curvature`: the sign of a collapse, and when to stop;
//! - `alpha`: how much each operation of each edge is preferred, and Adam for that;
//! - `paths`: single networks of a supernet;
//! - `relaxation`: what is asked of a space; `costs`: what its operations cost;
//! - `ranking`: which architectures to propose, the strongest first.
//!
//! Such a searcher trains while it is asked: [`Ask::Trained`](super::Ask::Trained) says that an epoch
//! is over. Behind the last epoch it proposes the architectures that it prefers, one after the other,
//! which an evaluator trains from scratch or looks up, as those of every other searcher.

mod alpha;
mod costs;
mod curvature;
pub mod darts;
pub mod drnas;
pub mod enas;
pub mod fair_darts;
pub mod gdas;
mod method;
mod one_shot;
mod paths;
pub mod pc_darts;
pub mod proxyless;
pub mod random_ws;
mod ranking;
mod relaxation;
mod settings;
pub mod spos;
#[cfg(test)]
mod tests;

pub use settings::{CostKind, Proposals, Settings};
