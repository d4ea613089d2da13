//! Prints the features of VCF and BCF files as CSV, a row for each file and feature; notes and
//! faults go to stderr. `-` is standard input.
//!
//! usage: `vcf_features [--jobs N] [--sample ID] PATH...`

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use oncoweave_genomics::{Error, VcfFeatures, VcfResources, VcfSettings, VcfSource, vcf_features};
use rayon::prelude::*;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let (mut jobs, mut sample_id) = (1, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--jobs" => jobs = value()?.parse()?,
            "--sample" => sample_id = Some(value()?),
            _ => paths.push(argument.into()),
        }
    }
    let settings = VcfSettings::default();
    let resources = VcfResources::load(&settings)?;
    let read = |path: &PathBuf| {
        let source = VcfSource { path, sample_id: sample_id.as_deref(), panel: None };
        vcf_features(&[source], &settings, &resources)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    let results: Vec<_> = pool.install(|| paths.par_iter().map(read).collect());
    let mut out = io::stdout().lock();
    writeln!(out, "path,feature,value")?;
    let mut code = ExitCode::SUCCESS;
    for (path, result) in paths.iter().zip(results) {
        if !print(&mut out, path, result)? {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Prints what one file gave; whether it was read.
fn print(
    out: &mut impl io::Write,
    path: &Path,
    result: Result<VcfFeatures, Error>,
) -> io::Result<bool> {
    let mut err = io::stderr().lock();
    match result {
        Ok(VcfFeatures { features, notes }) => {
            for feature in features {
                let value = feature.value.map(|value| value.to_string()).unwrap_or_default();
                writeln!(out, "{},{},{value}", path.display(), feature.info.name)?;
            }
            for note in notes {
                writeln!(err, "note: {note}")?;
            }
            Ok(true)
        }
        Err(error) => {
            writeln!(err, "error: {error}")?;
            Ok(false)
        }
    }
}
