//! What the searchers of this folder share: a policy, and when and from what it learns.

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use nascent_record::{Goal, Origin, Outcome, Proposal, Signals, Spec, Trial};
use serde::{Deserialize, Serialize};

use super::lstm::Lstm;
use super::options::{Decisions, OptionTable};
use super::policy::{self, Drawn, Evaluated, Policy, Sampler, Squash};
use super::reward::{Ending, Ranks};
use super::table::Table;
use crate::config::invalid;
use crate::search::{Ask, AskContext, SearchSetup};
use crate::train::Optimizer;
use crate::{Result, Rng};

/// How many architectures are drawn for one question before the policy gives up.
const DRAWS: u8 = 32;
/// What the logits are divided by, once more for each draw that was not admitted.
const FLATTEN: f32 = 1.1;
/// A choice with more options has no list of probabilities among the signals.
const LONGEST_LIST: usize = 32;

/// What a policy is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// A recurrent network that knows its earlier decisions.
    Lstm,
    /// One logit for each option of each choice.
    Table,
}

/// The settings that all searchers of this folder have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What the policy is made of: lstm or table.
    pub policy: PolicyKind,
    /// Trials between two updates of the policy; 1 to 1000.
    pub batch_size: usize,
    /// The learning rate of Adam, above 0; if absent (`null`), 0.1 for a table and 0.02 for an lstm.
    pub learning_rate: Option<f64>,
    /// How much of the baseline, a moving average of rewards, is kept at each trial; from 0 to below
    /// 1. That of NAS-Bench-201 is 0.9.
    pub baseline_decay: f64,
    /// How much the entropy of the policy, in nats, weighs beside the reward; at least 0.
    pub entropy_weight: f64,
    /// The hidden units of an lstm; 1 to 512.
    pub hidden_size: usize,
    /// What logits are divided by; above 0. ENAS has 5.
    pub temperature: f64,
    /// The largest logit, by a tanh; 0 for no limit. ENAS has 2.5.
    pub tanh_constant: f64,
    /// The bins of float choices, and of integer choices with more values than that; 2 to 256.
    pub bins: usize,
}

impl Settings {
    /// Those of every policy, with batches of this size.
    pub(super) fn with_batch_size(batch_size: usize) -> Self {
        Self {
            policy: PolicyKind::Table,
            batch_size,
            learning_rate: None,
            baseline_decay: 0.9,
            entropy_weight: 0.05,
            hidden_size: 32,
            temperature: 1.0,
            tanh_constant: 0.0,
            bins: 16,
        }
    }

    fn rate(&self) -> f64 {
        self.learning_rate.unwrap_or(match self.policy {
            PolicyKind::Table => 0.1,
            PolicyKind::Lstm => 0.02,
        })
    }

    fn check(&self, name: &str) -> Result<()> {
        // What becomes a number of single precision must not overflow there.
        let positive = |x: f64| (1e-6..=1e6).contains(&x);
        let not_negative = |x: f64| (0.0..=1e6).contains(&x);
        let (batch, hidden, bins) = (self.batch_size, self.hidden_size, self.bins);
        let rules = [
            ("batch_size", batch as f64, (1..=1000).contains(&batch), "1 to 1000"),
            ("learning_rate", self.rate(), positive(self.rate()), "above 0, from 1e-6 to 1e6"),
            (
                "baseline_decay",
                self.baseline_decay,
                (0.0..1.0).contains(&self.baseline_decay),
                "from 0 to below 1",
            ),
            (
                "entropy_weight",
                self.entropy_weight,
                not_negative(self.entropy_weight),
                "from 0 to 1e6",
            ),
            ("hidden_size", hidden as f64, (1..=512).contains(&hidden), "1 to 512"),
            (
                "temperature",
                self.temperature,
                positive(self.temperature),
                "above 0, from 1e-6 to 1e6",
            ),
            (
                "tanh_constant",
                self.tanh_constant,
                not_negative(self.tanh_constant),
                "from 0 to 1e6",
            ),
            ("bins", bins as f64, (2..=256).contains(&bins), "2 to 256"),
        ];
        match rules.iter().find(|(.., holds, _)| !holds) {
            Some((setting, value, _, range)) => {
                Err(invalid(name, format!("{setting} is {value}, and must be {range}")))
            }
            None => Ok(()),
        }
    }
}

