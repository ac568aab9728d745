//! What predictions are made with: logarithms, taken once from the sums of an artefact.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::encode::{Encoder, Source};
use crate::softmax::softmax;

use super::counts::{ClassCounts, Lens};
use super::{NaiveBayesKind, NaiveBayesParams};

/// Logarithms of probabilities, for all classes.
#[derive(Debug)]
pub(super) struct Tables {
    kind: NaiveBayesKind,
    lens: Lens,
    n_classes: usize,
    /// Of each class: its prior, and that all sparse columns are 0.
    base: Vec<f64>,
    /// Shape `(n_dense, n_classes)`; empty if the numbers tell nothing.
    numbers: Vec<Number>,
    parts: Vec<Part>,
    /// The sparse columns that some record has, in order.
    columns: Vec<u32>,
    /// Where the entries of each of `columns` begin, and where the last ones end.
    starts: Vec<usize>,
    /// For a class that has the column, what it adds beyond the weight that all columns of the part have.
    entries: Vec<(u32, f64)>,
}

/// The distribution of a column of numbers in a class.
#[derive(Debug, Clone, Copy)]
enum Number {
    /// `constant − (q − mean)² · narrowness`
    Normal { constant: f64, mean: f64, narrowness: f64 },
    /// What one counts.
    Count { weight: f64 },
    /// What a number adds that is on, or off.
    Switch { on: f64, off: f64 },
    /// Nothing.
    Unknown,
}

/// The sparse columns of one input.
#[derive(Debug)]
struct Part {
    columns: Range<u32>,
    what: What,
    /// What one in a column adds for a class that does not have the column.
    weights: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Indicator,
    Categories,
    Words,
}

/// The sums of one class, and what is smoothed with.
struct Class<'a> {
    counts: &'a ClassCounts,
    params: &'a NaiveBayesParams,
    /// Of all columns together, for counts of one multinomial distribution.
    total: f64,
    n_columns: f64,
    /// What is added to the variance of a column of zeros and ones.
    smoothing: f64,
}

impl Tables {
    pub(super) fn new(params: &NaiveBayesParams, encoder: &Encoder, classes: &[Arc<ClassCounts>]) -> Self {
        let lens = Lens::new(params.kind, params.threshold, encoder.layout(), encoder.scales().to_vec());
        let smoothing = smoothing(params, &lens, classes);
        let n_columns = encoder.layout().n_columns as f64;
        let view = |counts| Class { counts, params, total: total(&lens, counts), n_columns, smoothing };
        let views: Vec<Class<'_>> = classes.iter().map(|counts| view(counts.as_ref())).collect();
        let numbers = numbers(params, &lens, &views);
        let records: u64 = classes.iter().map(|class| class.records).sum();
        let of = |class: &Class<'_>| libm::log(class.counts.records as f64) - libm::log(records as f64);
        let equal = -libm::log(classes.len() as f64);
        let prior = |class: &Class<'_>| if params.fit_prior { of(class) } else { equal };
        let mut base: Vec<f64> = views.iter().map(prior).collect();
        let mut parts = parts(encoder);
        let mut entries: Vec<(u32, u32, f64)> = Vec::new();
        for part in &mut parts {
            let n_columns = part.columns.end - part.columns.start;
            for (class, view) in views.iter().enumerate() {
                let has = view.counts.within(&part.columns);
                let words: f64 = has.iter().map(|(_, count)| *count as f64).sum();
                let at = |count: u64| view.on_off(part.what, count, f64::from(n_columns), words);
                let (on, off) = at(0);
                part.weights.push(on - off);
                base[class] += f64::from(n_columns - has.len() as u32) * off;
                for (column, count) in has {
                    let (on_here, off_here) = at(*count);
                    base[class] += off_here;
                    entries.push((*column, class as u32, (on_here - off_here) - (on - off)));
                }
            }
        }
        entries.sort_by_key(|(column, class, _)| (*column, *class));
        let (mut columns, mut starts): (Vec<u32>, Vec<usize>) = (Vec::new(), Vec::new());
        for (i, (column, ..)) in entries.iter().enumerate() {
            if columns.last() != Some(column) {
                columns.push(*column);
                starts.push(i);
            }
        }
        starts.push(entries.len());
        let entries = entries.into_iter().map(|(_, class, weight)| (class, weight)).collect();
        Self { kind: params.kind, lens, n_classes: classes.len(), base, numbers, parts, columns, starts, entries }
    }

