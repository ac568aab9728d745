//! Do audits keep their level, and do they find leaks? Many simulated audits with known truth.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod synthetic;

use synthetic::{Kind, gaussian_worlds, normal};
use untrain_audit::attacks::ulira::{HeldOut, Ulira, Variance};
use untrain_audit::{Bootstrap, Game, Membership, Options, Reason, Scores, Verdict, audit};
use untrain_core::Seed;

fn options(seed: u64) -> Options {
    let bootstrap = Bootstrap { n_resamples: 20, ..Bootstrap::default() };
    Options { seed: Seed(seed), n_exchanges: 399, bootstrap, ..Options::default() }
}

/// 200 audits at a level of 5 %: a perfect unlearner may fail at most 5 % of them in expectation; more than 19 would be beyond chance (1 in 250).
#[test]
fn a_perfect_unlearner_passes_although_points_share_their_models() {
    let mut fails = 0;
    let mut passes = 0;
    for seed in 0..200 {
        let found = audit(&gaussian_worlds(seed, 12, 24, Kind::Retrained), &options(seed)).unwrap();
        fails += usize::from(found.judgement.overall == Verdict::Fails);
        passes += usize::from(found.judgement.overall == Verdict::Passes);
    }
    assert!(fails <= 19, "{fails} of 200 fail");
    assert!(passes >= 180, "{passes} of 200 pass");
}

#[test]
fn a_candidate_that_does_nothing_fails_in_both_games() {
    for seed in 0..100 {
        let judgement = audit(&gaussian_worlds(seed, 12, 24, Kind::Original), &options(seed)).unwrap().judgement;
        assert_eq!((judgement.efficacy, judgement.privacy), (Verdict::Fails, Verdict::Fails), "seed {seed}");
    }
}

/// A short retrain differs from a full one and leaks nothing: it fails efficacy and passes privacy.
#[test]
fn a_short_retrain_fails_efficacy_and_passes_privacy() {
    let judgements = (0..40).map(|seed| audit(&gaussian_worlds(seed, 16, 24, Kind::Short), &options(seed)).unwrap().judgement);
    let (mut unlike, mut leaks) = (0, 0);
    for judgement in judgements {
        unlike += usize::from(judgement.efficacy == Verdict::Fails);
        leaks += usize::from(judgement.privacy == Verdict::Fails);
    }
    // Privacy is failed by chance in 5 % of audits: more than 6 of 40 with probability 0.3 %.
    assert!(unlike >= 36 && leaks <= 6, "{unlike} and {leaks}");
}

/// Where the original model remembers nothing, passing would mean nothing.
#[test]
fn an_audit_without_power_gives_no_verdict() {
    let mut worlds = gaussian_worlds(1, 12, 24, Kind::Retrained);
    worlds.original = worlds.candidate.clone();
    let judgement = audit(&worlds, &options(1)).unwrap().judgement;
    assert!(matches!(judgement.privacy, Verdict::None { reason: Reason::NoPower { .. } }));
    assert!(matches!(judgement.overall, Verdict::None { .. }));
}

/// A second retrain that differs from the first shows that something else than unlearning is measured.
#[test]
fn a_metric_whose_null_fails_gives_no_verdict() {
    let mut worlds = gaussian_worlds(1, 24, 24, Kind::Original);
    worlds.second = gaussian_worlds(2, 24, 24, Kind::Short).candidate;
    let judgement = audit(&worlds, &Options { n_exchanges: 1999, ..options(1) }).unwrap().judgement;
    assert!(matches!(judgement.efficacy, Verdict::None { reason: Reason::NullFails { .. } }), "{judgement:?}");
}

/// Scores of candidates that are distributed as retrained models.
fn null_scores(seed: u64, n_models: usize, n_points: usize) -> Scores {
    Scores::new(n_models, n_points, (0..n_models * n_points).map(|i| normal(seed, 77, i)).collect()).unwrap()
}

fn ids(n: usize) -> Vec<String> {
    (0..n).map(|i| i.to_string()).collect()
}

fn drawn(seed: u64, n_worlds: usize, n_points: usize) -> Membership {
    Membership::draw(Seed(seed), n_worlds, &ids(n_points).iter().map(String::as_str).collect::<Vec<_>>())
}

/// In-sample fits have a null AUC of .665 at 8 models a side. The standard error of the mean here is under .005.
#[test]
fn defect_6_the_null_auc_of_ulira_is_one_half_for_few_models() {
    for n_worlds in [10, 16, 32] {
        let aucs = (0..40).map(|seed| {
            let bits = drawn(seed, n_worlds, 100);
            let game = Game::efficacy(&null_scores(2 * seed, n_worlds, 100), &null_scores(2 * seed + 1, n_worlds, 100), &bits).unwrap();
            let attack = Ulira::new(&game, HeldOut::TwoFold(Seed(seed)), Variance::ByCount).unwrap();
            attack.trials().unwrap().power(&Bootstrap { n_resamples: 1, ..Bootstrap::default() }).unwrap().auc
        });
        let mean = aucs.sum::<f64>() / 40.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean} with {n_worlds} worlds");
    }
}

