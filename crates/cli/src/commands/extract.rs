//! Raw files to feature tables.
//!
//! `plan` checks everything that can be checked before a patient's file is opened, `part` measures
//! one source and keeps the result so that a later run can reuse it, `collect` brings all parts
//! into the tables.

mod builds;
mod collect;
mod embedding;
mod folder;
mod identity;
mod inputs;
mod lineage;
mod parse;
mod part;
mod plan;
mod resources;
mod settings;
mod shares;
mod single;
mod stored;
mod warnings;

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use rayon::prelude::*;

use crate::{Outcome, output, progress::progress};
pub(crate) use folder::check_made_from;
use part::Part;
use plan::Plan;
use shares::Assignment;
pub(crate) use shares::Shard;
pub(crate) use single::single;
pub(crate) use stored::stored;

/// Turn raw files into one feature table for each modality
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The cohort's manifest, cohort.toml
    pub(crate) manifest: PathBuf,
    /// Folder to write, empty or of an earlier extraction of the same cohort
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Reuse results whose sources, settings and program version are unchanged
    #[arg(long)]
    pub(crate) resume: bool,
    /// Number of files to read at once [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Read only the files of the I-th of N shares of the patients; a last run with --resume and
    /// without --shard, or one with --join, joins the shares that were written to one folder
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Join all shares in a folder without opening a patient's file: only the manifest, its lists,
    /// tables and references need be here
    #[arg(long, value_name = "DIR", conflicts_with_all = ["shard", "resume"])]
    pub(crate) join: Option<PathBuf>,
    /// Read a cohort whose files still name their patients
    #[arg(long)]
    pub(crate) identified: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What was measured in one run.
struct Measured {
    /// One for each task of the plan that is in the shard, in the plan's order.
    parts: Vec<Part>,
    reused: usize,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let extracted = extract(args)?;
    output::data(&extracted.summary)?;
    Ok(extracted.outcome)
}

/// How an extraction ended, and what it came to in words or JSON.
pub(crate) struct Extracted {
    pub(crate) outcome: Outcome,
    pub(crate) summary: String,
}

pub(crate) fn extract(args: &Args) -> Result<Extracted> {
    let absent = args.join.as_deref().map(shares::absent).transpose()?;
    let plan = Plan::make(&args.manifest, absent.as_ref())?;
    let assignment = Assignment::of(&plan);
    // Of shares that are joined the tables are here, and the files may not be.
    let tasks = if absent.is_none() { assignment.tasks(args.shard) } else { vec![] };
    identity::check(&plan, &tasks, args.identified)?;
    if let Some(shard) = args.shard {
        return extract_share(&plan, shard, args);
    }
    let joined = args.join.as_deref().map(|folder| shares::join(&plan, folder)).transpose()?;
    folder::claim(&args.out, &plan.manifest)?;
    folder::tidy(&args.out, &plan)?;
    let measured = match joined {
        Some(joined) => joined,
        None => measure(&plan, args)?,
    };
    builds::check(&plan, &measured)?;
    warnings::warn(&plan, &measured);
    let summary = collect::write(&plan, &measured, &args.out)
        .with_context(|| format!("could not write the results into {}", args.out.display()))?;
    if args.join.is_none() {
        shares::forget(&args.out)?;
    }
    folder::finish(&args.out, &plan)?;
    Ok(Extracted {
        outcome: if summary.set_aside == 0 { Outcome::Complete } else { Outcome::SetAside },
        summary: if args.json { summary.json() } else { summary.text(&args.out) },
    })
}

fn extract_share(plan: &Plan, shard: Shard, args: &Args) -> Result<Extracted> {
    folder::claim(&args.out, &plan.manifest)?;
    let measured = measure(plan, args)?;
    shares::record(&args.out, plan, shard)?;
    let summary = format!(
        "share {} of {}: {} of {} sources read, {} of them reused; run extract with --resume or \
         --join and without --shard to join the shares",
        shard.index + 1,
        shard.count,
        measured.parts.len(),
        plan.tasks.len(),
        measured.reused
    );
    Ok(Extracted { outcome: Outcome::Complete, summary })
}

fn measure(plan: &Plan, args: &Args) -> Result<Measured> {
    let tasks = Assignment::of(plan).tasks(args.shard);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.jobs.map_or(0, NonZeroUsize::get))
        .build()
        .context("could not start the threads that read files")?;
    let bar = progress("reading files", tasks.len());
    let reused = AtomicUsize::new(0);
    let measure_one = |task: &&plan::Task| -> Result<Part> {
        let path = part::path(&args.out, plan, task);
        let fingerprint = part::fingerprint(plan, task);
        let kept = fingerprint
            .as_ref()
            .ok()
            .filter(|_| args.resume)
            .and_then(|fingerprint| part::read_kept(&path, fingerprint));
        let part = if let Some(part) = kept {
            reused.fetch_add(1, Ordering::Relaxed);
            part
        } else {
            let part = part::measure(plan, task, fingerprint);
            part.write(&path)?;
            part
        };
        log(&part, &plan.modalities[task.modality].name);
        bar.inc(1);
        Ok(part)
    };
    let parts = pool.install(|| tasks.par_iter().map(measure_one).collect::<Result<Vec<_>>>());
    bar.finish_and_clear();
    Ok(Measured { parts: parts?, reused: reused.into_inner() })
}

fn log(part: &Part, modality: &str) {
    for one in &part.set_aside {
        tracing::info!(patient = %one.patient_id, modality, "{}", one.reason);
    }
}
