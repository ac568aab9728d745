//! What noisy descent certifies: pure functions from lengths of steps and noise to epsilon and delta.

/// Noisy descent, `θ ← ρ θ − η g(θ) + N(0, σ² I)`, as far as it decides what can be told of where it started.
///
/// Two runs with the same data and different starts are at most `2 radius` apart at first, since both are projected onto a ball. Each
/// step brings them together by the factor ρ and lets them drift apart by at most `drift`: twice the longest gradient times η, whatever
/// the loss; or nothing at all, if steps on the loss bring starts together by themselves. Then, for every order α, the Rényi divergence
/// of the two ends is at most `α S² / (2 V)`, with `S = ρᵀ · 2 radius + Σ ρⁱ drift` and `V = σ² Σ ρ²ⁱ`, sums over the `T` steps
/// \[@koloskova2025\] \[@chien2024\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accountant {
    /// The radius of the ball that starts are projected onto.
    pub radius: f64,
    /// By which factor ρ a step brings two runs together, over 0 to 1.
    pub contraction: f64,
    /// How far apart a step lets them drift at most.
    pub drift: f64,
    /// The deviation σ of each step's noise, for every parameter.
    pub sigma: f64,
    /// How many steps T, at least 1.
    pub n_steps: u32,
}

impl Accountant {
    /// `S`: how far apart the two ends would be without noise.
    pub fn shift(&self) -> f64 {
        let n_steps = i32::try_from(self.n_steps).unwrap_or(i32::MAX);
        libm::pow(self.contraction, f64::from(n_steps)) * 2.0 * self.radius + self.drift * self.sum(self.contraction)
    }

    /// `V`: the variance of the noise that stays.
    pub fn variance(&self) -> f64 {
        self.sigma * self.sigma * self.sum(self.contraction * self.contraction)
    }

    /// `Σ factorⁱ` over the steps.
    fn sum(&self, factor: f64) -> f64 {
        let n_steps = f64::from(self.n_steps);
        if factor == 1.0 { n_steps } else { (1.0 - libm::pow(factor, n_steps)) / (1.0 - factor) }
    }

    /// The epsilon that holds with `delta`. For one step this is exact; for more it is the smallest that follows from Rényi divergences.
    pub fn epsilon(&self, delta: f64) -> f64 {
        let mu = self.shift() / self.variance().sqrt();
        if self.n_steps == 1 { gaussian_epsilon(mu, delta) } else { renyi_epsilon(mu, delta) }
    }

    /// The same with the least noise that gives an epsilon with `delta`.
    #[must_use]
    pub fn with_epsilon(self, epsilon: f64, delta: f64) -> Self {
        let with = |sigma: f64| Self { sigma, ..self };
        let (mut low, mut high) = (f64::MIN_POSITIVE, 1.0);
        while with(high).epsilon(delta) > epsilon && high < 1e150 {
            high *= 2.0;
        }
        for _ in 0..2000 {
            // Noise may be of any order of magnitude, so the middle is that of the logarithms, as long as both ends are far apart.
            let middle = if high > 2.0 * low { (low.sqrt()) * high.sqrt() } else { low + (high - low) / 2.0 };
            if middle <= low || middle >= high {
                break;
            }
            if with(middle).epsilon(delta) > epsilon {
                low = middle;
            } else {
                high = middle;
            }
        }
        with(high)
    }
}

/// The epsilon of a release with normal noise, `mu` the distance in deviations, by Rényi divergences: the least over orders α of
/// `α μ² / 2 + ln((α − 1) / α) − (ln δ + ln α) / (α − 1)` \[@balle2020\].
pub fn renyi_epsilon(mu: f64, delta: f64) -> f64 {
    if mu == 0.0 {
        return 0.0;
    }
    // Every order gives a bound, so a search that misses the best one is safe.
    let bound = |log: f64| {
        let over = libm::exp(log);
        let alpha = 1.0 + over;
        alpha * mu * mu / 2.0 + libm::log(over / alpha) - (libm::log(delta) + libm::log(alpha)) / over
    };
    let grid = (-400..=800).map(|i| f64::from(i) / 20.0);
    let near = grid.fold((0.0, f64::INFINITY), |best, log| if bound(log) < best.1 { (log, bound(log)) } else { best }).0;
    let (mut low, mut high) = (near - 0.05, near + 0.05);
    for _ in 0..100 {
        let (first, second) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if bound(first) < bound(second) {
            high = second;
        } else {
            low = first;
        }
    }
    bound(low.midpoint(high)).min(bound(near)).max(0.0)
}