#[test]
fn defect_6_the_pooled_variance_is_better_for_few_models() {
    let auc = |variance| {
        let aucs = (0..40).map(|seed| {
            let bits = drawn(seed, 16, 100);
            let noise = null_scores(seed, 16, 100);
            let leaking = (0..1600).map(|i| noise.row(i / 100)[i % 100] + f64::from(bits.row(i / 100)[i % 100])).collect();
            let game = Game::privacy(&Scores::new(16, 100, leaking).unwrap(), &bits).unwrap();
            let attack = Ulira::new(&game, HeldOut::TwoFold(Seed(seed)), variance).unwrap();
            attack.trials().unwrap().power(&Bootstrap { n_resamples: 1, ..Bootstrap::default() }).unwrap().auc
        });
        aucs.sum::<f64>() / 40.0
    };
    let (pooled, per_point) = (auc(Variance::Pooled), auc(Variance::PerPoint));
    assert!(pooled > per_point + 0.02, "{pooled} against {per_point}");
}

/// DeepUnlearn fits Gaussians to whether answers are correct, in-sample: variances of 0 give NaN. Here 0/1 scores are judged held out, and ties count half.
#[test]
fn defect_5_scores_of_zero_and_one_give_no_nan_and_no_false_alarm() {
    let correct = |seed: u64| {
        let noise = null_scores(seed, 16, 50);
        Scores::new(16, 50, (0..800).map(|i| f64::from(noise.row(i / 50)[i % 50] < 1.5)).collect()).unwrap()
    };
    let mut alarms = 0;
    for seed in 0..40 {
        let game = Game::efficacy(&correct(2 * seed), &correct(2 * seed + 1), &drawn(seed, 16, 50)).unwrap();
        for variance in [Variance::Pooled, Variance::PerPoint] {
            let attack = Ulira::new(&game, HeldOut::TwoFold(Seed(seed)), variance).unwrap();
            let auc = attack.trials().unwrap().power(&Bootstrap::default()).unwrap().auc;
            assert!(auc.is_finite() && (auc - 0.5).abs() < 0.15, "{auc}");
            alarms += usize::from(attack.p_value(Seed(seed), 199).unwrap() <= 0.05);
        }
    }
    // Of 80 tests, dependent in pairs, 4 are expected; 12 are beyond chance.
    assert!(alarms <= 12, "{alarms}");
}

/// The p-value is uniform under the null hypothesis, in both games, with strong common effects of a model on all of its points.
#[test]
fn p_values_are_uniform_when_points_share_their_models() {
    let (mut efficacy, mut privacy) = ([0; 2], [0; 2]);
    for seed in 0..200 {
        let shared = |kind: u64| {
            let noise = null_scores(10 * seed + kind, 10, 30);
            Scores::new(10, 30, (0..300).map(|i| noise.row(i / 30)[i % 30] + 3.0 * normal(seed, 500 + kind, i / 30)).collect()).unwrap()
        };
        let bits = drawn(seed, 10, 30);
        let games = [Game::efficacy(&shared(0), &shared(1), &bits).unwrap(), Game::privacy(&shared(0), &bits).unwrap()];
        for (game, counts) in games.iter().zip([&mut efficacy, &mut privacy]) {
            let attack = Ulira::new(game, HeldOut::TwoFold(Seed(seed)), Variance::ByCount).unwrap();
            let p = attack.p_value(Seed(seed), 199).unwrap();
            counts[0] += usize::from(p <= 0.1);
            counts[1] += usize::from(p <= 0.5);
        }
    }
    for counts in [efficacy, privacy] {
        // Binomial(200, 0.1) exceeds 34, and Binomial(200, 0.5) is outside 79 to 121, with probability 0.3 % each.
        assert!(counts[0] <= 34, "{counts:?}");
        assert!((79..=121).contains(&counts[1]), "{counts:?}");
    }
}

/// Pooling the scores and resampling them one by one gives an interval that excludes ½ for most clean models; the two-level one does not.
#[test]
fn intervals_cover_one_half_for_a_clean_model_with_shared_effects() {
    let covers = (0..100).filter(|seed| {
        let noise = null_scores(*seed, 16, 60);
        let values = (0..960).map(|i| noise.row(i / 60)[i % 60] + 2.0 * normal(*seed, 900, i / 60)).collect();
        // All points of a world are in or out together, the strongest dependence there is.
        let bits = Membership::new(16, 60, (0..960).map(|i| (i / 60) % 2 == 0).collect()).unwrap();
        let game = Game::privacy(&Scores::new(16, 60, values).unwrap(), &bits).unwrap();
        let power = game.direct().unwrap().power(&Bootstrap { seed: Seed(*seed), ..Bootstrap::default() }).unwrap();
        power.auc_interval.is_some_and(|interval| interval.low <= 0.5 && 0.5 <= interval.high)
    });
    // A percentile interval of 16 models undercovers a little: 95 % is stated, and 85 % is asked for.
    assert!(covers.count() >= 85);
}
