//! What updates the weights, with the arithmetic of PyTorch.

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};

use super::config::{OptimizerKind, TrainConfig};
use super::scale::LossScale;
use crate::Result;
use crate::nn::Parameter;

/// What is added to the root of the second moment of adamw.
pub(super) const EPSILON: f64 = 1e-8;

/// What updates the weights, with its memory of past gradients.
pub struct Optimizer {
    config: TrainConfig,
    parameters: Vec<Parameter>,
    /// Momentum or first moment, and second moment, of each parameter that has had a gradient.
    moments: Vec<(Option<Tensor>, Option<Tensor>)>,
    steps: i32,
}

impl Optimizer {
    /// An optimizer of these parameters.
    pub fn new(config: &TrainConfig, parameters: &[Parameter]) -> Self {
        Self {
            config: *config,
            parameters: parameters.to_vec(),
            moments: vec![(None, None); parameters.len()],
            steps: 0,
        }
    }

    /// How many numbers it remembers for each weight.
    pub(crate) fn moments(kind: OptimizerKind) -> u64 {
        match kind {
            OptimizerKind::Sgd => 1,
            OptimizerKind::Adamw => 2,
        }
    }

    /// The number of steps so far, and the moments by name.
    pub(crate) fn state(&self) -> (i32, Vec<(String, Tensor)>) {
        let named = std::iter::zip(&self.parameters, &self.moments);
        let moments = named.flat_map(|(parameter, (first, second))| {
            let named = |order: &str, moment: &Tensor| {
                (format!("{order}.{}", parameter.name), moment.clone())
            };
            let first = first.iter().map(move |moment| named("first", moment));
            first.chain(second.iter().map(move |moment| named("second", moment)))
        });
        (self.steps, moments.collect())
    }

    /// Goes back to a state. `read` finds a moment by its name, shaped as a parameter.
    pub(crate) fn restore(
        &mut self,
        steps: i32,
        read: impl Fn(&str, &Tensor) -> Result<Option<Tensor>>,
    ) -> Result<()> {
        self.steps = steps;
        for (parameter, moments) in std::iter::zip(&self.parameters, &mut self.moments) {
            let find =
                |order| read(&format!("{order}.{}", parameter.name), parameter.var.as_tensor());
            *moments = (find("first")?, find("second")?);
        }
        Ok(())
    }

