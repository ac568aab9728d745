//! Eigenvalues and eigenvectors of a symmetric matrix, by operations in one fixed order.
//!
//! Householder's reduction to three diagonals, then implicit QL steps, as in the Handbook \[@wilkinson1971\]. Vectors are rows,
//! so that every inner loop runs along memory.

/// More QL steps than any eigenvalue needs; the bound only rules out a loop without end.
const MAX_STEPS: usize = 80;

/// The eigenvalues from the largest, and the eigenvectors, of length 1, as rows in the same order. Of each vector the
/// component of largest magnitude, the first of equals, is positive.
///
/// `a` is the whole matrix of `d` rows, its entries not far over 1 in magnitude.
pub fn symmetric(mut a: Vec<f64>, d: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut beside) = (vec![0.0; d], vec![0.0; d]);
    let halves = reduce(&mut a, d, &mut beside);
    (0..d).for_each(|i| diagonal[i] = a[i * d + i]);
    let mut vectors = accumulate(&a, d, &halves);
    ql(&mut diagonal, &mut beside, &mut vectors);
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|i, j| diagonal[*j].total_cmp(&diagonal[*i]));
    let mut sorted = Vec::with_capacity(d * d);
    for i in &order {
        let vector = &vectors[i * d..(i + 1) * d];
        let mut most = 0.0_f64;
        vector.iter().for_each(|x| most = if x.abs() > most.abs() { *x } else { most });
        sorted.extend(vector.iter().map(|x| if most < 0.0 { -x } else { x + 0.0 }));
    }
    (order.into_iter().map(|i| diagonal[i]).collect(), sorted)
}

/// The inner product in four lanes: their order is part of what is published.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (pairs, rest) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut lanes = [0.0; 4];
    for (a, b) in pairs.0.iter().zip(rest.0) {
        for lane in 0..4 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let tail: f64 = pairs.1.iter().zip(rest.1).map(|(a, b)| a * b).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + tail
}

/// Reduces to three diagonals. What is off the diagonal goes to `beside`; the reflections stay in the rows above the diagonal,
/// and half the squares of their lengths are the answer.
fn reduce(a: &mut [f64], d: usize, beside: &mut [f64]) -> Vec<f64> {
    let mut halves = vec![0.0; d];
    let mut w = vec![0.0; d];
    for k in 0..d.saturating_sub(1) {
        let (head, rest) = a.split_at_mut((k + 1) * d);
        let v = &mut head[k * d + k + 1..];
        let length = dot(v, v).sqrt();
        if length == 0.0 || v[1..].iter().all(|x| *x == 0.0) {
            beside[k] = v[0];
            continue;
        }
        let target = if v[0] > 0.0 { -length } else { length };
        beside[k] = target;
        v[0] -= target;
        let half = dot(v, v) / 2.0;
        halves[k] = half;
        let w = &mut w[k + 1..];
        w.iter_mut().zip(rest.chunks_exact(d)).for_each(|(w, row)| *w = dot(&row[k + 1..], v) / half);
        let share = dot(v, w) / (2.0 * half);
        w.iter_mut().zip(v.iter()).for_each(|(w, v)| *w -= share * v);
        for (i, row) in rest.chunks_exact_mut(d).enumerate() {
            let (vi, wi) = (v[i], w[i]);
            // The two products are added first, so that the matrix stays symmetric to the bit.
            row[k + 1..].iter_mut().zip(v.iter().zip(w.iter())).for_each(|(x, (v, w))| *x -= vi * w + wi * v);
        }
    }
    halves
}

/// The product of the reflections, transposed.
fn accumulate(a: &[f64], d: usize, halves: &[f64]) -> Vec<f64> {
    let mut q = vec![0.0; d * d];
    (0..d).for_each(|i| q[i * d + i] = 1.0);
    for k in (0..d).rev().filter(|k| halves[*k] > 0.0) {
        let v = &a[k * d + k + 1..(k + 1) * d];
        for row in q[(k + 1) * d..].chunks_exact_mut(d) {
            let row = &mut row[k + 1..];
            let share = dot(row, v) / halves[k];
            row.iter_mut().zip(v).for_each(|(x, v)| *x -= share * v);
        }
    }
    q
}

