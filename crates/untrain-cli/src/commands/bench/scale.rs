//! Generated tables of any size. One has numbers alone; the other 12 numeric and 8 categorical features, two classes, signal and noise.

use std::ops::Range;

use anyhow::Result;
use untrain_core::{Dataset, Role, mix, unit};

use super::generated::{Generated, testing, training};
use super::measure::Split;

const N_NUMERIC: u64 = 12;
/// How many categories the categorical features have.
const CATEGORIES: [u64; 8] = [2, 3, 5, 8, 13, 21, 34, 55];
/// One value in so many is missing.
const ONE_MISSING_IN: u64 = 50;
const N_TEST: u64 = 10_000;
const SEED: u64 = 0x7363_616c_6500_0000; // "scale"

/// `n` records to train on and 10,000 to test with.
pub(super) fn split(n: usize) -> Result<Split> {
    let name = if n >= 1_000_000 { format!("{}M records", n / 1_000_000) } else { format!("{}k records", n / 1_000) };
    Ok(Split { name, train: table(training(n as u64))?, test: table(testing(N_TEST))? })
}

/// `n` records of `d` numbers to train on and 10,000 to test with; a class is a linear score with noise.
pub(super) fn numbers(n: usize, d: u64) -> Result<Split> {
    let name = format!("{}k records of {d} numbers", n / 1_000);
    Ok(Split { name, train: linear(training(n as u64), d)?, test: linear(testing(N_TEST), d)? })
}

fn linear(records: Range<u64>, d: u64) -> Result<Dataset> {
    let number = |record, feature| numeric(record, 3 * feature + 1);
    let weight = |feature: u64| if feature.is_multiple_of(3) { 0.0 } else { unit(mix(SEED, feature)) - 0.5 };
    let mut table = Generated::new(records);
    (0..d).for_each(|feature| table.numbers(format!("n{feature:02}"), Role::Feature, |record| number(record, feature)));
    table.texts("y".to_owned(), Role::Target, |record| {
        let score: f64 = (0..d).map(|feature| weight(feature) * number(record, feature)).sum();
        (if unit(draw(record, 0, 7)) < 1.0 / (1.0 + (-2.0 * score).exp()) { "yes" } else { "no" }).to_owned()
    });
    table.dataset(None)
}

fn table(records: Range<u64>) -> Result<Dataset> {
    let mut table = Generated::new(records);
    for feature in 0..N_NUMERIC {
        let number = |record| (!missing(record, feature)).then(|| numeric(record, feature));
        table.numbers(format!("n{feature:02}"), Role::Feature, number);
    }
    for (i, n_categories) in CATEGORIES.into_iter().enumerate() {
        let feature = N_NUMERIC + i as u64;
        let name = |record| (!missing(record, feature)).then(|| format!("c{}", category(record, feature, n_categories)));
        table.texts(format!("t{feature:02}"), Role::Feature, name);
    }
    table.texts("y".to_owned(), Role::Target, |record| (if positive(record) { "yes" } else { "no" }).to_owned());
    table.dataset(None)
}

fn draw(record: u64, feature: u64, purpose: u64) -> u64 {
    mix(mix(SEED ^ record, feature), purpose)
}

fn missing(record: u64, feature: u64) -> bool {
    draw(record, feature, 1).is_multiple_of(ONE_MISSING_IN)
}

/// About normal with mean 0 and variance 1; one feature in three has whole values only.
fn numeric(record: u64, feature: u64) -> f64 {
    let sum: f64 = (2..6).map(|purpose| unit(draw(record, feature, purpose))).sum();
    let value = (sum - 2.0) * 3.0_f64.sqrt();
    if feature.is_multiple_of(3) { (value * 10.0).round() / 10.0 } else { value }
}

/// The first categories are the frequent ones.
fn category(record: u64, feature: u64, n: u64) -> u64 {
    (unit(draw(record, feature, 2)).powi(2) * n as f64) as u64
}

/// Half the features carry signal, alone or in pairs; the rest is noise, as is a part of every outcome.
fn positive(record: u64) -> bool {
    let x = |feature| numeric(record, feature);
    let t = |i: usize| category(record, N_NUMERIC + i as u64, CATEGORIES[i]);
    let of_category = |i: usize| unit(mix(SEED, mix(i as u64, t(i)))) - 0.5;
    let linear = 1.2 * x(0) - 0.9 * x(1) + 0.6 * x(2);
    let paired = 1.1 * x(3) * x(4) + if t(1) == 0 { x(5) } else { -x(5) };
    let score = linear + paired + 2.0 * of_category(3) + 3.0 * of_category(5) + 3.0 * of_category(7) - 0.6;
    unit(draw(record, 0, 7)) < 1.0 / (1.0 + (-1.5 * score).exp())
}
