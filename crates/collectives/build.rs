//! Compiles the C++ side against libtorch's headers.

use std::{env, path::PathBuf};

fn main() {
    for path in ["cpp", "build.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let libtorch = env::var_os("LIBTORCH").map(PathBuf::from);
    let libtorch =
        libtorch.expect("LIBTORCH is set by `.cargo/config.toml` to what scripts/setup installs");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file("cpp/shim.cpp")
        .file("cpp/cuda.cpp")
        .include("cpp")
        .flag("-isystem")
        .flag(libtorch.join("include").display().to_string())
        .flag("-isystem")
        .flag(libtorch.join("include/torch/csrc/api/include").display().to_string())
        .compile("oncoweave_c10d");
    println!("cargo:rustc-link-search=native={}", libtorch.join("lib").display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
}
