//! What a GPU does for networks: buffers, and operations over them that have the bits of the processor's.
//!
//! The kernels stand in `kernels.cu`, and in the binary as PTX, which the driver of any GPU since Volta compiles; `ptx` makes it. So
//! neither building nor running needs CUDA's toolkit: the driver is loaded when a GPU is asked for.
//!
//! *Absent:* networks, layers, and the question when a GPU is worth it.

#[cfg(feature = "emulator")]
pub mod emulator;
mod operations;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cudarc::driver::{CudaContext, CudaFunction, CudaSlice, CudaStream, DeviceRepr, LaunchConfig, PushKernelArg as _, result, sys};

pub use operations::{Chunks, Gradients, Norm, Padded, Start, Statistics, Taps};

const PTX: &str = include_str!("kernels.ptx");

const KERNELS: [&str; 24] = [
    "turn",
    "windows",
    "outer",
    "column_sums",
    "block_sums",
    "block_means",
    "inverses",
    "remembered",
    "seen",
    "normalise",
    "norm_tangent",
    "norm_sums",
    "norm_backward",
    "relu",
    "relu_backward",
    "max_pool",
    "pick",
    "max_pool_backward",
    "mean_pool",
    "mean_pool_backward",
    "flatten",
    "add",
    "padded",
    "total",
];

/// So many chunks a grid has at most.
pub const MOST_CHUNKS: usize = 65_535;
/// How many threads a block has.
const BLOCK: u32 = 256;

/// Why a GPU did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no driver of CUDA.
    #[error("the CUDA driver (libcuda) is not installed")]
    NoDriver,
    /// There is a driver, and no GPU that it can use.
    #[error("the CUDA driver finds no GPU")]
    NoGpu,
    /// Its memory is not enough.
    #[error("the GPU has too little free memory for {wanted} bytes more")]
    OutOfMemory {
        /// How many bytes were asked for.
        wanted: usize,
    },
    /// A buffer has more numbers, or a batch more chunks, than kernels can count.
    #[error("{0} are too many for a GPU to count in one operation")]
    TooLarge(usize),
    /// Anything else that the driver says.
    #[error("the GPU failed at {at}: {reason}")]
    Failed {
        /// At what.
        at: &'static str,
        /// What the driver says.
        reason: String,
    },
}

/// What an operation returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Numbers on a GPU. Operations are done in the order in which they were asked for, so that a buffer that one writes can be read by
/// the next.
#[derive(Debug)]
pub struct Buffer {
    slice: CudaSlice<f32>,
    len: usize,
}

/// Places, on a GPU.
#[derive(Debug)]
pub struct Places {
    slice: CudaSlice<u32>,
    /// All of them are under this.
    under: usize,
}

/// A GPU.
#[derive(Debug)]
pub struct Gpu {
    stream: Arc<CudaStream>,
    kernels: BTreeMap<&'static str, CudaFunction>,
    name: String,
    /// See [`Gpu::matrix`].
    matrix: OnceLock<Taps>,
}

