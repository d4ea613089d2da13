//! `oncoweave sagemaker`: what `oncoweave-sagemaker` does, which is a program of its own, since AWS's
//! SDK is as large as everything else together.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::Outcome;

const PROGRAM: &str = "oncoweave-sagemaker";

/// Train, tune, deploy and predict on Amazon SageMaker, by `oncoweave-sagemaker`
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// What to do; --help lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// Becomes the program beside this one.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let this = env::current_exe().context("could not find the place of this program")?;
    let program = this.parent().unwrap_or(Path::new(".")).join(PROGRAM);
    if !program.is_file() {
        bail!(
            "{PROGRAM} is not beside {}; install it with `cargo install --path crates/sagemaker`, or \
             build it with `cargo build -p {PROGRAM}`",
            this.display()
        );
    }
    let error = Command::new(&program).args(&args.arguments).exec();
    Err(error).with_context(|| format!("could not run {}", program.display()))
}
