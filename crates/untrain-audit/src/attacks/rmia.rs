//! RMIA: is the target surer of this point, against reference models, than of points from the population \[@zarifzadeh2024\]?

use crate::error::{Error, Result, same};
use crate::scores::Scores;

/// The settings of the attack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rmia {
    /// By how much a point has to be surer than a population point to beat it. 1 or a little more.
    pub gamma: f64,
    /// How the mean of OUT references stands for the mean of both: p̄ = ½((1 + a) p̄_out + (1 − a)), from 0 to 1. Tuned on a paired model, 0.3 where there is
    /// none.
    pub offline_a: f64,
    /// What the references were trained on.
    pub references: References,
}

/// What reference models were trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum References {
    /// On other records than the points: p̄ is corrected by `offline_a`.
    Out,
    /// Half of them on each point: p̄ is their mean.
    Both,
}

impl Default for Rmia {
    fn default() -> Self {
        Self { gamma: 1.0, offline_a: 0.3, references: References::Out }
    }
}

/// The least probability, so that ratios are finite and ordered where a model says 0.
const FLOOR: f64 = 1e-30;

impl Rmia {
    /// The share of population points that each point beats, for each target model: those z with [p(x)/p̄(x)] / [p(z)/p̄(z)] ≥ γ.
    ///
    /// # Shapes
    ///
    /// Probabilities of the true label. `targets: (n_targets, n_points)`, `references: (n_references, n_points)`,
    /// `targets_on_population: (n_targets, n_population)`, `references_on_population: (n_references, n_population)`
    ///
    /// # Errors
    ///
    /// No reference or more than 8; shapes that differ; no population; γ not positive; `offline_a` outside [0, 1].
    ///
    /// # Complexity
    ///
    /// O((points + population) log population) a target.
    pub fn scores(
        &self,
        targets: &Scores,
        references: &Scores,
        targets_on_population: &Scores,
        references_on_population: &Scores,
    ) -> Result<Scores> {
        self.check(references.n_models())?;
        same("points of the references", targets.n_points(), references.n_points())?;
        same("targets on the population", targets.n_models(), targets_on_population.n_models())?;
        same("references on the population", references.n_models(), references_on_population.n_models())?;
        same("population of the references", targets_on_population.n_points(), references_on_population.n_points())?;
        if targets_on_population.n_points() == 0 {
            return Err(Error::NoHoldout { attack: "RMIA" });
        }
        // A population point is out of every reference, but offline its mean gets the same correction as that of the points, as published.
        let of_points = self.means(references);
        let of_population = self.means(references_on_population);
        let rows = targets.rows().zip(targets_on_population.rows()).map(|(row, population)| {
            let mut ratios: Vec<f64> = population.iter().zip(&of_population).map(|(p, mean)| p.max(FLOOR) / mean).collect();
            ratios.sort_unstable_by(f64::total_cmp);
            let beats = |(p, mean): (&f64, &f64)| {
                let own = p.max(FLOOR) / mean;
                ratios.partition_point(|ratio| own / ratio >= self.gamma) as f64 / ratios.len() as f64
            };
            row.iter().zip(&of_points).map(beats).collect()
        });
        Scores::from_rows(rows.collect())
    }

    fn check(&self, n_references: usize) -> Result<()> {
        if n_references == 0 {
            return Err(Error::TooFewModels {
                attack: "RMIA",
                needed: 1,
                found: 0,
                instead: Some("the loss attack, as a difference to retrain"),
            });
        }
        if n_references > 8 {
            return Err(Error::Parameter { name: "references", reason: "RMIA takes 1 to 8; with more models, LiRA is the better attack" });
        }
        if !(self.gamma > 0.0 && self.gamma.is_finite()) {
            return Err(Error::Parameter { name: "gamma", reason: "has to be positive" });
        }
        if !(0.0..=1.0).contains(&self.offline_a) {
            return Err(Error::Parameter { name: "offline_a", reason: "has to lie between 0 and 1" });
        }
        Ok(())
    }

    /// p̄ of each point.
    fn means(&self, references: &Scores) -> Vec<f64> {
        let mut means = vec![0.0; references.n_points()];
        for row in references.rows() {
            means.iter_mut().zip(row).for_each(|(mean, p)| *mean += p / references.n_models() as f64);
        }
        let corrected = |out: f64| 0.5 * ((1.0 + self.offline_a) * out + (1.0 - self.offline_a));
        means.iter_mut().for_each(|mean| *mean = if self.references == References::Out { corrected(*mean) } else { *mean }.max(FLOOR));
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f64]) -> Scores {
        Scores::new(1, values.len(), values.to_vec()).unwrap()
    }

    #[test]
    fn a_point_surer_than_its_reference_beats_the_population() {
        let rmia = Rmia { references: References::Both, ..Rmia::default() };
        let found = rmia.scores(&row(&[0.9, 0.1]), &row(&[0.3, 0.3]), &row(&[0.4, 0.8]), &row(&[0.4, 0.4])).unwrap();
        assert_eq!(found.row(0), [1.0, 0.0]);
    }

    #[test]
    fn bad_settings_and_missing_models_are_refused() {
        let one = row(&[0.5]);
        let none = Scores::new(0, 1, vec![]).unwrap();
        let empty = Scores::new(1, 0, vec![]).unwrap();
        let nine = Scores::new(9, 1, vec![0.5; 9]).unwrap();
        let rmia = Rmia::default();
        assert!(matches!(rmia.scores(&one, &none, &one, &none), Err(Error::TooFewModels { .. })));
        assert!(rmia.scores(&one, &nine, &one, &nine).is_err());
        assert!(matches!(rmia.scores(&one, &one, &empty, &empty), Err(Error::NoHoldout { .. })));
        assert!(Rmia { gamma: 0.0, ..rmia }.scores(&one, &one, &one, &one).is_err());
        assert!(Rmia { offline_a: 1.5, ..rmia }.scores(&one, &one, &one, &one).is_err());
    }
}
