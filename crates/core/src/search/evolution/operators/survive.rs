//! Survivor rules: who leaves when somebody has joined.

use crate::search::evolution::{Order, Population};

/// Decides who leaves.
pub trait Survive: Send {
    /// Removes those who leave; the newest member joined just now.
    fn survive(&self, population: &mut Population);
}

/// The oldest leave, so that nobody stays for ever because of one lucky evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Aging {
    /// How many stay.
    pub size: usize,
}

impl Survive for Aging {
    fn survive(&self, population: &mut Population) {
        while population.len() > self.size {
            population.pop_oldest();
        }
    }
}

/// The worst of all, parents and children, leave as soon as there are `offspring` too many: the
/// (μ + λ) rule. Of equals the oldest leave. In the order of the fronts this is the rule of NSGA-II.
#[derive(Clone, Copy, Debug)]
pub struct Truncation {
    /// μ: how many stay.
    pub size: usize,
    /// λ: how many join before the worst leave, at least 1.
    pub offspring: usize,
    /// What "better" means.
    pub order: Order,
}

impl Survive for Truncation {
    fn survive(&self, population: &mut Population) {
        if population.len() >= self.size + self.offspring.max(1) {
            population.truncate(self.size, self.order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::evolution::population::tests::population;

    fn survivors(rule: &dyn Survive, of: &[(&[f64], f64)]) -> Vec<u32> {
        let mut population = population(of);
        rule.survive(&mut population);
        population.iter().map(|member| member.trial.0).collect()
    }

    #[test]
    fn who_survives() {
        let of: [(&[f64], f64); 5] = [
            (&[0.0, 4.0], 0.0),
            (&[1.0, 3.0], 0.0),
            (&[1.1, 2.9], 0.0),
            (&[4.0, 0.0], 0.0),
            (&[9.0, 9.0], 0.1),
        ];
        assert_eq!(survivors(&Aging { size: 2 }, &of), [3, 4]);
        let rule = |order, offspring| Truncation { size: 3, offspring, order };
        assert_eq!(survivors(&rule(Order::Score, 2), &of), [1, 2, 3]);
        // Member 1 has neighbors 0 and 1.1 of range 4, member 2 has 1 and 4.
        assert_eq!(survivors(&rule(Order::Front, 2), &of), [0, 2, 3]);
        assert_eq!(survivors(&rule(Order::Front, 3), &of), [0, 1, 2, 3, 4]);
        let equal: [(&[f64], f64); 4] = [(&[1.0], 0.0); 4];
        assert_eq!(survivors(&rule(Order::Score, 1), &equal), [1, 2, 3]);
    }
}
