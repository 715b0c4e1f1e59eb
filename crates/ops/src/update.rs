//! Steps of optimizers, fused over many weights and in place.

use pulp::{Simd, WithSimd};

use crate::simd::{Element, dispatch};

/// Stochastic gradient descent with momentum, with the arithmetic of PyTorch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// How far a step goes.
    pub learning_rate: f64,
    /// The part of the velocity that stays.
    pub momentum: f64,
    /// Whether the step looks ahead along the velocity (Nesterov).
    pub nesterov: bool,
    /// How much of a weight is added to its gradient.
    pub weight_decay: f64,
    /// What gradients are multiplied with first, as when they are clipped.
    pub gradient_scale: f64,
}

impl Sgd {
    /// Moves weights; all three are of one length. Velocities are 0 at first.
    pub fn step<E: Element>(self, weights: &mut [E], gradients: &[E], velocities: &mut [E]) {
        dispatch(SgdKernel { settings: self, weights, gradients, velocities });
    }
}

struct SgdKernel<'a, E> {
    settings: Sgd,
    weights: &'a mut [E],
    gradients: &'a [E],
    velocities: &'a mut [E],
}

impl<E: Element> WithSimd for SgdKernel<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { settings, weights, gradients, velocities } = self;
        let splat = |value: f64| E::splat(s, E::of(value));
        let (scale, decay) = (splat(settings.gradient_scale), splat(settings.weight_decay));
        let (momentum, rate) = (splat(settings.momentum), splat(-settings.learning_rate));
        for_each_weight::<S, E, _>(s, weights, gradients, [velocities], |w, g, [v]| {
            let g = E::mul_add(s, decay, w, E::mul(s, scale, g));
            let v = E::mul_add(s, momentum, v, g);
            let step = if settings.nesterov { E::mul_add(s, momentum, v, g) } else { v };
            (E::mul_add(s, rate, step, w), [v])
        });
    }
}

/// Adam with decoupled weight decay, with the arithmetic of PyTorch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// How far a step goes.
    pub learning_rate: f64,
    /// The part of the first moment that stays.
    pub beta_1: f64,
    /// The part of the second moment that stays.
    pub beta_2: f64,
    /// What is added to the root of the second moment.
    pub epsilon: f64,
    /// How much of a weight goes with each step, times the learning rate.
    pub weight_decay: f64,
    /// What gradients are multiplied with first, as when they are clipped.
    pub gradient_scale: f64,
    /// The number of this step, from 1.
    pub step: i32,
}

impl AdamW {
    /// Moves weights; all four are of one length. Moments are 0 at first.
    pub fn step<E: Element>(
        self,
        weights: &mut [E],
        gradients: &[E],
        first: &mut [E],
        second: &mut [E],
    ) {
        dispatch(AdamWKernel { settings: self, weights, gradients, first, second });
    }
}

struct AdamWKernel<'a, E> {
    settings: AdamW,
    weights: &'a mut [E],
    gradients: &'a [E],
    first: &'a mut [E],
    second: &'a mut [E],
}

impl<E: Element> WithSimd for AdamWKernel<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let AdamW { learning_rate, beta_1, beta_2, epsilon, weight_decay, gradient_scale, step } =
            self.settings;
        let splat = |value: f64| E::splat(s, E::of(value));
        let kept = splat(1.0 - learning_rate * weight_decay);
        let rate = splat(-learning_rate / (1.0 - beta_1.powi(step)));
        let root = splat(1.0 / (1.0 - beta_2.powi(step)).sqrt());
        let (epsilon, scale) = (splat(epsilon), splat(gradient_scale));
        let (old_1, new_1) = (splat(beta_1), splat(1.0 - beta_1));
        let (old_2, new_2) = (splat(beta_2), splat(1.0 - beta_2));
        let Self { weights, gradients, first, second, .. } = self;
        for_each_weight::<S, E, _>(s, weights, gradients, [first, second], |w, g, [m, v]| {
            let g = E::mul(s, scale, g);
            let m = E::mul_add(s, old_1, m, E::mul(s, new_1, g));
            let v = E::mul_add(s, old_2, v, E::mul(s, new_2, E::mul(s, g, g)));
            let change = E::div(s, m, E::mul_add(s, E::sqrt(s, v), root, epsilon));
            (E::mul_add(s, rate, change, E::mul(s, kept, w)), [m, v])
        });
    }
}

/// Changes weights and what is remembered of them, vector by vector; what is left over goes through
/// the same steps in a vector of its own.
#[inline(always)]
fn for_each_weight<S: Simd, E: Element, const N: usize>(
    s: S,
    weights: &mut [E],
    gradients: &[E],
    moments: [&mut [E]; N],
    mut update: impl FnMut(
        E::Vector<S>,
        E::Vector<S>,
        [E::Vector<S>; N],
    ) -> (E::Vector<S>, [E::Vector<S>; N]),
) {
    let whole = weights.len() / E::lanes::<S>() * E::lanes::<S>();
    let (w, w_rest) = weights.split_at_mut(whole);
    let (g, g_rest) = gradients[..whole + w_rest.len()].split_at(whole);
    let (mut m, mut m_rest) = ([(); N].map(|()| None), [(); N].map(|()| None));
    for (at, moments) in moments.into_iter().enumerate() {
        let (vectors, rest) = moments.split_at_mut(whole);
        m[at] = Some(E::vectors_mut::<S>(vectors));
        m_rest[at] = Some(rest);
    }
    let mut m = m.map(Option::unwrap_or_default);
    let mut m_rest = m_rest.map(Option::unwrap_or_default);
    let vectors = std::iter::zip(E::vectors_mut::<S>(w), E::vectors::<S>(g));
    for (at, (w, g)) in vectors.enumerate() {
        let old: [_; N] = std::array::from_fn(|i| m[i][at]);
        let (new, moments) = update(*w, *g, old);
        *w = new;
        for (m, new) in std::iter::zip(&mut m, moments) {
            m[at] = new;
        }
    }
    for (at, (w, g)) in std::iter::zip(w_rest, g_rest).enumerate() {
        let old: [_; N] = std::array::from_fn(|i| E::splat(s, m_rest[i][at]));
        let (new, moments) = update(E::splat(s, *w), E::splat(s, *g), old);
        *w = E::first::<S>(new);
        for (m, new) in std::iter::zip(&mut m_rest, moments) {
            m[at] = E::first::<S>(new);
        }
    }
}

/// The sum of the squares.
pub fn sum_of_squares<E: Element>(values: &[E]) -> f64 {
    struct Squares<'a, E>(&'a [E]);
    impl<E: Element> WithSimd for Squares<'_, E> {
        type Output = f64;

        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) -> f64 {
            let mut total = 0.0;
            // Few enough that no sum of f32 grows long.
            for chunk in self.0.chunks(1024) {
                let vectors = E::vectors::<S>(chunk);
                let mut sum = E::splat(s, E::default());
                for value in vectors {
                    sum = E::mul_add(s, *value, *value, sum);
                }
                let rest = &chunk[vectors.len() * E::lanes::<S>()..];
                total += E::sum(s, sum).wide();
                total += rest.iter().map(|value| value.wide() * value.wide()).sum::<f64>();
            }
            total
        }
    }
    dispatch(Squares(values))
}
