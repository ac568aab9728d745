//! A GPU has the bits of the processor. `UNTRAIN_TEST_GPU=1` asks the machine's own; otherwise it is emulated.

use std::sync::atomic::Ordering;

use proptest::prelude::*;
use untrain_core::Seed;
use untrain_cuda::Gpu;

use super::gpu;
use crate::architecture::Architecture;
use crate::batch::Batch;
use crate::layers::{Shape, Statistics};
use crate::loss::cross_entropy;
use crate::network::{Gradient, Layered, Network as _};
use crate::tile::numbers;

/// Lets this process have an emulated GPU, unless a real one was asked for.
pub(super) fn emulate() {
    if std::env::var_os("UNTRAIN_TEST_GPU").is_none() {
        untrain_cuda::emulator::load();
    }
}

fn open() -> Gpu {
    emulate();
    Gpu::open().unwrap_or_else(|error| panic!("{error}"))
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn same(here: &Gradient, there: &Gradient) -> Result<(), TestCaseError> {
    prop_assert_eq!(here.loss.to_bits(), there.loss.to_bits());
    prop_assert_eq!(bits(&here.parameters), bits(&there.parameters));
    prop_assert_eq!(bits(&here.inputs), bits(&there.inputs));
    prop_assert_eq!(bits(&here.statistics), bits(&there.statistics));
    Ok(())
}

fn architectures() -> impl Strategy<Value = Architecture> {
    prop_oneof![
        prop::collection::vec(1_usize..70, 0..3).prop_map(|hidden| Architecture::Mlp { hidden }),
        (prop::collection::vec(1_usize..21, 1..3), 1_usize..20).prop_map(|(channels, hidden)| Architecture::Cnn { channels, hidden }),
        (prop::sample::select(vec![8, 14, 18]), 1_usize..10).prop_map(|(depth, width)| Architecture::Resnet { depth, width }),
    ]
}

proptest! {
    /// Networks of each kind, images of odd sides, chunks that do not divide the batch, statistics of both kinds, and values that
    /// underflow, among them negative zeros.
    #[test]
    fn a_gpu_has_the_bits_of_the_processor(
        architecture in architectures(), (channels, height, width) in (1_usize..5, 4_usize..12, 4_usize..12), (n, chunk) in (1_usize..9, 1_usize..6),
        n_classes in 2_usize..7, seed: u64, of_chunk: bool, wanted: bool, tiny in prop::sample::select(vec![1.0_f32, 1e-20, 1e-38]), at_once in 1_usize..9,
    ) {
        let gpu = open();
        let input = Shape { channels, height, width };
        let mut network = Layered::new(architecture, input, n_classes, chunk, Seed(seed))?;
        let n_buffers = network.buffers().len();
        network.buffers_mut().copy_from_slice(&numbers(n_buffers, !seed).iter().map(|value| value.abs() + 0.1).collect::<Vec<_>>());
        let values = numbers(n * input.len(), seed).iter().enumerate().map(|(i, value)| if i % 7 == 0 { -0.0 } else { value * tiny }).collect();
        let batch = Batch::new(input, values, (0..n).map(|i| (i % n_classes) as u32).collect());
        let statistics = if of_chunk { Statistics::Chunk } else { Statistics::Remembered };
        // As if its memory had no room for more chunks.
        let room = network.room_on_gpu();
        room.chunks.store(at_once, Ordering::Relaxed);
        room.examples.store(at_once, Ordering::Relaxed);

        let mut asked = 0;
        let mut loss = |logits: &_| { asked += 1; cross_entropy(logits, &batch.labels) };
        let there = gpu::gradient(&gpu, &network, &batch, statistics, &mut loss, wanted).unwrap_or_else(|error| panic!("{error}"));
        same(&network.gradient_here(&batch, statistics, &mut loss, wanted), &there)?;
        prop_assert_eq!(asked, 2);
        let (logits, features) = (gpu::logits(&gpu, &network, &batch), gpu::features(&gpu, &network, &batch));
        let [logits, features] = [logits, features].map(|found| found.unwrap_or_else(|error| panic!("{error}")));
        prop_assert_eq!(bits(logits.values()), bits(network.logits(&batch).values()));
        prop_assert_eq!(bits(features.values()), bits(network.features(&batch).values()));

        let direction = numbers(network.parameters().len(), seed ^ 5);
        let tangent = gpu::tangent(&gpu, &network, &batch, &direction).unwrap_or_else(|error| panic!("{error}"));
        prop_assert_eq!(bits(tangent.values()), bits(network.tangent(&batch, &direction).values()));
        let slope = |i: usize, row: &[f32]| row.iter().map(|value| value - i as f32).collect();
        let there = gpu::example_gradients(&gpu, &network, (&batch, 0..n), &slope).unwrap_or_else(|error| panic!("{error}"));
        let mut here = Vec::new();
        network.example_gradients(&batch, &slope, &mut |_, gradient| here.extend_from_slice(gradient));
        prop_assert_eq!(bits(&there), bits(&here));
    }
}