/// What a kernel gets; the order is that of its parameters.
enum Argument<'a> {
    Numbers(&'a Buffer),
    Places(&'a Places),
    Number(u32),
}

impl Buffer {
    /// How many numbers it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Memory is given back in the context of the GPU, and whoever drops a buffer may be a thread that never had one.
impl Drop for Buffer {
    fn drop(&mut self) {
        bind(self.slice.context());
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        bind(self.slice.context());
    }
}

impl Gpu {
    /// Opens the first GPU.
    ///
    /// # Errors
    ///
    /// [`Error::NoDriver`], [`Error::NoGpu`]; [`Error::Failed`] if its driver cannot open it, or does not take the kernels.
    pub fn open() -> Result<Self> {
        // SAFETY: loads the driver's library, whose initialisers are trusted as those of any installed library.
        if !unsafe { sys::is_culib_present() } {
            return Err(Error::NoDriver);
        }
        let context = CudaContext::new(0).map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => Error::NoGpu,
            _ => failed("opening it")(error),
        })?;
        // SAFETY: all work goes through one stream, so that nothing has to wait for what another stream does.
        unsafe { context.disable_event_tracking() };
        keep_memory(&context).map_err(failed("its memory"))?;
        let name = context.name().map_err(failed("its name"))?;
        let module = context.load_module(PTX.into()).map_err(failed("loading the kernels"))?;
        let load = |kernel| Ok((kernel, module.load_function(kernel).map_err(failed(kernel))?));
        let kernels = KERNELS.into_iter().map(load).collect::<Result<_>>()?;
        Ok(Self { stream: context.default_stream(), kernels, name, matrix: OnceLock::new() })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A buffer of these numbers.
    ///
    /// # Errors
    ///
    /// As for [`Gpu::zeros`].
    pub fn upload(&self, values: &[f32]) -> Result<Buffer> {
        let mut buffer = self.room(values.len())?;
        self.copy(values, &mut buffer.slice)?;
        Ok(buffer)
    }

    /// A buffer of these places.
    ///
    /// # Errors
    ///
    /// As for [`Gpu::zeros`].
    pub fn upload_places(&self, places: &[u32]) -> Result<Places> {
        let under = places.iter().max().map_or(0, |place| *place as usize + 1);
        let mut buffer = self.places(places.len(), under)?;
        self.copy(places, &mut buffer.slice)?;
        Ok(buffer)
    }

    /// A buffer of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], [`Error::TooLarge`], [`Error::Failed`].
    pub fn zeros(&self, n: usize) -> Result<Buffer> {
        let mut buffer = self.room(n)?;
        self.stream.memset_zeros(&mut buffer.slice).map_err(failed("clearing memory"))?;
        Ok(buffer)
    }

    /// The numbers of a buffer, when all that was asked for is done.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`], also for what an operation before it failed at.
    pub fn download(&self, buffer: &Buffer) -> Result<Vec<f32>> {
        let mut values = self.stream.clone_dtoh(&buffer.slice).map_err(failed("copying from it"))?;
        self.stream.synchronize().map_err(failed("copying from it"))?;
        values.truncate(buffer.len);
        Ok(values)
    }

    /// Room for numbers; whoever asks for it writes all of them.
    fn room(&self, n: usize) -> Result<Buffer> {
        counted(n)?;
        // SAFETY: a kernel or a copy writes the numbers before anything reads them. There is no buffer of nothing.
        let slice = unsafe { self.stream.alloc::<f32>(n.max(1)) };
        Ok(Buffer { slice: slice.map_err(|error| allocation(error, n))?, len: n })
    }

    /// Room for places; whoever asks for it writes all of them, and none that is not under `under`.
    fn places(&self, n: usize, under: usize) -> Result<Places> {
        counted(n)?;
        // SAFETY: as in `room`.
        let slice = unsafe { self.stream.alloc::<u32>(n.max(1)) };
        Ok(Places { slice: slice.map_err(|error| allocation(error, n))?, under })
    }

    /// Copies, and waits until that is done: the driver may read `from` later than it returns.
    fn copy<T: DeviceRepr>(&self, from: &[T], to: &mut CudaSlice<T>) -> Result<()> {
        if from.is_empty() {
            return Ok(());
        }
        self.stream.memcpy_htod(from, to).and_then(|()| self.stream.synchronize()).map_err(failed("copying to it"))
    }

    /// Runs a kernel with a thread for each of `n` things, in each of so many chunks.
    ///
    /// Buffers are shared, and written nevertheless: they are only reached through one stream, which does one thing after another.
    fn launch<'a>(
        &self,
        kernel: &'static str,
        (n, chunks): (usize, usize),
        arguments: impl Iterator<Item = &'a Argument<'a>>,
    ) -> Result<()> {
        if n == 0 || chunks == 0 {
            return Ok(());
        }
        let Some(function) = self.kernels.get(kernel) else {
            return Err(Error::Failed { at: kernel, reason: "there is no such kernel".to_owned() });
        };
        let mut launch = self.stream.launch_builder(function);
        for argument in arguments {
            match argument {
                Argument::Numbers(buffer) => launch.arg(&buffer.slice),
                Argument::Places(places) => launch.arg(&places.slice),
                Argument::Number(number) => launch.arg(number),
            };
        }
        if chunks > MOST_CHUNKS {
            return Err(Error::TooLarge(chunks));
        }
        let grid_dim = (counted(n)?.div_ceil(BLOCK), counted(chunks)?, 1);
        let shape = LaunchConfig { grid_dim, block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the operations, which alone call this, pass what the kernel of that name declares, and buffers of the sizes that it
        // reads and writes; the tests run each on a driver that refuses a step beyond the end.
        unsafe { launch.launch(shape) }.map(|_| ()).map_err(failed(kernel))
    }
}

/// Lets memory that is given back stay with this process. Else it would go to the system at every download, and the next batch would
/// have to get it again.
fn keep_memory(context: &CudaContext) -> std::result::Result<(), cudarc::driver::DriverError> {
    if !context.has_async_alloc() {
        return Ok(());
    }
    let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    let mut bytes = u64::MAX;
    // SAFETY: the device is that of the context, the pool is its own, and the attribute is a number of 64 bits.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device())?;
        result::mem_pool::set_attribute(pool, threshold, (&raw mut bytes).cast())
    }
}

fn bind(context: &CudaContext) {
    let bound = context.bind_to_thread();
    if bound.is_err() {
        // It told of an earlier failure, and did not bind; that failure is for the next who asks for something.
        let _ = context.bind_to_thread();
        context.record_err(bound);
    }
}

fn failed(at: &'static str) -> impl Fn(cudarc::driver::DriverError) -> Error {
    move |error| Error::Failed { at, reason: error.to_string() }
}

fn allocation(error: cudarc::driver::DriverError, n: usize) -> Error {
    if error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
        Error::OutOfMemory { wanted: 4 * n }
    } else {
        Error::Failed { at: "getting memory", reason: error.to_string() }
    }
}

/// Kernels count in 32 bits, and add some threads to fill a block up.
fn counted(n: usize) -> Result<u32> {
    u32::try_from(n).ok().filter(|n| *n < u32::MAX / 2).ok_or(Error::TooLarge(n))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_ptx_is_that_of_the_kernels() {
        let digest = Sha256::digest(include_bytes!("kernels.cu"));
        let stated = PTX.lines().next().and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
        let bytes: Option<Vec<u8>> =
            stated.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        assert_eq!(bytes.as_deref(), Some(&digest[..]), "run crates/untrain-cuda/ptx");
        let entries = PTX.matches(".visible .entry ").count();
        assert_eq!(entries, KERNELS.len());
    }
}
