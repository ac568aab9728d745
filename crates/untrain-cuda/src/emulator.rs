//! For tests: a driver whose GPU is the processor.

use std::path::Path;
use std::sync::OnceLock;

/// The library. A process that finds it in `LD_LIBRARY_PATH` has this GPU; `EMULATED_GPU` says how it behaves, see `emulator.cpp`.
pub const LIBRARY: &str = concat!(env!("OUT_DIR"), "/libcuda.so");

/// The folder that it lies in.
pub fn folder() -> &'static Path {
    Path::new(env!("OUT_DIR"))
}

/// Lets this process have the emulated GPU.
///
/// # Panics
///
/// If the library cannot be loaded.
pub fn load() {
    static LOADED: OnceLock<libloading::Library> = OnceLock::new();
    // SAFETY: our own library, which does nothing when it is loaded but fill a table. Under its name the driver is then found.
    LOADED.get_or_init(|| unsafe { libloading::Library::new(LIBRARY) }.unwrap_or_else(|error| panic!("{error}")));
}
