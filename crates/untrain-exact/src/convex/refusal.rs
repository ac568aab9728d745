//! Why an optimum cannot be published, as exactly as that can be told.

use untrain_core::Error;

use super::loss::Loss;
use super::pass::Pass;
use super::rows::{Penalty, Rows};
use crate::encode::Design;
use crate::encoded::unfit;

const ALPHA: &str = "set alpha, for instance alpha = 1";

/// A reason why there is no optimum, or more than one, if one is found at the point where the search ended.
pub(super) fn not_unique(loss: Loss, rows: &Rows, design: &Design, penalty: &Penalty, at: Option<&Pass>) -> Option<Error> {
    if penalty.alpha == 0.0 {
        if let Loss::Softmax(_) = loss {
            // The same number added to a weight of every class changes no probability.
            return Some(unfit("without a penalty the weights of three classes or more are not unique", ALPHA));
        }
        if let Some(column) = collinear(rows, design) {
            let name = design.layout().column_name(column);
            return Some(unfit(format!("without a penalty the weight of \"{name}\" is not unique: other columns add up to it"), ALPHA));
        }
        if at.is_some_and(|at| separates(loss, at, &rows.y)) {
            return Some(unfit("the classes are separable, so that without a penalty no weights are the best", ALPHA));
        }
    }
    let Loss::Huber { delta } = loss else { return None };
    at.is_some_and(|at| is_flat(at, &rows.y, delta))
        .then(|| unfit("no record lies within epsilon of what fits best, so that the intercept is not unique", "set a larger epsilon"))
}

/// Whether the slopes of the losses, all of them linear, add up to 0, and the intercept can move one way without that any record comes within
/// `delta`. A record at a kink, as far as can be seen, lets it move away only.
fn is_flat(at: &Pass, y: &[f64], delta: f64) -> bool {
    let (inner, outer) = (delta * (1.0 - 1e-9) - at.margin_error, delta * (1.0 + 1e-9) + at.margin_error);
    let residuals = || at.margins.iter().zip(y).map(|(m, y)| m - y);
    let [up, down] = [1.0, -1.0].map(|sign| residuals().all(|r| r * sign > inner || r * sign < -outer));
    (up || down) && residuals().map(f64::signum).sum::<f64>() == 0.0
}

/// Nothing proves that the optimum is not unique; it can only not be told.
pub(super) fn undecided(alpha: f64) -> Error {
    if alpha == 0.0 {
        unfit("without a penalty the records have no unique optimum that can be proven", ALPHA)
    } else {
        unfit(
            "the optimum is not unique, or cannot be told from a border of its grid",
            "set a larger alpha, or fewer binary digits as grid",
        )
    }
}

/// Whether every record is surely on the right side: then twice these weights have a smaller loss, or none is left to lose.
fn separates(loss: Loss, at: &Pass, y: &[f64]) -> bool {
    let class = match loss {
        Loss::Logistic => 1.0,
        Loss::SquaredHinge { class } => class,
        _ => return false,
    };
    at.margins.iter().zip(y).all(|(m, y)| if *y == class { *m > at.margin_error } else { *m < -at.margin_error })
}

/// A column that is a linear combination of those before it (first the intercept), by elimination modulo a prime. Where the columns are
/// independent modulo the prime they are so in truth; the reverse fails with a probability of about 2^-60, and then the answer is a wrong reason
/// for a refusal, never a model.
fn collinear(rows: &Rows, design: &Design) -> Option<usize> {
    let d = rows.d;
    // A row of the echelon form for each column that leads one.
    let mut leading: Vec<Option<Vec<u64>>> = vec![None; d];
    let mut found = 0;
    let mut x = vec![0.0; d];
    for i in 0..design.len() {
        rows.scatter(design, i, &mut x);
        x.rotate_right(1);
        let mut row: Vec<u64> = x.iter().map(|x| residue((x * f64::from(1 << 21)) as i64)).collect();
        for j in 0..d {
            if row[j] == 0 {
                continue;
            }
            if let Some(other) = &leading[j] {
                let factor = PRIME - row[j];
                row[j..].iter_mut().zip(&other[j..]).for_each(|(x, o)| *x = reduced(u128::from(factor) * u128::from(*o) + u128::from(*x)));
            } else {
                let inverse = inverted(row[j]);
                row[j..].iter_mut().for_each(|x| *x = reduced(u128::from(*x) * u128::from(inverse)));
                leading[j] = Some(row);
                found += 1;
                break;
            }
        }
        if found == d {
            return None;
        }
    }
    // The intercept leads the first row, so that it is never the one.
    leading.iter().position(Option::is_none).and_then(|column| column.checked_sub(1))
}

const PRIME: u64 = (1 << 61) - 1;

fn residue(x: i64) -> u64 {
    i128::from(x).rem_euclid(i128::from(PRIME)) as u64
}

fn reduced(x: u128) -> u64 {
    (x % u128::from(PRIME)) as u64
}

/// By Fermat's little theorem.
fn inverted(x: u64) -> u64 {
    let (mut result, mut base, mut exponent) = (1, x, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = reduced(u128::from(result) * u128::from(base));
        }
        base = reduced(u128::from(base) * u128::from(base));
        exponent >>= 1;
    }
    result
}
