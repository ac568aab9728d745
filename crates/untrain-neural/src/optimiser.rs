//! Steps along gradients: momentum, Adam, and how long the steps are.

use serde::{Deserialize, Serialize};

/// Which steps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Stochastic gradient descent with momentum; weight decay is part of the gradient.
    #[default]
    Sgd,
    /// Adam \[@kingma2015\]; weight decay is part of the gradient.
    Adam,
    /// Adam with weight decay apart from the gradient \[@loshchilov2019\].
    AdamW,
}

/// How the learning rate goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// It falls along half a cosine to nothing.
    Cosine,
    /// It falls to a tenth after half, and again after three quarters and nine tenths of the steps.
    Steps,
}

impl Schedule {
    /// What the learning rate is multiplied with at a step of so many.
    pub fn factor(self, step: usize, n_steps: usize) -> f32 {
        let at = step as f64 / n_steps.max(1) as f64;
        let factor = match self {
            Self::Constant => 1.0,
            Self::Cosine => 0.5 * (1.0 + libm::cos(std::f64::consts::PI * at)),
            Self::Steps => [0.5, 0.75, 0.9].into_iter().filter(|mark| at >= *mark).fold(1.0, |factor, _| factor * 0.1),
        };
        factor as f32
    }
}

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// What takes the steps: a rule, and what it remembers of earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimiser {
    /// The rule.
    pub rule: Rule,
    /// For [`Rule::Sgd`], how much of a step goes on.
    pub momentum: f32,
    /// How strongly parameters are drawn to zero.
    pub weight_decay: f32,
    first: Vec<f32>,
    second: Vec<f32>,
    n_steps: u32,
}

impl Optimiser {
    /// One that has not stepped yet.
    pub fn new(rule: Rule, momentum: f32, weight_decay: f32) -> Self {
        Self { rule, momentum, weight_decay, first: Vec::new(), second: Vec::new(), n_steps: 0 }
    }

    /// Moves `parameters` against `gradient`; those that the mask leaves out stay as they are, whatever momentum and decay would do.
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32], rate: f32, mask: Option<&[bool]>) {
        self.n_steps += 1;
        self.first.resize(parameters.len(), 0.0);
        let n_steps = i32::try_from(self.n_steps).unwrap_or(i32::MAX);
        if self.rule != Rule::Sgd {
            self.second.resize(parameters.len(), 0.0);
        }
        let power = |beta: f32| (1.0 - libm::pow(f64::from(beta), f64::from(n_steps))) as f32;
        let (correction_1, correction_2) = (power(BETA_1), power(BETA_2));
        pulp::Arch::new().dispatch(Moves { optimiser: self, parameters, gradient, mask, rate, correction_1, correction_2 });
    }

    /// What it remembers: the moments and the number of steps.
    pub fn memory(&self) -> (&[f32], &[f32], u32) {
        (&self.first, &self.second, self.n_steps)
    }

    /// Goes on from what another one remembered.
    #[must_use]
    pub fn remembering(self, first: Vec<f32>, second: Vec<f32>, n_steps: u32) -> Self {
        Self { first, second, n_steps, ..self }
    }
}

/// A step of every parameter.
///
/// The loops stand in a type of their own because `pulp` compiles for wide registers what it can inline, and a closure is not.
struct Moves<'a> {
    optimiser: &'a mut Optimiser,
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    mask: Option<&'a [bool]>,
    rate: f32,
    correction_1: f32,
    correction_2: f32,
}

impl pulp::NullaryFnOnce for Moves<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn call(self) {
        let Self { optimiser, parameters, gradient, mask, rate, correction_1, correction_2 } = self;
        let Optimiser { rule, momentum, weight_decay, ref mut first, ref mut second, n_steps: _ } = *optimiser;
        let moves = |i: usize| mask.is_none_or(|mask| mask[i]);
        match rule {
            Rule::Sgd => {
                for (i, ((value, gradient), first)) in parameters.iter_mut().zip(gradient).zip(first).enumerate() {
                    let next = momentum * *first + (gradient + weight_decay * *value);
                    if moves(i) {
                        *first = next;
                        *value -= rate * next;
                    }
                }
            }
            Rule::Adam | Rule::AdamW => {
                let (coupled, apart) = if rule == Rule::Adam { (weight_decay, 0.0) } else { (0.0, weight_decay) };
                let moments = first.iter_mut().zip(second);
                for (i, ((value, gradient), (first, second))) in parameters.iter_mut().zip(gradient).zip(moments).enumerate() {
                    let gradient = gradient + coupled * *value;
                    let next_1 = BETA_1 * *first + (1.0 - BETA_1) * gradient;
                    let next_2 = BETA_2 * *second + (1.0 - BETA_2) * gradient * gradient;
                    let deviation = (next_2 / correction_2).sqrt() + EPSILON;
                    let next = *value - rate * (apart * *value) - rate * (next_1 / correction_1) / deviation;
                    if moves(i) {
                        (*value, *first, *second) = (next, next_1, next_2);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the published rules in double precision, for x = 1, gradients 0.5, −0.2, 0.1, rate 0.1, decay 0.01.
    #[test]
    fn steps_are_those_that_were_published() {
        let path = |rule| {
            let mut optimiser = Optimiser::new(rule, 0.9, 0.01);
            let mut x = [1.0_f32];
            [0.5, -0.2, 0.1].map(|gradient| {
                optimiser.step(&mut x, &[gradient], 0.1, None);
                x[0]
            })
        };
        let close = |found: [f32; 3], expected: [f32; 3]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-6);
        assert!(close(path(Rule::Sgd), [0.949, 0.922_151, 0.887_064_7]), "{:?}", path(Rule::Sgd));
        assert!(close(path(Rule::Adam), ADAM), "{:?}", path(Rule::Adam));
        assert!(close(path(Rule::AdamW), ADAMW), "{:?}", path(Rule::AdamW));
    }

    const ADAM: [f32; 3] = [0.9, 0.863_364_1, 0.823_084_7];
    const ADAMW: [f32; 3] = [0.899, 0.863_540_4, 0.824_737_7];

    #[test]
    fn what_is_masked_stays_whatever_momentum_and_decay_would_do() {
        let mut optimiser = Optimiser::new(Rule::Sgd, 0.9, 0.1);
        let mut values = [1.0, 1.0];
        optimiser.step(&mut values, &[1.0, 1.0], 0.1, None);
        let kept = values[1];
        optimiser.step(&mut values, &[1.0, 1.0], 0.1, Some(&[true, false]));
        assert_eq!(values[1], kept);
        assert!(values[0] < kept);
    }
}