/// One trial of a batch.
struct Sample {
    decisions: Decisions,
    ending: Ending,
    /// The logarithm of the probability with which the policy drew it; `None` if it did not.
    drawn_with: Option<f64>,
}

/// A batch as tensors, one number for each trial.
pub(super) struct Batch {
    /// The reward less the baseline.
    pub(super) advantage: Tensor,
    /// The logarithm of the probability with which it was drawn.
    pub(super) drawn_with: Tensor,
}

/// A policy that learns, see the [module](self).
pub(super) struct Learner {
    settings: Settings,
    goal: Goal,
    table: Arc<OptionTable>,
    squash: Squash,
    policy: Box<dyn Policy>,
    optimizer: Optimizer,
    /// The policies that pending trials may come from, with the number of trials told before each;
    /// the last is the one of now.
    versions: VecDeque<(u32, Arc<dyn Sampler>)>,
    ranks: Ranks,
    batch: Vec<Sample>,
    told: u32,
    /// The moving average of rewards.
    baseline: f64,
    /// The mean of the last batch.
    advantage: f64,
    spec: Spec,
}

/// What is to be maximized.
pub(super) type Surrogate<'a> = &'a dyn Fn(&Evaluated, &Batch) -> Result<Tensor>;

impl Learner {
    pub(super) fn new(name: &str, settings: Settings, setup: &SearchSetup) -> Result<Self> {
        settings.check(name)?;
        let table = Arc::new(OptionTable::new(setup.space.spec(), settings.bins));
        let policy: Box<dyn Policy> = match settings.policy {
            PolicyKind::Table => Box::new(Table::new(Arc::clone(&table))?),
            PolicyKind::Lstm => {
                Box::new(Lstm::new(Arc::clone(&table), settings.hidden_size, setup.seed)?)
            }
        };
        Ok(Self {
            settings,
            goal: setup.goal.clone(),
            squash: Squash {
                temperature: settings.temperature as f32,
                tanh_constant: settings.tanh_constant as f32,
            },
            table,
            optimizer: policy::adam(&*policy),
            versions: VecDeque::from([(0, policy.sampler()?)]),
            policy,
            ranks: Ranks::default(),
            batch: Vec::new(),
            told: 0,
            baseline: 0.0,
            advantage: 0.0,
            spec: setup.space.spec().clone(),
        })
    }

    /// The policy of now.
    fn sampler(&self) -> &dyn Sampler {
        // There is always one.
        &*self.versions[self.versions.len() - 1].1
    }

    /// Draws until something is admitted, a little more evenly each time: a policy that is sure of
    /// what is known already goes on near it.
    pub(super) fn ask(&self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let mut flatten = 1.0;
        let mut drawn = self.draw(flatten, &mut cx.rng)?;
        for _ in 1..DRAWS {
            if cx.admits(&drawn.architecture) {
                break;
            }
            flatten *= FLATTEN;
            drawn = self.draw(flatten, &mut cx.rng)?;
        }
        let signals = self.signals(&drawn);
        Ok(Ask::Propose(Proposal::new(drawn.architecture).with_signals(signals)))
    }

    fn draw(&self, flatten: f32, rng: &mut Rng) -> Result<Drawn> {
        policy::draw(self.sampler(), &self.spec, &self.table, self.squash, flatten, rng)
    }

    fn log_probability(&self, sampler: &dyn Sampler, decisions: &Decisions) -> f64 {
        policy::log_probability(sampler, &self.table, self.squash, decisions)
    }

    fn signals(&self, drawn: &Drawn) -> Signals {
        // Four digits are enough for the eye, and short in the log.
        let short = |x: f64| (x * 1e4).round() / 1e4;
        let mut signals = Signals::default()
            .with("entropy", short(drawn.entropy()))
            .with("baseline", short(self.baseline))
            .with("advantage", short(self.advantage));
        for (at, probabilities) in &drawn.probabilities {
            if probabilities.len() <= LONGEST_LIST {
                let name = format!("probabilities.{}", self.spec.choices()[*at].name);
                let list = probabilities.iter().map(|p| short(f64::from(*p))).collect();
                signals = signals.with_list(name, list);
            }
        }
        signals
    }

