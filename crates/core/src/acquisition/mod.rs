//! Acquisition functions: how much a model's guess about an architecture makes it worth a trial.
//!
//! Pure functions of a normal prediction (mean and standard deviation). The objective is oriented
//! so that more is better, and so is the result.

mod ei;
mod hypervolume;
mod normal;
mod thompson;
mod ucb;

pub use ei::{expected_improvement, log_expected_improvement};
pub use hypervolume::Front;
pub use normal::{normal_cdf, normal_pdf};
pub use thompson::standard_normal;
pub use ucb::upper_confidence_bound;