    /// The probabilities of the classes for a record of quantised numbers (NaN is missing) and sparse columns.
    pub(super) fn probabilities(&self, dense: &[Option<f64>], sparse: &[(u32, f32)], out: &mut Vec<f64>) {
        let first = out.len();
        out.extend_from_slice(&self.base);
        let scores = &mut out[first..];
        self.add_numbers(dense, scores);
        self.add_sparse(sparse, scores);
        normalise(scores);
    }

    fn add_numbers(&self, dense: &[Option<f64>], scores: &mut [f64]) {
        if self.numbers.is_empty() {
            return;
        }
        for (column, (q, numbers)) in dense.iter().zip(self.numbers.chunks(self.n_classes)).enumerate() {
            let Some(q) = q else { continue };
            // A count below zero is none.
            let count = if self.kind == NaiveBayesKind::Multinomial { self.lens.scales()[column].feature(*q).max(0.0) } else { 0.0 };
            for (score, number) in scores.iter_mut().zip(numbers) {
                *score += match number {
                    Number::Normal { constant, mean, narrowness } => constant - (q - mean) * (q - mean) * narrowness,
                    Number::Count { weight } => count * weight,
                    Number::Switch { on, off } => {
                        if self.lens.is_on(column, *q) {
                            *on
                        } else {
                            *off
                        }
                    }
                    Number::Unknown => 0.0,
                };
            }
        }
    }

    fn add_sparse(&self, sparse: &[(u32, f32)], scores: &mut [f64]) {
        for part in &self.parts {
            let from = sparse.partition_point(|(column, _)| *column < part.columns.start);
            let to = sparse.partition_point(|(column, _)| *column < part.columns.end);
            let mut sum = 0.0;
            for (column, value) in &sparse[from..to] {
                let count = self.lens.counted(*column, *value) as f64;
                sum += count;
                if let Ok(at) = self.columns.binary_search(column) {
                    let entries = &self.entries[self.starts[at]..self.starts[at + 1]];
                    entries.iter().for_each(|(class, weight)| scores[*class as usize] += count * weight);
                }
            }
            if sum > 0.0 {
                scores.iter_mut().zip(&part.weights).for_each(|(score, weight)| *score += sum * weight);
            }
        }
    }
}

impl Class<'_> {
    /// What one, or none, adds in a sparse column of a part with `n_columns`, of which the class has `count` here and `sum` in all.
    fn on_off(&self, what: What, count: u64, n_columns: f64, sum: f64) -> (f64, f64) {
        let (alpha, n, count) = (self.params.alpha, self.counts.records as f64, count as f64);
        let share = |total: f64| (libm::log(count + alpha) - libm::log(total), 0.0);
        match (self.params.kind, what) {
            (NaiveBayesKind::Mixed, What::Categories) => share(n + alpha * n_columns),
            (NaiveBayesKind::Mixed, What::Words) => share(sum + alpha * n_columns),
            (NaiveBayesKind::Multinomial, _) => share(self.total + alpha * self.n_columns),
            (NaiveBayesKind::Mixed | NaiveBayesKind::Bernoulli, _) => switch(alpha, n, count),
            (NaiveBayesKind::Gaussian, _) => {
                let mean = count / n;
                let variance = (count * (n - count)) / (n * n) + self.smoothing;
                if self.smoothing == 0.0 {
                    return (0.0, 0.0);
                }
                let density = |x: f64| -0.5 * libm::log(variance) - (x - mean) * (x - mean) / (2.0 * variance);
                (density(1.0), density(0.0))
            }
        }
    }
}

/// The logarithms of the chances that something is on, and off, which was on `count` times in `n`.
fn switch(alpha: f64, n: f64, count: f64) -> (f64, f64) {
    let all = libm::log(n + 2.0 * alpha);
    (libm::log(count + alpha) - all, libm::log(n - count + alpha) - all)
}

fn parts(encoder: &Encoder) -> Vec<Part> {
    let part = |columns, what| Some(Part { columns, what, weights: Vec::new() });
    let of = |source: &Source| match source {
        Source::Number { indicator, .. } => indicator.and_then(|column| part(column..column + 1, What::Indicator)),
        Source::Categories { first, names } => part(*first..*first + names.len() as u32, What::Categories),
        Source::Words { first, buckets } => part(*first..*first + *buckets, What::Words),
    };
    encoder.layout().inputs.iter().filter_map(|input| of(&input.source)).collect()
}

/// The sum of all columns of a class.
fn total(lens: &Lens, counts: &ClassCounts) -> f64 {
    let numbers = counts.sums.iter().zip(lens.scales()).map(|(sum, scale)| scale.feature(*sum as f64));
    numbers.sum::<f64>() + counts.sparse.iter().map(|(_, count)| *count as f64).sum::<f64>()
}

