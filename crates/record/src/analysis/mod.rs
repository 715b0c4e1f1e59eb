//! What a person asks of a run: how good, how fast, at what price, and because of what.

mod comparison;
mod correlation;
mod importance;
mod incumbent;
mod lineage;
mod pareto;
mod setting;
mod shared_weights;
mod signals;

pub use comparison::{
    Overlap, PairedDifference, first_to_reach, holm, overlaps, paired_difference,
};
pub use correlation::{kendall_tau, spearman_rho};
pub use importance::{ChoiceImportance, choice_importance};
pub use incumbent::{
    BestSoFar, best_so_far, best_trial, comparable, finalists, incumbent, leaderboard,
    most_thorough, regret,
};
pub use lineage::main_parent;
pub use pareto::{
    hypervolume, hypervolume_growth, hypervolume_shares, pareto_front, pareto_ranks, pareto_trials,
};
pub use setting::{Difference, differences, setting_names};
pub use shared_weights::{RankAgreement, SharedPair, rank_agreement, shared_pairs};
pub use signals::list_names;
