//! Which of the two solvers a problem is given to. Both prove the same rounding, so the choice is one of speed and memory only.

use untrain_core::{Error, Result};

use super::loss::Loss;
use super::published::Published;
use super::rows::{Penalty, Rows};
use super::solver::Solver;
use super::wide::Wide;
use super::work::Work;
use crate::encode::Design;
use crate::encoded::unfit;

/// From so many weights on, the Hessian is not made.
const WIDE_FROM: u64 = 1024;
/// The most weights of a problem whose Hessian's inverse is held in full: 8 bytes for each pair.
const MOST_PAIRED: u64 = 8192;
/// The most weights of one problem, of about 150 bytes each.
const MOST_WEIGHTS: u64 = 1 << 24;

/// A solver.
#[derive(Debug, Clone)]
pub(crate) enum Path {
    /// With the inverse of the Hessian.
    Paired(Box<Solver>),
    /// Without.
    Wide(Box<Wide>),
}

impl Path {
    /// The solver for a problem with so many weights, that starts from raw coefficients, of shape `(outputs, d)`, or if that fails from
    /// `origin`.
    ///
    /// # Errors
    ///
    /// There are too many weights.
    pub(crate) fn new(loss: Loss, rows: &Rows, alpha: f64, start: &[f64], origin: Vec<f64>) -> Result<Self> {
        let p = start.len() as u64;
        if alpha == 0.0 && p > MOST_PAIRED {
            let reason = format!("there are {p} weights, and without a penalty no more than {MOST_PAIRED} can be proven");
            return Err(unfit(reason, "set alpha, for instance alpha = 1"));
        }
        Ok(if p < WIDE_FROM || alpha == 0.0 {
            Self::Paired(Box::new(Solver::new(loss, rows, start, origin)))
        } else {
            Self::Wide(Box::new(Wide::new(loss, rows, start, origin)))
        })
    }

    /// Refuses more weights than there may be, before anything is made for them.
    ///
    /// # Errors
    ///
    /// There are too many weights.
    pub(crate) fn admit(weights: u64) -> Result<()> {
        if weights > MOST_WEIGHTS {
            return Err(Error::TooMany { what: "weights", found: weights, limit: MOST_WEIGHTS });
        }
        Ok(())
    }

    /// Takes rows, in descending order, out; the design and `rows` still have them.
    pub(crate) fn leave(&mut self, rows: &Rows, design: &Design, descending: &[u32]) {
        if let Self::Paired(solver) = self {
            solver.leave(rows, design, descending);
        }
    }

    /// Takes rows in that the design and `rows` have already, as the last.
    pub(crate) fn join(&mut self, rows: &Rows, design: &Design, new: std::ops::Range<usize>) {
        if let Self::Paired(solver) = self {
            solver.join(rows, design, new);
        }
    }

    /// The published optimum, one list an output.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`] if the optimum does not exist, is not unique, or cannot be told from a border of the grid.
    pub(crate) fn settle(&mut self, rows: &Rows, design: &Design, penalty: &Penalty, grids: &[Published]) -> Result<Vec<Vec<i64>>> {
        let wide = match self {
            Self::Paired(solver) => return solver.settle(rows, design, penalty, grids),
            Self::Wide(wide) => wide,
        };
        if let Some(found) = wide.settle(rows, design, penalty, grids) {
            return Ok(found);
        }
        let (loss, origin, start) = wide.parts();
        if start.len() as u64 > MOST_PAIRED {
            return Err(unfit(
                format!("the optimum of {} weights cannot be told from a border of its grid", start.len()),
                "set a larger alpha, or fewer binary digits as grid",
            ));
        }
        // The other proof does not rest on the penalty alone, and reaches farther.
        let mut solver = Solver::new(loss, rows, &start, origin);
        solver.work = wide.work;
        let found = solver.settle(rows, design, penalty, grids)?;
        *self = Self::Paired(Box::new(solver));
        Ok(found)
    }

