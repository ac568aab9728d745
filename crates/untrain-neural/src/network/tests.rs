use untrain_core::{mix, unit};

use super::*;

fn shape(channels: usize, side: usize) -> Shape {
    Shape { channels, height: side, width: side }
}

fn networks() -> Vec<Layered> {
    let build = |architecture, shape| Layered::new(architecture, shape, 3, 4, Seed(5)).unwrap();
    vec![
        build(Architecture::Mlp { hidden: vec![7, 5] }, shape(11, 1)),
        build(Architecture::Mlp { hidden: vec![] }, shape(2, 3)),
        build(Architecture::Cnn { channels: vec![5, 16], hidden: 6 }, shape(1, 9)),
        build(Architecture::Cnn { channels: vec![16, 32], hidden: 6 }, shape(3, 4)),
        build(Architecture::Resnet { depth: 8, width: 16 }, shape(3, 8)),
        build(Architecture::Resnet { depth: 18, width: 4 }, shape(1, 8)),
    ]
}

fn batch(shape: Shape, n: usize) -> Batch {
    let values = (0..n * shape.len()).map(|i| unit(mix(3, i as u64)) as f32 - 0.3).collect();
    Batch::new(shape, values, (0..n).map(|i| (i % 3) as u32).collect())
}

/// Half the squared distance of the logits from the class's corner, so that every logit matters.
fn square(batch: &Batch) -> impl FnMut(&Logits) -> (f64, Logits) + '_ {
    |logits| {
        let mut gradient = logits.zeros_like();
        let mut loss = 0.0;
        for i in 0..logits.len() {
            for (class, value) in logits.row(i).iter().enumerate() {
                let distance = value - if class as u32 == batch.labels[i] { 1.0 } else { 0.0 };
                loss += 0.5 * f64::from(distance) * f64::from(distance);
                gradient.row_mut(i)[class] = distance;
            }
        }
        (loss, gradient)
    }
}

fn value(network: &Layered, batch: &Batch, statistics: Statistics) -> f64 {
    network.gradient(batch, statistics, &mut square(batch), false).loss
}