    /// Moves the parameters against their gradients. A parameter without a gradient, because
    /// nothing depends on it, stays.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn step(&mut self, gradients: &GradStore, rate: f64) -> Result<()> {
        let found = self.find(gradients);
        self.update(found, rate)
    }

    /// The same, with gradients of a loss that was multiplied with `scale`. Does nothing and returns
    /// false if one is not finite, and the scale can be smaller.
    pub(super) fn step_scaled(
        &mut self,
        gradients: &GradStore,
        rate: f64,
        scale: LossScale,
    ) -> Result<bool> {
        let mut found = self.find(gradients);
        for gradient in found.iter_mut().flatten() {
            *gradient = (&*gradient / scale.value())?;
        }
        if !scale.is_least() && !sum_of_squares(&found)?.is_finite() {
            return Ok(false);
        }
        self.update(found, rate)?;
        Ok(true)
    }

    /// The gradient of each parameter. Detached: it may hold on to the tensors that it was computed
    /// of.
    fn find(&self, gradients: &GradStore) -> Vec<Option<Tensor>> {
        let of = |parameter: &Parameter| gradients.get(parameter.var.as_tensor());
        self.parameters.iter().map(|parameter| of(parameter).map(Tensor::detach)).collect()
    }

    fn update(&mut self, mut found: Vec<Option<Tensor>>, rate: f64) -> Result<()> {
        self.steps += 1;
        if self.config.clip_norm > 0.0 {
            clip(&mut found, self.config.clip_norm)?;
        }
        for (at, gradient) in found.into_iter().enumerate() {
            if let Some(gradient) = gradient {
                match self.config.optimizer {
                    OptimizerKind::Sgd => self.sgd(at, gradient, rate)?,
                    OptimizerKind::Adamw => self.adamw(at, &gradient, rate)?,
                }
            }
        }
        Ok(())
    }

    fn decay(&self, at: usize) -> f64 {
        decay(&self.config, &self.parameters[at])
    }

    fn sgd(&mut self, at: usize, mut gradient: Tensor, rate: f64) -> Result<()> {
        let weight = self.parameters[at].var.as_detached_tensor();
        let decay = self.decay(at);
        if decay > 0.0 {
            gradient = (gradient + (&weight * decay)?)?;
        }
        let momentum = self.config.momentum;
        if momentum > 0.0 {
            let velocity = match &self.moments[at].0 {
                Some(velocity) => ((velocity * momentum)? + &gradient)?,
                None => gradient.clone(),
            };
            gradient = if self.config.nesterov {
                (gradient + (&velocity * momentum)?)?
            } else {
                velocity.clone()
            };
            self.moments[at].0 = Some(velocity);
        }
        self.parameters[at].var.set(&(weight - (gradient * rate)?)?)?;
        Ok(())
    }

    fn adamw(&mut self, at: usize, gradient: &Tensor, rate: f64) -> Result<()> {
        let weight = self.parameters[at].var.as_detached_tensor();
        let weight = (weight * (1.0 - rate * self.decay(at)))?;
        let (beta_1, beta_2) = (self.config.beta_1, self.config.beta_2);
        let follow = |old: &Option<Tensor>, new: Tensor, beta: f64| match old {
            Some(old) => (old * beta)? + (new * (1.0 - beta))?,
            None => new * (1.0 - beta),
        };
        let first = follow(&self.moments[at].0, gradient.clone(), beta_1)?;
        let second = follow(&self.moments[at].1, gradient.sqr()?, beta_2)?;
        let (bias_1, bias_2) = (1.0 - beta_1.powi(self.steps), 1.0 - beta_2.powi(self.steps));
        let root = ((second.sqrt()? / bias_2.sqrt())? + EPSILON)?;
        let change = ((&first / root)? * (rate / bias_1))?;
        self.parameters[at].var.set(&(weight - change)?)?;
        self.moments[at] = (Some(first), Some(second));
        Ok(())
    }
}

/// How much a parameter shrinks.
pub(super) fn decay(config: &TrainConfig, parameter: &Parameter) -> f64 {
    if config.decay_all || parameter.is_weight { config.weight_decay } else { 0.0 }
}

/// What gradients are multiplied with so that their norm is at most `limit`.
pub(super) fn clip_factor(sum_of_squares: f64, limit: f64) -> f64 {
    (limit / (sum_of_squares.sqrt() + 1e-6)).min(1.0)
}

/// The number of a tensor that is one. Made an `f64` on the CPU: not all devices have those.
pub(super) fn number(tensor: &Tensor) -> Result<f64> {
    Ok(tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar()?)
}

/// The square of the common norm of the gradients.
fn sum_of_squares(gradients: &[Option<Tensor>]) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in gradients.iter().flatten() {
        sum += number(&gradient.sqr()?.sum_all()?)?;
    }
    Ok(sum)
}

