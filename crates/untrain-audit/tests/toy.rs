//! Real models that memorise: a kernel classifier of noisy labels in the plane, which forgets exactly or not at all.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use untrain_audit::attacks::canary::{self, Canary};
use untrain_audit::{Bootstrap, Ensemble, Membership, Options, Outputs, Verdict, Worlds, audit};
use untrain_core::{Seed, unit};

const N_WORLDS: usize = 16;
const N_FORGET: usize = 20;
const N_RETAIN: usize = 60;
const N_HOLDOUT: usize = 40;

/// A standard normal number for a seed, a kind and a place, by Box and Muller.
fn normal(seed: u64, kind: u64, i: usize) -> f64 {
    let hash = |part: u64| unit(Seed(seed).hash(kind, &(2 * i as u64 + part).to_le_bytes()));
    (-2.0 * (1.0 - hash(0)).ln()).sqrt() * (std::f64::consts::TAU * hash(1)).cos()
}

/// A point of the plane with its class.
#[derive(Clone, Copy)]
struct Record {
    at: [f64; 2],
    class: usize,
}

/// Two classes that overlap, so that some records can only be known by heart.
fn records(seed: u64, kind: u64, n: usize) -> Vec<Record> {
    let record = |i: usize| {
        let class = usize::from(normal(seed, kind, 3 * i) > 0.0);
        let centre = if class == 1 { 0.7 } else { -0.7 };
        Record { at: [centre + normal(seed, kind, 3 * i + 1), normal(seed, kind, 3 * i + 2)], class }
    };
    (0..n).map(record).collect()
}

/// The votes of training records near a query, each of which a run uses with probability 0.8; the narrow kernel makes it overfit.
fn predict(train: &[(u64, Record)], run: u64, query: &Record) -> f64 {
    let mut votes = [0.05; 2];
    for (id, record) in train {
        if unit(Seed(run).hash(1, &id.to_le_bytes())) < 0.8 {
            let squared: f64 = record.at.iter().zip(query.at).map(|(a, b)| (a - b) * (a - b)).sum();
            votes[record.class] += (-squared / (2.0 * 0.3 * 0.3)).exp();
        }
    }
    votes[1] / (votes[0] + votes[1])
}

/// Worlds of such models; `forgets` says whether the candidate forgets what it was trained on.
fn worlds(seed: u64, forgets: bool) -> Worlds {
    let names: Vec<String> = (0..N_FORGET).map(|i| i.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bits = Membership::draw(Seed(seed), N_WORLDS, &names);
    let (mut forget, retain, holdout) = (records(seed, 1, N_FORGET), records(seed, 2, N_RETAIN), records(seed, 3, N_HOLDOUT));
    let labels: Vec<usize> = forget.iter().map(|record| record.class).collect();
    let canaries = canary::choose(Seed(seed), &names, &labels, 2, 8).unwrap();
    canaries.iter().for_each(|Canary { point, label }| forget[*point].class = *label);
    let ensemble = |kind: u64, knows: bool| {
        let outputs = |world: usize, queries: &[Record]| {
            let retained = retain.iter().enumerate().map(|(i, record)| (1000 + i as u64, *record));
            let known = forget.iter().enumerate().filter(|(i, _)| knows && bits.row(world)[*i]).map(|(i, record)| (i as u64, *record));
            let train: Vec<(u64, Record)> = retained.chain(known).collect();
            let run = Seed(seed).hash(kind, &(world as u64).to_le_bytes());
            let p = queries.iter().map(|query| predict(&train, run, query));
            Outputs::classes(2, p.flat_map(|p| [1.0 - p, p]).collect(), queries.iter().map(|query| Some(query.class)).collect()).unwrap()
        };
        let of = |queries: &[Record]| (0..N_WORLDS).map(|world| outputs(world, queries)).collect();
        Ensemble { forget: of(&forget), holdout: of(&holdout), retain: vec![] }
    };
    Worlds {
        candidate: ensemble(11, !forgets),
        retrained: ensemble(12, false),
        second: ensemble(13, false),
        original: ensemble(14, true),
        scratch: None,
        do_nothing: None,
        canaries: canaries.iter().map(|canary| canary.point).collect(),
        bits,
    }
}

fn verdicts(forgets: bool) -> Vec<Verdict> {
    let bootstrap = Bootstrap { n_resamples: 20, ..Bootstrap::default() };
    let options = |seed| Options { seed: Seed(seed), n_exchanges: 399, bootstrap, ..Options::default() };
    (0..100).map(|seed| audit(&worlds(seed, forgets), &options(seed)).unwrap().judgement.overall).collect()
}

#[test]
fn a_perfect_unlearner_passes_its_audit_for_95_of_100_seeds() {
    let passes = verdicts(true).iter().filter(|verdict| **verdict == Verdict::Passes).count();
    assert!(passes >= 95, "{passes} of 100");
}

#[test]
fn a_do_nothing_unlearner_fails_its_audit_for_99_of_100_seeds() {
    let fails = verdicts(false).iter().filter(|verdict| **verdict == Verdict::Fails).count();
    assert!(fails >= 99, "{fails} of 100");
}