/// Makes `diagonal` the eigenvalues of the matrix of three diagonals, and turns `rows` along.
fn ql(diagonal: &mut [f64], beside: &mut [f64], rows: &mut [f64]) {
    let d = diagonal.len();
    let size = diagonal.iter().zip(beside.iter()).fold(0.0_f64, |most, (a, b)| most.max(a.abs() + b.abs()));
    let small = size * f64::EPSILON / 2.0;
    for l in 0..d {
        for _ in 0..MAX_STEPS {
            let m = (l..d - 1).find(|m| beside[*m].abs() <= small).unwrap_or(d - 1);
            if m == l {
                break;
            }
            step(diagonal, beside, rows, l, m);
        }
    }
}

/// One implicit QL step on rows `l` to `m`.
fn step(diagonal: &mut [f64], beside: &mut [f64], rows: &mut [f64], l: usize, m: usize) {
    let d = diagonal.len();
    let slope = (diagonal[l + 1] - diagonal[l]) / (2.0 * beside[l]);
    let root = (slope * slope + 1.0).sqrt();
    let mut g = diagonal[m] - diagonal[l] + beside[l] / (slope + if slope < 0.0 { -root } else { root });
    let (mut sine, mut cosine, mut p) = (1.0, 1.0, 0.0);
    for i in (l..m).rev() {
        let (f, b) = (sine * beside[i], cosine * beside[i]);
        let r = (f * f + g * g).sqrt();
        beside[i + 1] = r;
        if r == 0.0 {
            diagonal[i + 1] -= p;
            beside[m] = 0.0;
            return;
        }
        (sine, cosine) = (f / r, g / r);
        g = diagonal[i + 1] - p;
        let t = (diagonal[i] - g) * sine + 2.0 * cosine * b;
        p = sine * t;
        diagonal[i + 1] = g + p;
        g = cosine * t - b;
        let (upper, lower) = rows[i * d..(i + 2) * d].split_at_mut(d);
        for (x, y) in upper.iter_mut().zip(lower) {
            (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
        }
    }
    diagonal[l] -= p;
    beside[l] = g;
    beside[m] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &[f64], d: usize) -> Vec<f64> {
        let (values, vectors) = symmetric(a.to_vec(), d);
        for (k, value) in values.iter().enumerate() {
            let v = &vectors[k * d..(k + 1) * d];
            assert!((dot(v, v) - 1.0).abs() < 1e-13);
            for i in 0..d {
                let product = dot(&a[i * d..(i + 1) * d], v);
                assert!((product - value * v[i]).abs() < 1e-13 * d as f64, "{product} is not {value} times {}", v[i]);
            }
            (0..k).for_each(|j| assert!(dot(v, &vectors[j * d..(j + 1) * d]).abs() < 1e-13));
        }
        assert!(values.is_sorted_by(|a, b| a >= b));
        values
    }

    #[test]
    fn eigenvectors_are_turned_by_nothing() {
        // Eigenvalues of the path's matrix are 2cos(πk/(d+1)).
        let d = 40;
        let mut path = vec![0.0; d * d];
        (1..d).for_each(|i| (path[(i - 1) * d + i], path[i * d + i - 1]) = (1.0, 1.0));
        let values = check(&path, d);
        for (k, value) in values.iter().enumerate() {
            assert!((value - 2.0 * (std::f64::consts::PI * (k + 1) as f64 / (d + 1) as f64).cos()).abs() < 1e-13);
        }
        let full: Vec<f64> = (0..d * d).map(|at| 1.0 / (1 + at / d + at % d) as f64).collect();
        check(&full, d);
        check(&[0.0; 9], 3);
        check(&[1.0; 49], 7);
        check(&[5.0], 1);
        assert_eq!(symmetric(Vec::new(), 0), (Vec::new(), Vec::new()));
    }

    #[test]
    fn signs_follow_the_largest_component() {
        let (values, vectors) = symmetric(vec![2.0, -1.0, -1.0, 2.0], 2);
        assert_eq!(values.iter().map(|x| x.round()).collect::<Vec<_>>(), [3.0, 1.0]);
        assert!(vectors[0] > 0.0 && vectors[1] < 0.0 && vectors[2] > 0.0 && vectors[3] > 0.0);
    }
}
