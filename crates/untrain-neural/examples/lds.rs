//! Which scores foretell what happens without some examples: EK-FAC's or TracIn's? Prints the linear datamodelling score of both, beside
//! exact retraining, for a network on images of four classes of which some have wrong labels.
#![expect(clippy::print_stdout, reason = "its output is the point")]

use std::time::Instant;

use untrain_core::{Seed, mix, one_of, unit};
use untrain_neural::methods::{EkFac, lds, tracin_scores};
use untrain_neural::{
    Architecture, Augmentation, Error, Examples, Layered, Network, NormPolicy, Rule, Schedule, Shape, Source, Training, loss,
};

const N_CLASSES: u32 = 4;
const N: usize = 240;
const N_SETS: usize = 32;
/// So many networks are trained for each set, since one network's loss depends on its seed as well.
const N_SEEDS: u64 = 3;

fn main() -> Result<(), Error> {
    let (examples, queries) = (images(N, 1, true), images(40, 2, false));
    let all: Vec<usize> = (0..N).collect();
    let timer = Instant::now();
    let mut ek_fac = vec![vec![0.0; N]; queries.len()];
    let mut tracin = ek_fac.clone();
    let mut base = vec![0.0; queries.len()];
    for seed in 0..N_SEEDS {
        let network = trained(&examples, 30, seed)?;
        add(&mut base, &losses(&network, &queries));
        let scores = EkFac::factors(&network, &examples, N, 0.1, Seed(seed)).scores(&network, &examples, &queries);
        ek_fac.iter_mut().zip(scores).for_each(|(sum, row)| add(sum, &row));
        // TracIn asks for networks along the way: trained again, since training is the same to the bit.
        let along = [2, 5, 10, 20, 30].map(|n_epochs| trained(&examples, n_epochs, seed)).into_iter().collect::<Result<Vec<_>, _>>()?;
        let checkpoints: Vec<(&dyn Network, f64)> = along.iter().map(|network| (network as &dyn Network, 1.0)).collect();
        tracin.iter_mut().zip(tracin_scores(&checkpoints, &examples, &queries)).for_each(|(sum, row)| add(sum, &row));
    }
    println!("scores of {N} examples for {} queries\t{:.1} s", queries.len(), timer.elapsed().as_secs_f64());
    for k in [12, 48] {
        let timer = Instant::now();
        let sets: Vec<Vec<usize>> = (0..N_SETS).map(|set| chosen(k, set)).collect();
        let mut actual = Vec::new();
        for set in &sets {
            let rest = examples.select(&all.iter().copied().filter(|place| !set.contains(place)).collect::<Vec<_>>());
            let mut rise = base.iter().map(|loss| -loss).collect::<Vec<_>>();
            for seed in 0..N_SEEDS {
                add(&mut rise, &losses(&trained(&rest, 30, seed)?, &queries));
            }
            actual.push(rise);
        }
        println!(
            "without {k}, {N_SETS} sets, {N_SEEDS} seeds\tEK-FAC {:.3}\tTracIn {:.3}\tretraining {:.1} s",
            lds(&ek_fac, &sets, &actual),
            lds(&tracin, &sets, &actual),
            timer.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

fn trained(examples: &Examples, n_epochs: usize, seed: u64) -> Result<Layered, Error> {
    let mut network = Layered::new(Architecture::Mlp { hidden: vec![32] }, examples.shape(), N_CLASSES as usize, 8, Seed(seed))?;
    let training = Training {
        n_epochs,
        batch_size: 32,
        learning_rate: 0.02,
        schedule: Schedule::Constant,
        rule: Rule::Sgd,
        momentum: 0.9,
        weight_decay: 5e-3,
        augmentation: Augmentation::None,
        norm: NormPolicy::Train,
        seed: Seed(seed),
    };
    training.train(&mut network, examples)?;
    Ok(network)
}

/// A normal number, near enough: twelve uniform ones.
fn normal(key: u64, i: u64) -> f64 {
    (0..12).map(|term| unit(mix(key, 12 * i + term))).sum::<f64>() - 6.0
}

/// Images of 8 × 8 around a centre for each class; with `wrong`, one label in ten is another class's.
fn images(n: usize, salt: u64, wrong: bool) -> Examples {
    let class = |i: usize| (i as u32) % N_CLASSES;
    let value = |i: usize, at: usize| 0.5 * normal(u64::from(class(i)), at as u64) + 1.5 * normal(mix(salt, i as u64), at as u64);
    let values = (0..n * 64).map(|k| value(k / 64, k % 64) as f32).collect();
    let label = |i: usize| class(i) + u32::from(wrong && one_of(10, mix(7, i as u64)) == 0);
    let shape = Shape { channels: 1, height: 8, width: 8 };
    let keys = (0..n).map(|i| mix(salt, i as u64)).collect();
    Examples::new(shape, N_CLASSES as usize, Source::Rows(values), (0..n).map(|i| label(i) % N_CLASSES).collect(), keys)
}

/// A set of `k` examples, by a hash.
fn chosen(k: usize, set: usize) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> = (0..N).map(|i| (mix(mix(99, (k * N_SETS + set) as u64), i as u64), i)).collect();
    order.sort_unstable();
    order.into_iter().take(k).map(|(_, i)| i).collect()
}

fn losses(network: &dyn Network, queries: &Examples) -> Vec<f64> {
    let batch = queries.batch(&(0..queries.len()).collect::<Vec<_>>());
    let logits = network.logits(&batch);
    (0..batch.len()).map(|i| loss::cross_entropy_of(logits.row(i), batch.labels[i]).0).collect()
}

fn add(sum: &mut [f64], values: &[f64]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
