//! How long does a training step take, beside PyTorch's? Prints processor time a step for an MLP, a CNN and ResNet-20.
#![expect(clippy::print_stdout, reason = "its output is the point")]

use untrain_core::{Seed, mix, unit};
use untrain_neural::{Architecture, Batch, Layered, Network, Optimiser, Rule, Shape, Statistics, loss::cross_entropy, remember};

fn main() -> Result<(), untrain_core::Error> {
    let threads = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let chunk: Option<usize> = std::env::args().nth(2).and_then(|text| text.parse().ok());
    let works = [
        ("MLP", Architecture::Mlp { hidden: vec![256] }, Shape { channels: 1, height: 28, width: 28 }, 128, 64),
        ("CNN", Architecture::Cnn { channels: vec![32, 64], hidden: 128 }, Shape { channels: 1, height: 28, width: 28 }, 128, 16),
        ("ResNet-20", Architecture::Resnet { depth: 20, width: 16 }, Shape { channels: 3, height: 32, width: 32 }, 128, 16),
    ];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
    for (name, architecture, shape, n, usual) in works {
        let mut network = Layered::new(architecture, shape, 10, chunk.unwrap_or(usual), Seed(1))?;
        let values = (0..n * shape.len()).map(|i| unit(mix(3, i as u64)) as f32 - 0.5).collect();
        let batch = Batch::new(shape, values, (0..n).map(|i| (i % 10) as u32).collect());
        let mut optimiser = Optimiser::new(Rule::Adam, 0.9, 0.0);
        let mut seconds = Vec::new();
        let mut last = 0.0;
        for _ in 0..(if name == "MLP" { 200 } else { 12 }) {
            let before = cpu_seconds();
            pool.install(|| {
                let found = network.gradient(&batch, Statistics::Chunk, &mut |logits| cross_entropy(logits, &batch.labels), false);
                optimiser.step(network.parameters_mut(), &found.parameters, 1e-3, None);
                remember(&mut network, &found.statistics);
                last = found.loss;
            });
            seconds.push(cpu_seconds() - before);
        }
        seconds.sort_by(f64::total_cmp);
        println!(
            "{name}\t{threads} threads\tprocessor time: median {:.2} ms\tleast {:.2} ms\tloss {last:.6}",
            seconds[seconds.len() / 2] * 1e3,
            seconds[0] * 1e3
        );
    }
    Ok(())
}

/// Seconds of processor time that all threads have had, which other programs change little.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent =
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse::<f64>().ok());
    spent.sum::<f64>() * 1e-9
}
