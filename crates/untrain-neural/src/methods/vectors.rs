//! What is done with all parameters at once, seen as one vector.

/// The inner product, in double precision: eight sums side by side, then these in order.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        (0..8).for_each(|lane| sums[lane] += a[lane] * b[lane]);
    }
    sums.into_iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// The length.
pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// Adds `factor` times `b` to `a`.
pub(super) fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

/// Adds `factor` times `b` to the parameters `a`.
pub(super) fn shift(a: &mut [f32], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a = (f64::from(*a) + factor * b) as f32);
}

/// In double precision.
pub(super) fn wide(a: &[f32]) -> Vec<f64> {
    a.iter().copied().map(f64::from).collect()
}

/// In single precision.
pub(super) fn narrow(a: &[f64]) -> Vec<f32> {
    a.iter().map(|value| *value as f32).collect()
}

/// What shortens to a length, where that is shorter.
pub(super) fn clipping(a: &[f32], length: f64) -> f64 {
    let norm = norm(&wide(a));
    if norm > length { length / norm } else { 1.0 }
}

/// Shortens to a length, if it is longer.
pub(super) fn clip(a: &mut [f32], length: f64) {
    let factor = clipping(a, length);
    if factor < 1.0 {
        a.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
    }
}
