//! Raw files to feature tables.
//!
//! `plan` checks everything that can be checked before a patient's file is opened, `part` measures
//! one source and keeps the result so that a later run can reuse it, `collect` brings all parts
//! into the tables.

mod builds;
mod collect;
mod embedding;
mod folder;
mod inputs;
mod lineage;
mod parse;
mod part;
mod plan;
mod resources;
mod settings;
mod single;
mod stored;
mod warnings;

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use rayon::prelude::*;

use crate::{Outcome, output, progress::progress};
pub(crate) use folder::check_made_from;
use part::Part;
use plan::Plan;
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
    /// Read only the I-th of N shares of the files; a last run with --resume and without --shard
    /// joins the shares that were written to one folder
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// One of several equal shares of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// From 0.
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            let (index, count): (usize, usize) = (index.parse().ok()?, count.parse().ok()?);
            (1..=count).contains(&index).then(|| Self { index: index - 1, count })
        };
        parse().ok_or_else(|| "expected a share such as 1/4, from 1/4 to 4/4".to_owned())
    }
}

/// What was measured in one run.
struct Measured {
    /// One for each task of the plan that is in the shard, in the plan's order.
    parts: Vec<Part>,
    reused: usize,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let plan = Plan::make(&args.manifest)?;
    folder::claim(&args.out, &plan.manifest)?;
    if args.shard.is_none() {
        folder::tidy(&args.out, &plan)?;
    }
    let measured = measure(&plan, args)?;
    if let Some(shard) = args.shard {
        let (index, count, files) = (shard.index + 1, shard.count, measured.parts.len());
        output::data(&format!(
            "share {index} of {count}: {files} of {} sources read, {} of them reused; run extract \
             with --resume and without --shard to join the shares",
            plan.tasks.len(),
            measured.reused
        ))?;
        return Ok(Outcome::Complete);
    }
    builds::check(&plan, &measured)?;
    warnings::warn(&plan, &measured);
    let summary = collect::write(&plan, &measured, &args.out)
        .with_context(|| format!("could not write the results into {}", args.out.display()))?;
    folder::finish(&args.out, &plan)?;
    output::data(&if args.json { summary.json() } else { summary.text(&args.out) })?;
    Ok(if summary.set_aside == 0 { Outcome::Complete } else { Outcome::SetAside })
}

fn measure(plan: &Plan, args: &Args) -> Result<Measured> {
    let in_shard =
        |(index, _): &(usize, _)| args.shard.is_none_or(|shard| index % shard.count == shard.index);
    let tasks: Vec<_> =
        plan.tasks.iter().enumerate().filter(in_shard).map(|(_, task)| task).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_counts_from_one() {
        assert_eq!("1/4".parse(), Ok(Shard { index: 0, count: 4 }));
        assert_eq!("4/4".parse(), Ok(Shard { index: 3, count: 4 }));
        for text in ["0/4", "5/4", "1", "a/b", "1/0", "-1/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