    /// What it took, since it was made.
    pub(crate) fn work(&self) -> Work {
        match self {
            Self::Paired(solver) => solver.work,
            Self::Wide(wide) => wide.work,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use untrain_core::{Seed, Task, conformance};

    use super::*;
    use crate::encode::{Preprocessing, Targets, Wanted};

    /// What a learner would ask of these rows, with targets that the loss knows.
    fn problem(loss: u8, design: &Design, rows: &mut Rows) -> Option<Loss> {
        let n_classes = if let Targets::Classes { names, .. } = design.targets() { names.len() } else { 0 };
        let targets = |rows: &mut Rows, of: fn(f64) -> f64| rows.y.iter_mut().for_each(|y| *y = of(*y));
        let found = match loss {
            0 if n_classes == 2 => Loss::Logistic,
            0 if n_classes > 2 => Loss::Softmax(n_classes),
            1 if n_classes > 1 => Loss::SquaredHinge { class: 1.0 },
            2 if n_classes == 0 => Loss::Huber { delta: 20.0 },
            3 if n_classes == 0 => {
                targets(rows, |y| y.abs().min(1000.0).floor() + 1.0);
                Loss::Poisson
            }
            4 if n_classes == 0 => {
                targets(rows, |y| y.abs().min(1000.0) + 0.5);
                Loss::Gamma
            }
            _ => return None,
        };
        (!rows.y.is_empty()).then_some(found)
    }

    /// What each solver publishes; nothing where the case is none of the loss.
    fn answers(case: &conformance::Case, loss: u8, alpha: f64, grid: u32, standardize: bool) -> Option<(Found, Found)> {
        let how = Preprocessing { standardize, text: [("x0".to_owned(), 13)].into(), ..Preprocessing::default() };
        let design = Design::new(&how, Wanted::from(case.task), &case.universe).ok()?;
        let mut rows = Rows::new(&design);
        let loss = problem(loss, &design, &mut rows)?;
        let penalty = rows.penalty(&design, alpha).ok()?;
        let names: Vec<String> = (0..rows.d).map(|j| j.to_string()).collect();
        let grids: Vec<Published> = (0..loss.n_outputs()).map(|c| Published::new(Seed(1), grid, &names, &c.to_string())).collect();
        let start = vec![0.0; loss.n_outputs() * rows.d];
        let paired = Solver::new(loss, &rows, &start, start.clone()).settle(&rows, &design, &penalty, &grids);
        Some((paired.ok(), Wide::new(loss, &rows, &start, start.clone()).settle(&rows, &design, &penalty, &grids)))
    }

    type Found = Option<Vec<Vec<i64>>>;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

        #[test]
        fn both_solvers_publish_the_same(
            case in conformance::cases(120), loss in 0..5_u8, alpha in -2.0..2.0_f64, grid in 4..28_u32, standardize: bool,
        ) {
            prop_assume!((case.task == Task::Classification) == (loss < 2));
            if let Some((Some(paired), Some(wide))) = answers(&case, loss, 10.0_f64.powf(alpha), grid, standardize) {
                prop_assert_eq!(paired, wide);
            }
        }
    }

    #[test]
    fn the_wide_solver_decides_nearly_always() {
        use proptest::strategy::ValueTree as _;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let (mut asked, mut answered) = ([0; 5], [0; 5]);
        for i in 0..300 {
            let Ok(tree) = conformance::cases(60).new_tree(&mut runner) else { continue };
            let case = tree.current();
            let loss = if case.task == Task::Classification { i % 2 } else { 2 + i % 3 };
            let Some((_, wide)) = answers(&case, loss as u8, 1.0, 12, true) else { continue };
            asked[loss] += 1;
            answered[loss] += usize::from(wide.is_some());
        }
        let enough = asked.iter().zip(&answered).all(|(asked, answered)| *asked >= 20 && answered * 20 >= asked * 19);
        assert!(enough, "{answered:?} of {asked:?}");
    }

    #[test]
    fn too_many_weights_are_refused_before_anything_is_made() {
        assert!(Path::admit(MOST_WEIGHTS).is_ok());
        assert_eq!(Path::admit(MOST_WEIGHTS + 1), Err(Error::TooMany { what: "weights", found: MOST_WEIGHTS + 1, limit: MOST_WEIGHTS }));
    }
}