/// Directions by the eye of the hash, the same for each network.
fn direction(n: usize, key: u64) -> Vec<f32> {
    (0..n).map(|i| crate::noise::normal(key, i as u64) as f32).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// How far slopes may be from differences, in parts of the gradient's length. A step over a kink of an activation or a pool spoils
/// a difference, so the median over directions counts.
const FAR: f64 = 0.06;

fn median_distance(gradient: &[f32], value: impl Fn(&[f32]) -> f64) -> f64 {
    let step = 5e-5;
    let scale = dot(gradient, gradient).sqrt();
    let distance = |key: u64| {
        let along = direction(gradient.len(), key);
        let moved = |sign: f32| value(&along.iter().map(|rate| sign * step * rate).collect::<Vec<_>>());
        (dot(gradient, &along) - (moved(1.0) - moved(-1.0)) / (2.0 * f64::from(step))).abs() / scale
    };
    let mut distances: Vec<f64> = (0..9).map(distance).collect();
    distances.sort_by(f64::total_cmp);
    distances[4]
}

#[test]
fn a_gradient_is_what_differences_say() {
    let add = |values: &mut [f32], change: &[f32]| values.iter_mut().zip(change).for_each(|(value, change)| *value += change);
    for network in networks() {
        let batch = batch(network.input(), 6);
        for statistics in [Statistics::Remembered, Statistics::Chunk] {
            let found = network.gradient(&batch, statistics, &mut square(&batch), true);
            let parameters = median_distance(&found.parameters, |change| {
                let mut network = network.clone();
                add(network.parameters_mut(), change);
                value(&network, &batch, statistics)
            });
            let inputs = median_distance(&found.inputs, |change| {
                let mut batch = batch.clone();
                add(batch.values_mut(), change);
                value(&network, &batch, statistics)
            });
            assert!(parameters < FAR && inputs < FAR, "{:?} {statistics:?}: {parameters} {inputs}", network.architecture);
        }
    }
}

#[test]
fn a_tangent_is_the_transpose_of_the_gradient() {
    for network in networks() {
        let batch = batch(network.input(), 6);
        let along = direction(network.parameters().len(), 1);
        let tangent = network.tangent(&batch, &along);
        let weights = direction(tangent.values().len(), 2);
        let mut loss = |logits: &Logits| (0.0, Logits::new(logits.n_classes(), weights.clone()));
        let gradient = network.gradient(&batch, Statistics::Remembered, &mut loss, false).parameters;
        let (left, right) = (dot(tangent.values(), &weights), dot(&gradient, &along));
        assert!((left - right).abs() < 1e-4 * dot(&gradient, &gradient).sqrt(), "{:?}: {left} {right}", network.architecture);
    }
}

#[test]
fn gradients_of_examples_add_up_to_that_of_the_batch() {
    for network in networks() {
        let batch = batch(network.input(), 6);
        let whole = network.gradient(&batch, Statistics::Remembered, &mut square(&batch), false).parameters;
        let mut sum = vec![0.0; whole.len()];
        let each = |i: usize, row: &[f32]| {
            row.iter().enumerate().map(|(class, value)| value - f32::from(u8::from(class as u32 == batch.labels[i]))).collect()
        };
        network.example_gradients(&batch, &each, &mut |_, gradient| {
            sum.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
        });
        let far = sum.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(f64::from(far) < 1e-5 * dot(&whole, &whole).sqrt(), "{:?}: {far}", network.architecture);
    }
}

/// What stands beside an example in a batch does not reach its gradient.
#[test]
fn a_gradient_of_an_example_is_that_of_the_example_alone() {
    for network in networks() {
        let batch = batch(network.input(), 7);
        let each = |_: usize, row: &[f32]| row.to_vec();
        network.example_gradients(&batch, &each, &mut |i, gradient| {
            let alone = Batch::new(batch.shape(), batch.values(i..i + 1).to_vec(), vec![batch.labels[i]]);
            network.example_gradients(&alone, &each, &mut |_, own| assert_eq!(own, gradient, "{:?}", network.architecture));
            let mut loss = |logits: &Logits| (0.0, logits.clone());
            assert_eq!(network.gradient(&alone, Statistics::Remembered, &mut loss, false).parameters, gradient);
        });
    }
}

#[test]
fn a_batch_of_no_example_has_no_gradient() {
    for network in networks() {
        let none = batch(network.input(), 0);
        for statistics in [Statistics::Chunk, Statistics::Remembered] {
            let found = network.gradient(&none, statistics, &mut square(&none), true);
            assert!(found.parameters.iter().all(|slope| *slope == 0.0) && found.inputs.is_empty());
        }
        network.example_gradients(&none, &|_, row| row.to_vec(), &mut |_, _| unreachable!("there is no example"));
        network.factors(&none, &|_, row| row.to_vec(), &mut |_, _, _, _| unreachable!("there is no example"));
    }
}

#[test]
fn factors_multiply_to_the_gradients_of_weights() {
    for network in networks() {
        let batch = batch(network.input(), 1);
        let each = |_: usize, row: &[f32]| row.to_vec();
        let mut gradient = Vec::new();
        network.example_gradients(&batch, &each, &mut |_, found| gradient = found.to_vec());
        let mut seen = 0;
        network.factors(&batch, &each, &mut |weight, n, inputs, outputs| {
            assert_eq!(n, 1);
            let entry = network.layout().entries().iter().find(|entry| entry.range == *weight).unwrap();
            let (n_outputs, n_inputs) = (entry.shape[0], entry.shape[1..].iter().product::<usize>());
            let positions = outputs.len() / n_outputs;
            let taps = entry.shape[2..].iter().product::<usize>();
            for (output, input) in (0..n_outputs).flat_map(|output| (0..n_inputs).map(move |input| (output, input))) {
                let (channel, tap) = (input / taps, input % taps);
                let at = tap * entry.shape[1] + channel;
                let sum: f32 = (0..positions).map(|p| inputs[p * n_inputs + at] * outputs[p * n_outputs + output]).sum();
                let found = gradient[weight.start + output * n_inputs + input];
                assert!((sum - found).abs() <= 1e-3 * (1.0 + found.abs()), "{}: {sum} {found}", entry.name);
            }
            seen += 1;
        });
        assert_eq!(seen, network.layout().entries().iter().filter(|entry| entry.part == crate::Part::Weight).count());
    }
}

#[test]
fn threads_do_not_reach_the_bits() {
    let bits = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = networks().into_iter().map(|network| {
            let batch = batch(network.input(), 19);
            pool.install(|| (network.gradient(&batch, Statistics::Chunk, &mut square(&batch), true), network.logits(&batch)))
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(bits(1), bits(3));
}

#[test]
fn a_batch_for_which_there_is_no_room_has_the_same_bits() {
    for network in networks() {
        let batch = batch(network.input(), 13);
        for statistics in [Statistics::Chunk, Statistics::Remembered] {
            let gradient = |limit| {
                memory::LIMIT.set(limit);
                let found = network.gradient(&batch, statistics, &mut square(&batch), true);
                memory::LIMIT.set(None);
                found
            };
            assert_eq!(gradient(Some(1)), gradient(None), "{:?}", network.architecture());
        }
    }
}
