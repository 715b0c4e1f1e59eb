//! A policy whose rewards are at hand as soon as it has drawn: the controller of a search among
//! networks that share weights.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use nascent_record::{Architecture, Spec};

use super::lstm::Lstm;
use super::options::{Decisions, OptionTable};
use super::policy::{self, Policy as _, Sampler, Squash};
use crate::train::Optimizer;
use crate::{Result, Rng, Seed};

/// The bins of choices that are numbers with many values.
const BINS: usize = 16;

/// How it learns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// The hidden units.
    pub(crate) hidden_size: usize,
    /// The learning rate of Adam.
    pub(crate) learning_rate: f64,
    /// How much the entropy, in nats, weighs beside the reward.
    pub(crate) entropy_weight: f64,
    /// How much of the moving average of rewards is kept at each of them.
    pub(crate) baseline_decay: f64,
    /// What logits are divided by.
    pub(crate) temperature: f64,
    /// The largest logit, by a tanh; 0 for no limit.
    pub(crate) tanh_constant: f64,
}

/// The name of the baseline, with the number of steps, in a snapshot.
const BASELINE: &str = "baseline";

/// A recurrent network that draws architectures, and learns by REINFORCE with a moving average of the
/// rewards as the baseline.
pub(crate) struct Controller {
    spec: Spec,
    table: Arc<OptionTable>,
    config: Config,
    policy: Lstm,
    sampler: Arc<dyn Sampler>,
    optimizer: Optimizer,
    /// The moving average of the rewards; none before the first.
    baseline: Option<f64>,
}

