//! Searchers that train many architectures a little and few to the end. A promising trial is
//! *promoted*: a later trial goes on with its training. Scores are compared within a rung only.

pub mod bohb;
pub mod hyperband;
mod rungs;
pub mod successive_halving;

pub use rungs::Rungs;