    /// Takes a trial into the batch, and learns from the batch when it is full, `epochs` times.
    pub(super) fn tell(&mut self, trial: &Trial, epochs: u32, gain: Surrogate<'_>) -> Result<()> {
        let ending = match (self.goal.trial_score(trial), &trial.outcome) {
            (Some(score), _) => Ending::Scored(score),
            (None, Some(Outcome::Pruned(_))) => Ending::Pruned,
            (None, _) => Ending::Failed,
        };
        self.ranks.add(ending);
        // Trials are told in order, so none to come was drawn by an older policy than this one.
        while self.versions.get(1).is_some_and(|(since, _)| *since <= trial.told) {
            self.versions.pop_front();
        }
        let decisions = self.table.decisions(&self.spec, &trial.proposal.architecture);
        // One that was reused was drawn here as well.
        let own = matches!(trial.proposal.origin.as_deref(), None | Some(Origin::Reused { .. }));
        let drawn_with = own.then(|| self.log_probability(&*self.versions[0].1, &decisions));
        self.batch.push(Sample { decisions, ending, drawn_with });
        self.told += 1;
        if self.batch.len() >= self.settings.batch_size {
            self.learn(epochs, gain)?;
        }
        Ok(())
    }

    fn learn(&mut self, epochs: u32, gain: Surrogate<'_>) -> Result<()> {
        let samples = std::mem::take(&mut self.batch);
        let rewards: Vec<f64> = samples.iter().map(|s| self.ranks.reward(s.ending)).collect();
        if self.versions.len() == 1 && self.told as usize == samples.len() {
            self.baseline = rewards.iter().sum::<f64>() / rewards.len() as f64;
        }
        let decay = self.settings.baseline_decay;
        let (mut advantages, mut drawn_with) = (Vec::new(), Vec::new());
        for (sample, reward) in std::iter::zip(&samples, rewards) {
            self.baseline = decay * self.baseline + (1.0 - decay) * reward;
            let advantage = reward - self.baseline;
            let (weight, log_probability) = self.weigh(sample, advantage);
            advantages.push(advantage * weight);
            drawn_with.push(log_probability);
        }
        self.advantage = advantages.iter().sum::<f64>() / advantages.len() as f64;
        let tensor = |values: Vec<f64>| -> Result<Tensor> {
            Ok(Tensor::from_iter(values.into_iter().map(|x| x as f32), &Device::Cpu)?)
        };
        let batch = Batch { advantage: tensor(advantages)?, drawn_with: tensor(drawn_with)? };
        let decisions: Vec<&Decisions> = samples.iter().map(|s| &s.decisions).collect();
        for _ in 0..epochs {
            let now = policy::evaluate(&*self.policy, self.squash, &decisions)?;
            let bonus = (now.entropy.mean_all()? * self.settings.entropy_weight)?;
            let loss = (gain(&now, &batch)?.mean_all()? + bonus)?.neg()?;
            self.optimizer.step(&loss.backward()?, self.settings.rate())?;
        }
        self.versions.push_back((self.told, self.policy.sampler()?));
        Ok(())
    }

