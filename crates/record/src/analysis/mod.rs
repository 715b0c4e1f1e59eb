//! What a person asks of a run: how good, how fast, at what price, and because of what.

mod comparison;
mod correlation;
mod importance;
mod incumbent;
mod pareto;

pub use comparison::{PairedDifference, first_to_reach, overlap, paired_bootstrap};
pub use correlation::{kendall_tau, spearman_rho};
pub use importance::{ChoiceImportance, choice_importance};
pub use incumbent::{
    BestSoFar, best_so_far, best_trial, incumbent, leaderboard, most_thorough, regret,
};
pub use pareto::{
    hypervolume, hypervolume_growth, hypervolume_shares, pareto_front, pareto_ranks, pareto_trials,
};