impl Controller {
    /// With random weights.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub(crate) fn new(spec: &Spec, config: Config, seed: Seed) -> Result<Self> {
        let table = Arc::new(OptionTable::new(spec, BINS));
        let policy = Lstm::new(Arc::clone(&table), config.hidden_size, seed)?;
        let optimizer = policy::adam(&policy);
        let (spec, sampler) = (spec.clone(), policy.sampler()?);
        Ok(Self { spec, table, config, policy, sampler, optimizer, baseline: None })
    }

    fn squash(&self) -> Squash {
        Squash {
            temperature: self.config.temperature as f32,
            tanh_constant: self.config.tanh_constant as f32,
        }
    }

    /// Draws an architecture; with it, the sum of the entropies of its decisions in nats.
    ///
    /// # Errors
    /// If the choices cannot be made.
    pub(crate) fn draw(&self, rng: &mut Rng) -> Result<(Architecture, f64)> {
        self.draw_flattened(1.0, rng)
    }

    /// The architecture that takes the likeliest option of each choice.
    ///
    /// # Errors
    /// If the choices cannot be made.
    pub(crate) fn likeliest(&self) -> Result<Architecture> {
        // Logits so far apart have nothing but the likeliest drawn; of almost equal ones either may be.
        Ok(self.draw_flattened(1e-5, &mut Seed::new(0).rng())?.0)
    }

    fn draw_flattened(&self, flatten: f32, rng: &mut Rng) -> Result<(Architecture, f64)> {
        let (spec, table, squash) = (&self.spec, &self.table, self.squash());
        let drawn = policy::draw(&*self.sampler, spec, table, squash, flatten, rng)?;
        let entropy = drawn.entropy();
        Ok((drawn.architecture, entropy))
    }

    /// The moving average of the rewards; 0 before the first.
    pub(crate) fn baseline(&self) -> f64 {
        self.baseline.unwrap_or(0.0)
    }

    /// Makes those architectures more likely whose reward is above the moving average, in one step.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub(crate) fn learn(&mut self, rewarded: &[(Architecture, f64)]) -> Result<()> {
        let decay = self.config.baseline_decay;
        let mut advantages = Vec::with_capacity(rewarded.len());
        for (_, reward) in rewarded {
            let baseline = self.baseline.map_or(*reward, |b| decay * b + (1.0 - decay) * reward);
            advantages.push((reward - baseline) as f32);
            self.baseline = Some(baseline);
        }
        let decisions: Vec<Decisions> =
            rewarded.iter().map(|(drawn, _)| self.table.decisions(&self.spec, drawn)).collect();
        let decisions: Vec<&Decisions> = decisions.iter().collect();
        let advantages = Tensor::from_vec(advantages, rewarded.len(), &Device::Cpu)?;
        let now = policy::evaluate(&self.policy, self.squash(), &decisions)?;
        let gain = (now.log_probability * advantages)?.mean_all()?;
        let bonus = (now.entropy.mean_all()? * self.config.entropy_weight)?;
        let loss = (gain + bonus)?.neg()?;
        self.optimizer.step(&loss.backward()?, self.config.learning_rate)?;
        self.sampler = self.policy.sampler()?;
        Ok(())
    }

    /// What it has learned, for a snapshot.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub(crate) fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let (steps, moments) = self.optimizer.state();
        // Not a number stands for none.
        let numbers = [self.baseline.unwrap_or(f64::NAN), f64::from(steps)];
        let numbers = Tensor::new(&numbers, &Device::Cpu)?;
        let parameters = self.policy.parameters().iter();
        let mut tensors: Vec<(String, Tensor)> =
            parameters.map(|p| (p.name.clone(), p.var.as_tensor().clone())).collect();
        tensors.extend(moments);
        tensors.push((BASELINE.to_owned(), numbers));
        Ok(tensors)
    }

    /// Goes back to a state. `read` finds a tensor by its name, shaped as another; none, if there is
    /// none of that name.
    ///
    /// # Errors
    /// If one is missing, or of another shape.
    pub(crate) fn restore(
        &mut self,
        read: &dyn Fn(&str, &Tensor) -> Result<Option<Tensor>>,
    ) -> Result<()> {
        for parameter in self.policy.parameters() {
            if let Some(value) = read(&parameter.name, parameter.var.as_tensor())? {
                parameter.var.set(&value)?;
            }
        }
        let like = Tensor::new(&[0_f64; 2], &Device::Cpu)?;
        if let Some(numbers) = read(BASELINE, &like)? {
            let numbers = numbers.to_vec1::<f64>()?;
            self.baseline = (!numbers[0].is_nan()).then_some(numbers[0]);
            self.optimizer.restore(numbers[1] as i32, read)?;
        }
        self.sampler = self.policy.sampler()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::Choice;
    use safetensors::tensor::SafeTensors;

    use super::*;
    use crate::nn::weights;

    fn controller() -> Controller {
        let spec = Spec::new((0..4).map(|i| Choice::integer(format!("c{i}"), 0, 4)).collect());
        let config = Config {
            hidden_size: 16,
            learning_rate: 0.02,
            entropy_weight: 1e-3,
            baseline_decay: 0.9,
            temperature: 1.0,
            tanh_constant: 2.5,
        };
        Controller::new(&spec.unwrap(), config, Seed::new(1)).unwrap()
    }

    /// So many steps in which the reward is how often the choices are 3; the mean of the last one.
    fn train(controller: &mut Controller, steps: u32, rng: &mut Rng) -> f64 {
        let mut mean = 0.0;
        for _ in 0..steps {
            let mut rewarded = Vec::new();
            for _ in 0..8 {
                let (drawn, _) = controller.draw(rng).unwrap();
                let threes = (0..4).filter(|at| drawn.int(*at) == Some(3)).count();
                rewarded.push((drawn, threes as f64 / 4.0));
            }
            mean = rewarded.iter().map(|(_, reward)| reward).sum::<f64>() / 8.0;
            controller.learn(&rewarded).unwrap();
        }
        mean
    }

    #[test]
    fn it_learns_what_is_rewarded() {
        let (mut controller, mut rng) = (controller(), Seed::new(2).rng());
        let (_, before) = controller.draw(&mut rng).unwrap();
        assert!((before - 4.0 * 5_f64.ln()).abs() < 0.1, "first it draws evenly: {before}");
        let mean = train(&mut controller, 120, &mut rng);
        let (_, after) = controller.draw(&mut rng).unwrap();
        assert!(mean > 0.7, "{mean}");
        assert!(after < before - 1.0, "{after} nats of {before}");
        let likeliest = controller.likeliest().unwrap();
        assert_eq!((0..4).map(|at| likeliest.int(at)).collect::<Vec<_>>(), [Some(3); 4]);
    }

    #[test]
    fn it_goes_on_from_a_state_as_if_nothing_had_happened() {
        let mut undisturbed = controller();
        train(&mut undisturbed, 5, &mut Seed::new(3).rng());
        let state = undisturbed.state().unwrap();
        let named = state.iter().map(|(name, tensor)| (name.clone(), tensor));
        let bytes = weights::write(named, &()).unwrap();
        let mut other = controller();
        train(&mut other, 1, &mut Seed::new(9).rng());
        let saved = SafeTensors::deserialize(&bytes).unwrap();
        other
            .restore(&|name, like| {
                let is_there = saved.tensor(name).is_ok();
                is_there.then(|| weights::read(&saved, name, like)).transpose()
            })
            .unwrap();
        assert_eq!(other.baseline, undisturbed.baseline);
        train(&mut undisturbed, 3, &mut Seed::new(4).rng());
        train(&mut other, 3, &mut Seed::new(4).rng());
        let numbers = |controller: &Controller| -> Vec<f32> {
            let parameters = controller.policy.parameters().iter();
            parameters.flat_map(|p| p.var.flatten_all().unwrap().to_vec1().unwrap()).collect()
        };
        assert_eq!(numbers(&other), numbers(&undisturbed));
    }
}
