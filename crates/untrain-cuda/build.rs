//! Builds the emulated driver, if tests want it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_EMULATOR").is_none() {
        return;
    }
    for file in ["emulator/emulator.cpp", "emulator/emulator.h", "src/kernels.cu"] {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-env-changed=CXX");
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let library = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("libcuda.so");
    let status = Command::new(&compiler)
        .args(["-std=c++17", "-O2", "-march=native", "-ffp-contract=off", "-fPIC", "-shared", "-Isrc", "-w", "-Wl,-soname,libcuda.so"])
        .args(["emulator/emulator.cpp", "-o"])
        .arg(library)
        .status();
    match status {
        Ok(status) if status.success() => {}
        other => panic!("the emulated GPU needs a C++ compiler; {compiler} said: {other:?}"),
    }
}
