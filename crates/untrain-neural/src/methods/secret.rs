//! Where the noise of certified methods comes from.

use untrain_core::{Seed, mix};

use super::refusal;
use crate::error::Result;
use crate::noise::normal;

/// A source of normal numbers.
///
/// A certificate speaks of an adversary who does not know the noise. So it is the operating system's by default, and nobody can draw
/// it again: the bytes of a network that was noised cannot be replayed. A seed makes a method replayable for tests, and costs it its
/// guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoiseSource {
    /// The operating system's generator.
    #[default]
    Secret,
    /// A keyed hash, which whoever knows the key can draw again.
    Known(Seed),
}

/// How many bytes are asked for at one time.
const BUFFER: usize = 1 << 14;

impl NoiseSource {
    /// `n` standard normal numbers; `purpose` tells draws from a known seed apart.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Unfit`] if the operating system has no randomness to give.
    pub fn normals(self, n: usize, purpose: u64) -> Result<Vec<f64>> {
        if let Self::Known(seed) = self {
            let key = mix(seed.0, purpose);
            return Ok((0..n).map(|i| normal(key, i as u64)).collect());
        }
        let mut numbers = Vec::with_capacity(n);
        let mut buffer = [0; BUFFER];
        while numbers.len() < n {
            let left = (16 * (n - numbers.len())).min(BUFFER);
            getrandom::fill(&mut buffer[..left]).map_err(|error| {
                refusal(format!("the operating system gives no randomness: {error}"), "try again; certified methods need secret noise")
            })?;
            for pair in buffer[..left].chunks_exact(16) {
                let word = |at: usize| pair[at..at + 8].iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
                numbers.push(crate::noise::transformed(word(0), word(8)));
            }
        }
        Ok(numbers)
    }

    /// Whether nobody can draw the same again.
    pub fn is_secret(self) -> bool {
        self == Self::Secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// False alarms: the mean of 10⁵ draws is off by 5 deviations once in 2 million runs, as is the variance.
    #[test]
    fn secret_numbers_are_normal_and_never_the_same() {
        let n = 100_000;
        let (first, second) = (NoiseSource::Secret.normals(n, 0).unwrap(), NoiseSource::Secret.normals(n, 0).unwrap());
        assert!(first != second && first.len() == n);
        let mean = first.iter().sum::<f64>() / n as f64;
        let variance = first.iter().map(|x| x * x).sum::<f64>() / n as f64;
        assert!(mean.abs() < 5.0 / (n as f64).sqrt() && (variance - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt());
        let known = NoiseSource::Known(Seed(1));
        assert!(
            known.normals(9, 2).unwrap() == known.normals(9, 2).unwrap() && known.normals(9, 2).unwrap() != known.normals(9, 3).unwrap()
        );
    }
}
