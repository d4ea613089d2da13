//! `oncoweave dashboard`: pages for people who will not run a command.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use oncoweave_core::small_cells::LEAST_SHOWN;
use oncoweave_dashboard::{Settings, Sources, Started, verify_audit};

use crate::{Outcome, input, output};

/// Serve pages about evaluation folders: cohort, patients, validation, model card
///
/// The first start makes an account `admin` and prints its one-time password. Accounts, and the audit log of everything read and exported, stand in the folder --store.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Evaluation folders, as `cv` and `evaluate` write them
    #[arg(value_name = "EVAL", required = true)]
    evaluations: Vec<PathBuf>,
    /// The aligned table that they were made from: clinical values, drivers, filters
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The model folder: its card and training ranges
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// The table that `predict --explain` wrote: what moved each prediction
    #[arg(long, value_name = "FILE")]
    explanations: Option<PathBuf>,
    /// `lineage.parquet` of the extraction: the files behind each value
    #[arg(long, value_name = "FILE")]
    lineage: Option<PathBuf>,
    /// `cohort.toml` of the raw files: images
    #[arg(long, value_name = "FILE")]
    cohort: Option<PathBuf>,
    /// The `/invocations` of a served model: new patients, other values
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Settings of OpenID Connect (TOML): people sign in at the hospital's own service
    #[arg(long, value_name = "FILE")]
    oidc: Option<PathBuf>,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The folder with accounts and audit log
    #[arg(long, default_value = "dashboard", value_name = "DIR")]
    store: PathBuf,
    /// A certificate chain in PEM: serve HTTPS
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Its private key in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// A proxy in front speaks HTTPS and sets X-Forwarded-For
    #[arg(long)]
    behind_proxy: bool,
    /// A host name that browsers use for this machine; may be repeated
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// The smallest count of patients told to those who may see no patient
    #[arg(long, default_value_t = LEAST_SHOWN, value_name = "COUNT")]
    small_cells: usize,
    /// Minutes after which an unused session ends
    #[arg(long, default_value_t = 30, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=720))]
    idle_minutes: u64,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The log of what was read and exported
    Audit(AuditArgs),
}

#[derive(clap::Args)]
struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(clap::Subcommand)]
enum AuditCommand {
    /// Check that no entry was changed, moved or taken away, and print the last entry's hash
    Verify(VerifyArgs),
}

#[derive(clap::Args)]
struct VerifyArgs {
    /// The folder with accounts and audit log
    #[arg(long, default_value = "dashboard", value_name = "DIR")]
    store: PathBuf,
    /// A hash that was printed before: fails where it is gone, as the log was cut off then
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    if let Some(Command::Audit(AuditArgs { command: AuditCommand::Verify(args) })) = &args.command {
        return verify(args);
    }
    for (path, wanted) in [
        (&args.data, "the aligned table that `align` wrote"),
        (&args.explanations, "the table that `predict --explain` wrote"),
        (&args.lineage, "lineage.parquet of the folder that `extract` wrote"),
        (&args.cohort, "the manifest of the cohort, cohort.toml"),
        (&args.certificate, "a certificate chain in PEM"),
        (&args.key, "the certificate's private key in PEM"),
        (&args.oidc, "the settings of OpenID Connect, in TOML"),
    ] {
        if let Some(path) = path {
            input::check_file(path, wanted)?;
        }
    }
    give_memory_back();
    let settings = Settings {
        sources: Sources {
            evaluations: args.evaluations.clone(),
            data: args.data.clone(),
            model: args.model.clone(),
            explanations: args.explanations.clone(),
            lineage: args.lineage.clone(),
            cohort: args.cohort.clone(),
        },
        store: args.store.clone(),
        listen: args.listen,
        tls: args.certificate.clone().zip(args.key.clone()),
        is_behind_proxy: args.behind_proxy,
        hosts: args.hosts.clone(),
        least_shown: args.small_cells,
        idle_minutes: args.idle_minutes,
        endpoint: args.endpoint.clone(),
        oidc: args.oidc.clone(),
    };
    oncoweave_dashboard::serve(&settings, &mut said)?;
    Ok(Outcome::Complete)
}

/// Lets the allocator give freed memory back to the system. glibc reads that when a program starts, so that
/// the program begins anew with it: reading 100,000 predictions would else leave it 50 MB that nobody uses,
/// and each thread some more. Where somebody has chosen already, or it cannot be done, all goes on as it is:
/// where a loader was named (`ld-linux.so oncoweave`), for one, the program that runs is the loader.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_memory_back() {
    use std::ffi::OsStr;
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    const CHOSEN: [(&str, &str); 3] = [
        ("MALLOC_ARENA_MAX", "2"),
        ("MALLOC_MMAP_THRESHOLD_", "1048576"),
        ("MALLOC_TRIM_THRESHOLD_", "1048576"),
    ];
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if is_set("GLIBC_TUNABLES") || CHOSEN.iter().any(|(name, _)| is_set(name)) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let called = std::env::args_os().next();
    let called = called.as_deref().map(Path::new).and_then(Path::file_name);
    let ours = Some(OsStr::new("oncoweave"));
    if ![called, ours].contains(&program.file_name()) {
        return;
    }
    let error =
        std::process::Command::new(program).args(std::env::args_os().skip(1)).envs(CHOSEN).exec();
    tracing::warn!("freed memory stays with the program: it cannot be started anew: {error}");
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_memory_back() {}

fn said(started: &Started) {
    if let Some(password) = &started.first_password {
        output::note(&format!(
            "the account `admin` was made; its one-time password, printed this once: {password}"
        ));
    }
    // A reader of stdout that went away must not stop the pages.
    if let Err(error) = output::data(&format!("open {}", started.url)) {
        tracing::warn!("could not print the address: {error:#}");
    }
}

fn verify(args: &VerifyArgs) -> Result<Outcome> {
    let state = verify_audit(&args.store, args.head.as_deref())?;
    if !state.has_expected {
        bail!(
            "the audit log of {} entries holds no entry with that hash: it was cut off or replaced \
             since the hash was printed",
            state.entries
        );
    }
    output::data(&format!("{} entries, whole\n{}", state.entries, state.head))?;
    Ok(Outcome::Complete)
}