/// The delta of a release with normal noise at an epsilon, exactly: `Φ(−ε/μ + μ/2) − e^ε Φ(−ε/μ − μ/2)` \[@balle2018\].
pub fn gaussian_delta(mu: f64, epsilon: f64) -> f64 {
    if mu == 0.0 {
        return 0.0;
    }
    let below = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    let lost = below(-epsilon / mu - mu / 2.0);
    let lost = if lost > 0.0 { libm::exp(epsilon + libm::log(lost)) } else { 0.0 };
    (below(-epsilon / mu + mu / 2.0) - lost).max(0.0)
}

/// The epsilon of a release with normal noise at a delta, exactly, to the last bits of a bisection.
pub fn gaussian_epsilon(mu: f64, delta: f64) -> f64 {
    if gaussian_delta(mu, 0.0) <= delta {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, renyi_epsilon(mu, delta));
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if gaussian_delta(mu, middle) > delta {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(mu: f64) -> Accountant {
        Accountant { radius: mu / 4.0, contraction: 1.0, drift: mu / 2.0, sigma: 1.0, n_steps: 1 }
    }

    /// The divergence itself, summed over a fine grid: no formula of the module.
    #[test]
    fn one_step_is_the_gaussian_mechanism() {
        for (mu, expected) in [(0.26, 0.966_5), (1.0, 4.377_4), (2.0_f64.sqrt(), 6.57), (2.0, 10.0)] {
            let epsilon = one(mu).epsilon(1e-5);
            assert!((epsilon - expected).abs() < 5e-2, "{mu}: {epsilon}");
            let (step, density) = (1e-4, |x: f64| libm::exp(-0.5 * x * x) / std::f64::consts::TAU.sqrt());
            let grid = (-200_000..200_000).map(|i| (f64::from(i) + 0.5) * step);
            let delta: f64 = grid.map(|x| (density(x - mu) - libm::exp(epsilon) * density(x)).max(0.0) * step).sum();
            assert!((delta - 1e-5).abs() < 1e-11, "{mu}: {delta}");
            assert!((gaussian_epsilon(mu, delta) - epsilon).abs() < 1e-6);
        }
    }

    /// Published code read Rényi's epsilon as the same for all orders, and reported 1.004 here.
    #[test]
    fn orders_of_renyi_cost_what_they_cost() {
        assert!((renyi_epsilon(2.0_f64.sqrt(), 1e-5) - 7.08).abs() < 0.01, "{}", renyi_epsilon(2.0_f64.sqrt(), 1e-5));
        for mu in [0.01, 0.3, 1.0, 5.0, 30.0] {
            let (exact, bound) = (gaussian_epsilon(mu, 1e-5), renyi_epsilon(mu, 1e-5));
            assert!(exact <= bound && bound < 1.3 * exact + 0.3, "{mu}: {exact} {bound}");
        }
    }

    #[test]
    fn steps_add_up_as_sums_over_them_do() {
        let accountant = Accountant { radius: 2.0, contraction: 0.9, drift: 0.3, sigma: 0.5, n_steps: 7 };
        let (mut shift, mut variance) = (4.0, 0.0);
        for _ in 0..7 {
            shift = 0.9 * shift + 0.3;
            variance = 0.81 * variance + 0.25;
        }
        assert!((accountant.shift() - shift).abs() < 1e-12 && (accountant.variance() - variance).abs() < 1e-12);
        let flat = Accountant { contraction: 1.0, ..accountant };
        assert!((flat.shift() - (4.0 + 7.0 * 0.3)).abs() < 1e-12 && (flat.variance() - 7.0 * 0.25).abs() < 1e-12);
    }

    #[test]
    fn less_epsilon_takes_more_noise_and_gives_what_was_asked() {
        let mut last = f64::INFINITY;
        for epsilon in [0.01, 0.1, 1.0, 10.0] {
            for n_steps in [1, 50] {
                let accountant = Accountant { radius: 1.0, contraction: 0.9, drift: 0.004, sigma: 0.0, n_steps };
                let found = accountant.with_epsilon(epsilon, 1e-5);
                assert!((found.epsilon(1e-5) - epsilon).abs() < 1e-9 * epsilon.max(1.0), "{epsilon} {}", found.epsilon(1e-5));
                assert!(n_steps == 50 || found.sigma < last);
                last = if n_steps == 1 { found.sigma } else { last };
            }
        }
    }
}