/// What is added to the variances of features: a share of the largest variance of a column.
fn smoothing(params: &NaiveBayesParams, lens: &Lens, classes: &[Arc<ClassCounts>]) -> f64 {
    if !params.kind.is_normal() {
        return 0.0;
    }
    let mut largest = 0.0_f64;
    for (column, scale) in lens.scales().iter().enumerate() {
        let (_, _, variance) = moments(lens, classes.iter().map(Arc::as_ref), column);
        largest = largest.max(variance / scale.step / scale.step);
    }
    if params.kind == NaiveBayesKind::Gaussian {
        let n = classes.iter().map(|class| class.records as f64).sum::<f64>();
        let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
        let entries = classes.iter().flat_map(|class| &class.sparse);
        entries.for_each(|(column, count)| *sums.entry(*column).or_default() += *count as f64);
        sums.values().for_each(|sum| largest = largest.max(sum * (n - sum) / (n * n)));
    }
    params.var_smoothing * largest.min(1e300)
}

/// How many numbers of a column the classes have, their mean and their variance, in units of the quantised numbers.
fn moments<'a>(lens: &Lens, classes: impl Iterator<Item = &'a ClassCounts>, column: usize) -> (u64, f64, f64) {
    let (mut n, mut sum, mut squares) = (0, 0_i128, 0_i128);
    for class in classes {
        n += lens.present(class, column);
        sum += i128::from(class.sums[column]);
        squares += class.squares[column];
    }
    if n == 0 {
        return (0, 0.0, 0.0);
    }
    // n²·variance, exact.
    let spread = i128::from(n) * squares - sum * sum;
    (n, sum as f64 / n as f64, spread as f64 / n as f64 / n as f64)
}

fn numbers(params: &NaiveBayesParams, lens: &Lens, classes: &[Class<'_>]) -> Vec<Number> {
    let mut numbers = Vec::with_capacity(lens.scales().len() * classes.len());
    for column in 0..lens.scales().len() {
        match params.kind {
            NaiveBayesKind::Mixed | NaiveBayesKind::Gaussian => normals(lens, classes, column, &mut numbers),
            NaiveBayesKind::Multinomial => numbers.extend(classes.iter().map(|class| {
                let count = lens.scales()[column].feature(class.counts.sums[column] as f64);
                let all = libm::log(class.total + params.alpha * class.n_columns);
                Number::Count { weight: libm::log(count + params.alpha) - all }
            })),
            NaiveBayesKind::Bernoulli => numbers.extend(classes.iter().map(|class| {
                let n = lens.present(class.counts, column) as f64;
                let (on, off) = switch(params.alpha, n, class.counts.sums[column] as f64);
                Number::Switch { on, off }
            })),
        }
    }
    numbers
}

/// The normal distributions of a column. A class without a number in it has that of all classes.
fn normals(lens: &Lens, classes: &[Class<'_>], column: usize, numbers: &mut Vec<Number>) {
    let all = moments(lens, classes.iter().map(|class| class.counts), column);
    let step = lens.scales()[column].step;
    for class in classes {
        let own = moments(lens, std::iter::once(class.counts), column);
        let (n, mean, variance) = if own.0 == 0 { all } else { own };
        numbers.push(if n == 0 || class.smoothing == 0.0 {
            Number::Unknown
        } else {
            // Columns of very different magnitudes would leave the range of floats here.
            let variance = variance + (class.smoothing * step * step).clamp(1e-200, 1e200);
            Number::Normal { constant: -0.5 * libm::log(variance), mean, narrowness: 0.5 / variance }
        });
    }
}

/// Turns logarithms into probabilities that add up to 1.
fn normalise(scores: &mut [f64]) {
    // Counts near the end of the range of floats may overflow; no class is worse than that.
    scores.iter_mut().for_each(|score| *score = if score.is_nan() { -1e300 } else { score.clamp(-1e300, 1e300) });
    softmax(scores);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_even_where_logarithms_overflow() {
        for scores in [[0.0, 0.0], [-1e5, -1e5], [f64::NEG_INFINITY, f64::NEG_INFINITY], [f64::NAN, 0.0], [f64::INFINITY, 1.0]] {
            let mut probabilities = scores;
            normalise(&mut probabilities);
            assert_eq!(probabilities.iter().sum::<f64>(), 1.0, "{scores:?}");
        }
    }
}
