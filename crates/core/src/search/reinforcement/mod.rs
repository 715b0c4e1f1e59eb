//! Searchers that learn by reinforcement: a policy draws architectures, and is changed so that those
//! that did well become more likely.
//!
//! All of them share what is here; each says in its own file what it maximizes.
//!
//! - `options`: choices as finite lists of options, which a policy has probabilities for.
//! - `policy`: what a policy is, drawing from it, and its probabilities and entropy as tensors.
//! - `table`, `lstm`: the two policies.
//! - `reward`: what a trial is worth: its rank.
//! - `learner`: settings, batches, baseline, and the step of Adam.
//! - `controller`: a policy whose rewards are at hand at once; `enas` has one.
//!
//! # What a policy learns from, and when
//! Trials are told in order, and up to as many as the lookahead are drawn before the first of them
//! is told. So a trial may have been drawn by an older policy than the one that learns from it.
//! Each trial says how many had been told when it was drawn; the learner keeps the policies since
//! then, and finds the probability again with which it was drawn. Nothing has to be remembered from
//! `ask`, and telling the same trials again makes the same weights.
//!
//! # Two implementations of one network
//! Weights are trained on candle, which finds the gradient. Architectures are drawn by loops over
//! plain numbers: a policy that is sure of itself is asked many times until it says something new,
//! and the small tensors of one architecture would take most of that time. A test compares the two.

mod controller;
mod learner;
mod lstm;
mod options;
mod policy;
pub mod ppo;
pub mod reinforce;
mod reward;
mod table;

pub(crate) use controller::{Config as ControllerConfig, Controller};
pub use learner::{PolicyKind, Settings};

#[cfg(test)]
mod tests;