/// Scales the gradients down to this common norm, if it is larger.
fn clip(gradients: &mut [Option<Tensor>], limit: f64) -> Result<()> {
    let factor = clip_factor(sum_of_squares(gradients)?, limit);
    if factor < 1.0 {
        for gradient in gradients.iter_mut().flatten() {
            *gradient = (&*gradient * factor)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    /// Three steps on the mean square of a linear layer, in float64.
    fn three_steps(config: &TrainConfig) -> (Vec<f64>, Vec<f64>) {
        let cpu = &Device::Cpu;
        let parameter = |name: &str, values: &[f64], dims: &[usize], is_weight| {
            let value = Tensor::from_slice(values, dims, cpu).unwrap();
            Parameter { name: name.to_owned(), var: Var::from_tensor(&value).unwrap(), is_weight }
        };
        let w = parameter("w", &[1.0, -2.0, 0.5, 3.0], &[2, 2], true);
        let b = parameter("b", &[0.1, -0.3], &[2], false);
        let x = Tensor::from_slice(&[1.0, 2.0, -1.0, 0.5, 0.3, -0.7], (3, 2), cpu).unwrap();
        let mut optimizer = Optimizer::new(config, &[w.clone(), b.clone()]);
        for _ in 0..3 {
            let y =
                x.matmul(&w.var.t().unwrap()).unwrap().broadcast_add(b.var.as_tensor()).unwrap();
            let loss = y.sqr().unwrap().mean_all().unwrap();
            optimizer.step(&loss.backward().unwrap(), 0.1).unwrap();
        }
        let values = |var: &Var| var.flatten_all().unwrap().to_vec1().unwrap();
        (values(&w.var), values(&b.var))
    }

    fn check(config: &TrainConfig, weights: [f64; 4], biases: [f64; 2]) {
        let (w, b) = three_steps(config);
        for (actual, expected) in w.iter().chain(&b).zip(weights.iter().chain(&biases)) {
            assert!((actual - expected).abs() < 1e-9, "{w:?} {b:?}");
        }
    }

    // The numbers are those of torch.optim of PyTorch 2.15, in float64.
    #[test]
    fn three_steps_are_those_of_pytorch() {
        let sgd = TrainConfig { weight_decay: 0.01, clip_norm: 0.0, ..TrainConfig::default() };
        check(
            &sgd,
            [0.949_451_039_455, -0.453_015_289_937, -0.377_856_192_807, 0.290_999_551_125],
            [0.578_635_446_072, -0.980_556_888_477],
        );
        let heavy_ball = TrainConfig { nesterov: false, ..sgd };
        check(
            &heavy_ball,
            [1.018_572_667_481, -0.717_955_678_778, -0.250_558_625_981, 0.730_120_610_778],
            [0.540_567_372_222, -0.959_510_667_222],
        );
        let plain = TrainConfig { momentum: 0.0, decay_all: true, ..sgd };
        check(
            &plain,
            [1.005_610_037_815, -1.331_126_081_778, 0.110_009_813_019, 1.817_420_819_778],
            [0.326_342_665_456, -0.636_441_995_256],
        );
        let adamw = TrainConfig { optimizer: OptimizerKind::Adamw, weight_decay: 0.05, ..sgd };
        check(
            &adamw,
            [1.190_057_899_483, -1.673_266_963_881, 0.195_213_615_309, 2.657_503_192_228],
            [0.396_157_813_168, -0.598_031_037_632],
        );
        let clipped = TrainConfig { weight_decay: 0.0, clip_norm: 1.0, ..sgd };
        check(
            &clipped,
            [1.015_988_222_682, -1.639_514_596_953, 0.284_557_562_497, 2.357_204_685_154],
            [0.231_555_500_853, -0.501_645_219_629],
        );
    }

    #[test]
    fn a_scaled_loss_takes_the_same_steps_but_those_that_overflow() {
        let config = TrainConfig::default();
        let start = Tensor::new(&[1.0_f32, -2.0], &Device::Cpu).unwrap();
        let parameter = || {
            let var = Var::from_tensor(&start).unwrap();
            Parameter { name: "w".to_owned(), var, is_weight: true }
        };
        let (plain, scaled) = (parameter(), parameter());
        let mut one = Optimizer::new(&config, std::slice::from_ref(&plain));
        let mut other = Optimizer::new(&config, std::slice::from_ref(&scaled));
        let scale = LossScale::new();
        let values = |parameter: &Parameter| parameter.var.to_vec1::<f32>().unwrap();
        for factors in [[0.5_f32, 3.0], [f32::INFINITY, 1.0], [f32::NAN, 1.0], [-1.0, 2.0]] {
            let factors = Tensor::new(&factors, &Device::Cpu).unwrap();
            let loss = |parameter: &Parameter, scale: f64| {
                let loss = (parameter.var.as_tensor() * &factors).unwrap().sum_all().unwrap();
                (loss * scale).unwrap().backward().unwrap()
            };
            let is_good = factors.to_vec1::<f32>().unwrap()[0].is_finite();
            if is_good {
                one.step(&loss(&plain, 1.0), 0.1).unwrap();
            }
            let gradients = loss(&scaled, scale.value());
            assert_eq!(other.step_scaled(&gradients, 0.1, scale).unwrap(), is_good);
            for (a, b) in std::iter::zip(values(&plain), values(&scaled)) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
        }
        assert_eq!(other.state().0, 2);
    }
}
