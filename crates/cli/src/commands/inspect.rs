//! `oncoweave inspect`: what a file is and says, and what is wrong with it.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use oncoweave_genomics::inspect;
use oncoweave_imaging::image_format;
use tempfile::NamedTempFile;

use crate::{Outcome, output};

mod genomic;
mod image;
mod words;

/// Say what a genomic file or an image is: samples, build, geometry, regions, faults
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A VCF, BCF, MAF, SEG, table or sequence file, plain or compressed, `-` for standard input; a
    /// DICOM file, a folder of them, or a NIfTI
    path: PathBuf,
    /// Fail when a VCF violates its specification, an image or region has faults, or the file is of
    /// no kind that is known
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    image: image::ImageArgs,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    // A stream is read once, inspection looks several times.
    let stream = if is_stream(&args.path) { Some(kept(&args.path)?) } else { None };
    let path = stream.as_ref().map_or(args.path.as_path(), NamedTempFile::path);
    if image_format(path)?.is_some() {
        if stream.is_some() {
            bail!(
                "{}: an image is inspected as a file or folder, not as a stream",
                args.path.display()
            );
        }
        return image::run(args);
    }
    args.image.refuse_for_genomic_files(&args.path)?;
    let mut inspection = inspect(path).map_err(|error| named(error, &args.path, path))?;
    inspection.path.clone_from(&args.path);
    if args.json {
        output::data(&serde_json::to_string_pretty(&inspection)?)?;
    } else {
        output::data(&genomic::report(&inspection))?;
    }
    if args.strict {
        genomic::refuse_violations(&args.path, &inspection)?;
    }
    Ok(Outcome::Complete)
}

/// Whether a path is standard input, a pipe or the like.
fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
        || fs_err::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The content of a stream in a temporary file of its own.
fn kept(path: &Path) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("could not keep the stream in a temporary file")?;
    if path == Path::new("-") {
        io::copy(&mut io::stdin().lock(), &mut file).context("could not read standard input")?;
    } else {
        io::copy(&mut fs_err::File::open(path)?, &mut file)?;
    }
    Ok(file)
}

/// The message of a failure with the name that the user gave.
fn named(error: oncoweave_genomics::Error, shown: &Path, read: &Path) -> anyhow::Error {
    if shown == read {
        return error.into();
    }
    let message = format!("{:#}", anyhow::Error::from(error));
    anyhow!(message.replace(&read.display().to_string(), &shown.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_fails_only_when_strict() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        let header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
        for (record, fails) in
            [("1\t7\t.\tC\tT\t.\t.\t.\n", false), ("1\tx\t.\tC\tT\t.\t.\t.\n", true)]
        {
            fs_err::write(&path, format!("{header}{record}")).unwrap();
            let args = |strict| Args {
                path: path.clone(),
                strict,
                json: true,
                image: image::ImageArgs::default(),
            };
            assert!(run(&args(false)).is_ok());
            let result = run(&args(true));
            assert_eq!(result.is_err(), fails);
            if let Err(error) = result {
                let message = error.to_string();
                assert!(message.contains("1 violation of the specification"), "{message}");
                assert!(message.contains("(VCF 4.2, section 1.4.1)"), "{message}");
            }
        }
    }
}
