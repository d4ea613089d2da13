//! `oncoweave`: a cancer cohort from raw files to risk scores, one command a step.
//!
//! Each file in `commands` is one command: its `Args`, and a `run` that returns an [`Outcome`].
//! A new command is a module there and a line in [`Command`] and in `Command::run`.

mod aligned;
mod commands;
mod epochs;
mod evaluation_folder;
mod input;
mod output;
mod processes;
mod progress;
mod replace;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::{ArgAction, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use commands::{
    align, card, concordance, container, cv, dashboard, deidentify, demo, evaluate, extract,
    import, inspect, predict, reidentify, sagemaker, search, simulate, train,
};

/// Takes a cancer cohort from raw files to risk scores.
#[derive(Parser)]
#[command(
    name = "oncoweave",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 all well, 1 failure, 2 usage, 3 finished but some patients were set aside."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say more on stderr; twice for every detail
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "made once")]
enum Command {
    Demo(demo::Args),
    Simulate(simulate::Args),
    Import(import::Args),
    Inspect(inspect::Args),
    Deidentify(deidentify::Args),
    Reidentify(reidentify::Args),
    Extract(extract::Args),
    Align(align::Args),
    Train(train::Args),
    Cv(cv::Args),
    Search(search::Args),
    Evaluate(evaluate::Args),
    Predict(predict::Args),
    Card(card::Args),
    Concordance(concordance::Args),
    Dashboard(dashboard::Args),
    Container(container::Args),
    Sagemaker(sagemaker::Args),
}

impl Command {
    fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Demo(args) => demo::run(&args),
            Self::Simulate(args) => simulate::run(&args),
            Self::Import(args) => import::run(&args),
            Self::Inspect(args) => inspect::run(&args),
            Self::Deidentify(args) => deidentify::run(&args),
            Self::Reidentify(args) => reidentify::run(&args),
            Self::Extract(args) => extract::run(&args),
            Self::Align(args) => align::run(&args),
            Self::Train(args) => train::run(&args),
            Self::Cv(args) => cv::run(&args),
            Self::Search(args) => search::run(&args),
            Self::Evaluate(args) => evaluate::run(&args),
            Self::Predict(args) => predict::run(&args),
            Self::Card(args) => card::run(&args),
            Self::Concordance(args) => concordance::run(&args),
            Self::Dashboard(args) => dashboard::run(&args),
            Self::Container(args) => container::run(&args),
            Self::Sagemaker(args) => sagemaker::run(&args),
        }
    }
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything was done.
    Complete,
    /// Everything that could be done was; some patients or files were set aside and listed.
    SetAside,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Complete => Self::SUCCESS,
            Outcome::SetAside => Self::from(3),
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.verbose);
    match cli.command.run() {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Logs to stderr: warnings, or what `-v` and `RUST_LOG` ask for.
fn start_logging(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "warn,oncoweave=info",
        _ => "warn,oncoweave=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colored = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colored)
        .with_target(false)
        .without_time()
        .init();
}
