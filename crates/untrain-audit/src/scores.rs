//! One number for each model and point, and which points were in the training of which model.

use untrain_core::Seed;

use crate::error::{Error, Result, same};
use crate::random::{Purpose, Stream};

/// What an attack looks at: one finite number for each model and point. Shape `(n_models, n_points)`, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    n_models: usize,
    n_points: usize,
    values: Vec<f64>,
}

impl Scores {
    /// Takes scores row by row.
    ///
    /// # Errors
    ///
    /// Another number of values than `n_models * n_points`; a value that is not finite.
    pub fn new(n_models: usize, n_points: usize, values: Vec<f64>) -> Result<Self> {
        same("scores", n_models * n_points, values.len())?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { model: at / n_points, point: at % n_points });
        }
        Ok(Self { n_models, n_points, values })
    }

    /// Takes one row a model.
    ///
    /// # Errors
    ///
    /// Rows of different lengths; a value that is not finite.
    pub fn from_rows(rows: Vec<Vec<f64>>) -> Result<Self> {
        let n_points = rows.first().map_or(0, Vec::len);
        for row in &rows {
            same("points of a model", n_points, row.len())?;
        }
        Self::new(rows.len(), n_points, rows.into_iter().flatten().collect())
    }

    /// How many models there are.
    pub fn n_models(&self) -> usize {
        self.n_models
    }

    /// How many points there are.
    pub fn n_points(&self) -> usize {
        self.n_points
    }

    /// The scores of one model.
    ///
    /// # Panics
    ///
    /// If there is no such model.
    pub fn row(&self, model: usize) -> &[f64] {
        &self.values[model * self.n_points..(model + 1) * self.n_points]
    }

    /// The scores of the models in turn.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        (0..self.n_models).map(|model| self.row(model))
    }

    /// The scores of one point, by model.
    pub fn column(&self, point: usize) -> Vec<f64> {
        self.rows().map(|row| row[point]).collect()
    }

    /// The scores of some points, in the order asked for; a point that there is not is left out.
    #[must_use]
    pub fn select(&self, points: &[usize]) -> Self {
        let points: Vec<usize> = points.iter().copied().filter(|point| *point < self.n_points).collect();
        let values = self.rows().flat_map(|row| points.iter().map(|point| row[*point]).collect::<Vec<_>>()).collect();
        Self { n_models: self.n_models, n_points: points.len(), values }
    }

    /// The differences to other scores of the same models and points.
    ///
    /// # Errors
    ///
    /// Another shape.
    pub fn minus(&self, other: &Self) -> Result<Self> {
        same("models", self.n_models, other.n_models)?;
        same("points", self.n_points, other.n_points)?;
        let values = self.values.iter().zip(&other.values).map(|(a, b)| a - b).collect();
        Self::new(self.n_models, self.n_points, values)
    }

    /// The same scores with the other sign, for turning a loss into a score.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self { values: self.values.iter().map(|value| -value).collect(), ..self.clone() }
    }
}

/// Which points were in the training of which model. Shape `(n_models, n_points)`, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    n_models: usize,
    n_points: usize,
    bits: Vec<bool>,
}

impl Membership {
    /// Takes bits row by row.
    ///
    /// # Errors
    ///
    /// Another number of bits than `n_models * n_points`.
    pub fn new(n_models: usize, n_points: usize, bits: Vec<bool>) -> Result<Self> {
        same("membership bits", n_models * n_points, bits.len())?;
        Ok(Self { n_models, n_points, bits })
    }

    /// Every point counts for every model: the games on holdout points.
    pub fn all(n_models: usize, n_points: usize) -> Self {
        Self { n_models, n_points, bits: vec![true; n_models * n_points] }
    }

    /// Draws a design in which every point is in half of the worlds, by a keyed hash of its id.
    ///
    /// A point's worlds depend on its own id, the seed and the number of worlds, so other points do not move it. Half rather than a coin for each
    /// world, so that even with ten worlds every point has models on both sides.
    pub fn draw(seed: Seed, n_worlds: usize, ids: &[&str]) -> Self {
        let n_points = ids.len();
        let mut bits = vec![false; n_worlds * n_points];
        for (point, id) in ids.iter().enumerate() {
            let key = seed.hash(Purpose::Membership as u64, id.as_bytes());
            let order = Stream::new(Seed(key), Purpose::Membership, n_worlds as u64).permutation(n_worlds);
            for world in &order[..n_worlds / 2] {
                bits[world * n_points + point] = true;
            }
        }
        Self { n_models: n_worlds, n_points, bits }
    }

    /// How many models there are.
    pub fn n_models(&self) -> usize {
        self.n_models
    }

    /// How many points there are.
    pub fn n_points(&self) -> usize {
        self.n_points
    }

    /// The bits of one model.
    ///
    /// # Panics
    ///
    /// If there is no such model.
    pub fn row(&self, model: usize) -> &[bool] {
        &self.bits[model * self.n_points..(model + 1) * self.n_points]
    }

    /// The bits of some points, in the order asked for; a point that there is not is left out.
    #[must_use]
    pub fn select(&self, points: &[usize]) -> Self {
        let points: Vec<usize> = points.iter().copied().filter(|point| *point < self.n_points).collect();
        let bits = (0..self.n_models).flat_map(|model| points.iter().map(|point| self.row(model)[*point]).collect::<Vec<_>>()).collect();
        Self { n_models: self.n_models, n_points: points.len(), bits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinity_are_refused_with_their_place() {
        assert_eq!(Scores::new(2, 2, vec![0.0, 1.0, 2.0, f64::NAN]), Err(Error::NotFinite { model: 1, point: 1 }));
        assert_eq!(Scores::new(1, 2, vec![f64::INFINITY, 1.0]), Err(Error::NotFinite { model: 0, point: 0 }));
        assert!(Scores::new(1, 2, vec![1.0]).is_err());
        assert!(Scores::from_rows(vec![vec![1.0], vec![]]).is_err());
    }

    #[test]
    fn every_point_is_in_half_of_the_worlds_and_moves_no_other() {
        let all = Membership::draw(Seed(3), 8, &["a", "b", "c"]);
        for point in 0..3 {
            assert_eq!((0..8).filter(|world| all.row(*world)[point]).count(), 4);
        }
        assert_eq!(Membership::draw(Seed(3), 8, &["c", "a"]), all.select(&[2, 0]));
        assert_ne!(Membership::draw(Seed(4), 8, &["a", "b", "c"]), all);
    }
}
