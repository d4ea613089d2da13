//! `oncoweave-sagemaker`: a cohort in S3 to a tuned, registered and deployed model.
//!
//! Each file in `commands` is one command. `oncoweave sagemaker` runs this program, which is one of
//! its own since AWS's SDK is as large as everything else together.

mod commands;
mod launcher;
mod output;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use commands::{
    Outcome, clean, deploy, invoke, lambda, logs, pipeline, policy, process, quicksight, register,
    relay, status, stop, train, transform, tune,
};
use launcher::Options;

/// Takes a cohort in S3 to a tuned, registered and deployed model on Amazon SageMaker.
#[derive(Parser)]
#[command(
    name = "oncoweave sagemaker",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 all well, 1 failure, 2 usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Subcommand)]
enum Command {
    Process(process::Args),
    Train(train::Args),
    Tune(tune::Args),
    Register(register::Args),
    Deploy(deploy::Args),
    Transform(transform::Args),
    Invoke(invoke::Args),
    Relay(relay::Args),
    Status(status::Args),
    Logs(logs::Args),
    Stop(stop::Args),
    Clean(clean::Args),
    Pipeline(pipeline::Args),
    Policy(policy::Args),
    Quicksight(quicksight::Args),
    Lambda(lambda::Args),
}

impl Command {
    async fn run(self, options: &Options) -> anyhow::Result<Outcome> {
        match self {
            Self::Process(args) => process::run(&args, options).await,
            Self::Train(args) => train::run(&args, options).await,
            Self::Tune(args) => tune::run(&args, options).await,
            Self::Register(args) => register::run(&args, options).await,
            Self::Deploy(args) => deploy::run(&args, options).await,
            Self::Transform(args) => transform::run(&args, options).await,
            Self::Invoke(args) => invoke::run(&args, options).await,
            Self::Relay(args) => relay::run(&args, options).await,
            Self::Status(args) => status::run(&args, options).await,
            Self::Logs(args) => logs::run(&args, options).await,
            Self::Stop(args) => stop::run(&args, options).await,
            Self::Clean(args) => clean::run(&args, options).await,
            Self::Pipeline(args) => pipeline::run(&args, options).await,
            Self::Policy(args) => policy::run(&args, options),
            Self::Quicksight(args) => quicksight::run(&args, options),
            Self::Lambda(args) => lambda::run(&args, options).await,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse_from(arguments());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(cli.command.run(&cli.options)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::JobFailed) => ExitCode::FAILURE,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// The arguments; Lambda starts a program named `bootstrap` without any.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = env::args_os().collect();
    let started = arguments.first().map(PathBuf::from);
    if started.is_some_and(|path| path.file_name().is_some_and(|name| name == "bootstrap")) {
        arguments.insert(1, "lambda".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