    /// How much a trial counts, and the logarithm of the probability with which it was drawn.
    ///
    /// One that the policy did not draw is taken as if drawn by the policy of now. If it is good,
    /// it is imitated. If it is bad, it counts by how likely the policy is to draw it, relative to
    /// an even draw: what the policy avoids already need not be unlearned.
    fn weigh(&self, sample: &Sample, advantage: f64) -> (f64, f64) {
        if let Some(drawn_with) = sample.drawn_with {
            return (1.0, drawn_with);
        }
        let now = self.log_probability(self.sampler(), &sample.decisions);
        if advantage >= 0.0 {
            return (1.0, now);
        }
        let decided = sample.decisions.iter().enumerate().filter(|(_, option)| option.is_some());
        let even: f64 = decided.map(|(at, _)| -(self.table.count(at) as f64).ln()).sum();
        ((now - even).min(0.0).exp(), now)
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::{Choice, Metrics, Objective, TrialId};

    use super::*;
    use crate::Seed;
    use crate::space::{Choices, SearchSpace, SpecExt as _};

    fn learner(settings: Settings) -> (Learner, Arc<dyn SearchSpace>) {
        let spec = Spec::new((0..4).map(|i| Choice::integer(format!("c{i}"), 0, 4)).collect());
        let space: Arc<dyn SearchSpace> = Arc::new(Choices::new(spec.unwrap()));
        let goal = Goal::new(Objective::maximize("score"));
        let setup = SearchSetup::new(Arc::clone(&space), goal, Seed::new(1));
        (Learner::new("test", settings, &setup).unwrap(), space)
    }

    fn told(number: u32, told: u32, proposal: Proposal) -> Trial {
        let score = proposal.architecture.int(0).unwrap() as f64;
        let mut trial = Trial::new(TrialId(number), proposal, told);
        trial.outcome = Some(Outcome::Complete(Metrics::new([("score", score)]).unwrap()));
        trial
    }

    fn reinforce(now: &Evaluated, batch: &Batch) -> Result<Tensor> {
        Ok((&now.log_probability * &batch.advantage)?)
    }

    /// Trials are drawn up to 8 before they are told; what they were drawn with is found again.
    #[test]
    fn a_trial_counts_with_the_policy_that_drew_it() {
        for policy in [PolicyKind::Table, PolicyKind::Lstm] {
            let settings = Settings { policy, ..Settings::with_batch_size(3) };
            let (mut learner, _) = learner(settings);
            let mut open = VecDeque::new();
            let mut rng = Seed::new(2).rng();
            let mut versions = 0;
            for number in 0..40 {
                let drawn = learner.draw(1.0, &mut rng).unwrap();
                let decisions = learner.table.decisions(&learner.spec, &drawn.architecture);
                let with = learner.log_probability(learner.sampler(), &decisions);
                let proposal = Proposal::new(drawn.architecture);
                open.push_back((told(number, learner.told, proposal), with));
                if open.len() == 8 {
                    let (trial, with) = open.pop_front().unwrap();
                    let before = learner.batch.len();
                    learner.settings.batch_size = usize::MAX; // look before it learns
                    learner.tell(&trial, 1, &reinforce).unwrap();
                    assert_eq!(learner.batch[before].drawn_with, Some(with), "trial {number}");
                    versions = versions.max(learner.versions.len());
                    if learner.batch.len() == 3 {
                        learner.learn(1, &reinforce).unwrap();
                    }
                }
            }
            assert!((3..=4).contains(&versions), "{versions} policies were kept");
        }
    }

    #[test]
    fn what_others_drew_is_imitated_if_it_is_good() {
        let (mut learner, space) = learner(Settings::with_batch_size(2));
        let best = space.parse("c0=4,c1=1,c2=2,c3=3").unwrap();
        let decisions = learner.table.decisions(&learner.spec, &best);
        let before = learner.log_probability(learner.sampler(), &decisions);
        let mut rng = Seed::new(3).rng();
        for number in 0..20 {
            let other = if number % 2 == 0 { best.clone() } else { space.spec().sample(&mut rng) };
            let proposal = Proposal::new(other).with_origin(Origin::Enqueued);
            learner.tell(&told(number, 0, proposal), 1, &reinforce).unwrap();
        }
        let after = learner.log_probability(learner.sampler(), &decisions);
        assert!(after > before + 1.0, "{before} became {after}");
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_value_and_range() {
        let good = Settings::with_batch_size(4);
        let message = |settings: Settings| settings.check("ppo").unwrap_err().to_string();
        good.check("ppo").unwrap();
        assert_eq!(
            message(Settings { batch_size: 0, ..good }),
            "ppo: batch_size is 0, and must be 1 to 1000"
        );
        let wrong = [
            (Settings { learning_rate: Some(0.0), ..good }, "learning_rate is 0,"),
            (Settings { baseline_decay: 1.0, ..good }, "baseline_decay is 1,"),
            (Settings { entropy_weight: f64::NAN, ..good }, "entropy_weight is NaN,"),
            (Settings { hidden_size: 1000, ..good }, "hidden_size is 1000,"),
            (Settings { temperature: -1.0, ..good }, "temperature is -1,"),
            (Settings { tanh_constant: f64::INFINITY, ..good }, "tanh_constant is inf,"),
            (Settings { bins: 1, ..good }, "bins is 1,"),
        ];
        for (settings, expected) in wrong {
            assert!(message(settings).contains(expected), "{}", message(settings));
        }
    }
}
