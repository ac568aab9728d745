//! The GPU of this process: opened when it is first asked for, and not used if it computes other bits than the processor.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use untrain_core::Seed;
use untrain_cuda::Gpu;

use super::{Device, gpu};
use crate::architecture::Architecture;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::layers::{Found, Shape, Statistics};
use crate::loss::cross_entropy;
use crate::network::{Layered, Network as _};

/// So many multiply-adds a batch are worth the way to a GPU: some milliseconds of a processor's time, and many times that of the
/// launches.
const WORTH: usize = 1 << 28;

/// A GPU that was opened, and what became of it.
#[derive(Debug)]
struct Opened {
    gpu: Gpu,
    used: AtomicBool,
    /// Whether it had no room for a batch.
    short: AtomicBool,
    /// Why it is no longer used.
    lost: OnceLock<String>,
}

/// Why none was opened.
#[derive(Debug)]
struct Unusable {
    reason: String,
    /// Whether there is to say something of it: that there is none is what most machines would have to say.
    found: bool,
}

type Outcome<T> = std::result::Result<T, Unusable>;

static DEVICE: OnceLock<Device> = OnceLock::new();
static OPENED: OnceLock<Outcome<Opened>> = OnceLock::new();

impl Unusable {
    /// A GPU that is there, and of no use.
    fn found(reason: &impl ToString) -> Self {
        Self { reason: reason.to_string(), found: true }
    }
}

pub(super) fn choose(device: Device) -> Result<()> {
    match (DEVICE.get_or_init(|| device), opened_if(device == Device::Cuda)) {
        (Device::Cuda, Some(Err(unusable))) => Err(Error::Device(unusable.reason.clone())),
        _ => Ok(()),
    }
}

pub(super) fn notice() -> Option<String> {
    let Opened { gpu, used, short, lost } = match OPENED.get()? {
        Ok(opened) => opened,
        Err(Unusable { reason, found }) => return found.then(|| reason.clone()),
    };
    let (name, used) = (gpu.name(), used.load(Ordering::Relaxed));
    if let Some(reason) = lost.get() {
        Some(format!("{name} is not used any more: {reason}; the processor went on, to the same bytes"))
    } else if short.load(Ordering::Relaxed) {
        let some = if used { "some batches" } else { "these batches" };
        Some(format!("{name} has too little free memory for {some}, which the processor computed, to the same bytes"))
    } else {
        used.then(|| format!("networks were computed on {name}"))
    }
}

/// What `work` makes of a batch of `n` on the GPU; none if the processor has to do it.
pub(crate) fn tried<T>(network: &Layered, n: usize, work: impl FnOnce(&Gpu) -> untrain_cuda::Result<T>) -> Option<T> {
    let wanted = match DEVICE.get().copied().unwrap_or_default() {
        Device::Cpu => false,
        Device::Auto => gpu::products(network).saturating_mul(n) >= WORTH,
        Device::Cuda => n > 0,
    };
    let Some(Ok(opened)) = opened_if(wanted) else { return None };
    if !wanted || opened.lost.get().is_some() {
        return None;
    }
    match work(&opened.gpu) {
        Ok(found) => {
            opened.used.store(true, Ordering::Relaxed);
            Some(found)
        }
        // Others may give back what they have.
        Err(untrain_cuda::Error::OutOfMemory { .. } | untrain_cuda::Error::TooLarge(_)) => {
            opened.short.store(true, Ordering::Relaxed);
            None
        }
        Err(error) => {
            opened.lost.get_or_init(|| error.to_string());
            None
        }
    }
}

fn opened_if(wanted: bool) -> Option<&'static Outcome<Opened>> {
    // On a thread that belongs to no pool: one of a pool would take up other work while it waits, which may ask for the GPU too.
    let open = || std::thread::spawn(open).join().unwrap_or_else(|_| Err(Unusable::found(&"the check of the GPU panicked")));
    wanted.then(|| OPENED.get_or_init(open))
}

fn open() -> Outcome<Opened> {
    let gpu = Gpu::open().map_err(|error| {
        let found = !matches!(error, untrain_cuda::Error::NoDriver | untrain_cuda::Error::NoGpu);
        Unusable { reason: error.to_string(), found }
    })?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| Unusable::found(&error))?;
    pool.install(|| check(&gpu))?;
    Ok(Opened { gpu, used: AtomicBool::new(false), short: AtomicBool::new(false), lost: OnceLock::new() })
}

/// Computes a network of each kind both here and there: whatever a GPU, its driver or its compiler does with the kernels, either the
/// bits are those of the float profile, or it is not used.
fn check(gpu: &Gpu) -> Outcome<()> {
    let colours = Shape { channels: 3, height: 9, width: 8 };
    let all = [
        Architecture::Mlp { hidden: vec![37, 8] },
        Architecture::Cnn { channels: vec![5, 12], hidden: 9 },
        Architecture::Resnet { depth: 8, width: 6 },
        Architecture::Resnet { depth: 18, width: 4 },
    ];
    for (architecture, seed) in all.into_iter().zip(0..) {
        let name = architecture.name();
        let network = Layered::new(architecture, colours, 7, 3, Seed(seed)).map_err(|error| Unusable::found(&error))?;
        let n = 8;
        // Of which some underflow, and some are negative zeros.
        let odd = [-0.0, 1e-38, -3e-20];
        let value = |i: usize| if i.is_multiple_of(7) { odd[i % 3] } else { (i * i % 61) as f32 / 13.0 - 2.0 };
        let values = (0..n * colours.len()).map(value).collect();
        let batch = Batch::new(colours, values, (0..n as u32).map(|i| i % 7).collect());
        let mut pairs = Vec::new();
        for statistics in [Statistics::Chunk, Statistics::Remembered] {
            let mut loss = |logits: &_| cross_entropy(logits, &batch.labels);
            let there = gpu::gradient(gpu, &network, &batch, statistics, &mut loss, true).map_err(|error| Unusable::found(&error))?;
            let here = network.gradient_here(&batch, statistics, &mut loss, true);
            pairs.extend([(here.parameters, there.parameters), (here.inputs, there.inputs), (here.statistics, there.statistics)]);
        }
        let direction: Vec<f32> = network.parameters().iter().rev().copied().collect();
        let there = gpu::tangent(gpu, &network, &batch, &direction).map_err(|error| Unusable::found(&error))?;
        pairs.push((network.tangent_here(&batch, &direction).values().to_vec(), there.values().to_vec()));
        let slope = |i: usize, row: &[f32]| row.iter().map(|value| value - i as f32).collect();
        let there = gpu::example_gradients(gpu, &network, (&batch, 0..n), &slope).map_err(|error| Unusable::found(&error))?;
        let mut here = vec![0.0; there.len()];
        network.one_by_one(&batch, &slope, &(0..n), Found::Each(&mut here));
        pairs.push((here, there));
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        if pairs.iter().any(|(here, there)| bits(here) != bits(there)) {
            let reason = format!("{} computes other bits than the processor ({name}), so it is not used", gpu.name());
            return Err(Unusable::found(&reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    /// Shards do, each on a thread of the pool that the check's own work must not wait for.
    #[test]
    fn many_may_ask_for_a_device_at_once() {
        super::super::tests::emulate();
        let opened = (0..64).into_par_iter().filter(|_| matches!(opened_if(true), Some(Ok(_)))).count();
        assert_eq!(opened, 64);
    }
}
