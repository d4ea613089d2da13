//! What every command has in common: settings, and what happens to requests.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use oncoweave_sagemaker::client::{Clients, Content, Failure, Upload};
use oncoweave_sagemaker::{Request, Settings};
use serde_json::{Value, json};

use crate::output;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The settings file
    #[arg(long, global = true, default_value = "sagemaker.toml", value_name = "FILE")]
    pub(crate) settings: PathBuf,
    /// Print the exact requests as JSON and send nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// The region, instead of the settings file's
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// The KMS key for volumes and results, instead of the settings file's
    #[arg(long, global = true, value_name = "KEY")]
    pub(crate) kms_key: Option<String>,
}

impl Options {
    /// The settings, with the flags' in their place.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::read(&self.settings)?;
        if self.region.is_some() {
            settings.region.clone_from(&self.region);
        }
        if self.kms_key.is_some() {
            settings.kms_key.clone_from(&self.kms_key);
        }
        Ok(settings)
    }

    /// The clients, where a settings file is not needed.
    pub(crate) async fn connect(&self) -> Result<Clients> {
        let region = match &self.region {
            Some(region) => Some(region.clone()),
            None if self.settings.exists() => self.settings()?.region,
            None => None,
        };
        connect(region.as_deref()).await
    }
}

/// The clients for a region, with servers of one's own where the environment names them.
pub(crate) async fn connect(region: Option<&str>) -> Result<Clients> {
    Clients::connect(region, std::env::var_os("AWS_ENDPOINT_URL_S3").is_some()).await
}

/// Something that is sent.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A request.
    Call(Request),
    /// A request for something that may be there already.
    Ensure(Request),
    /// A file.
    Upload(Upload),
}

/// Checks all steps, then prints them or carries them out in their order; returns the answers.
pub(crate) async fn submit(
    steps: &[Step],
    settings: &Settings,
    options: &Options,
) -> Result<Vec<Value>> {
    for step in steps {
        match step {
            Step::Call(request) | Step::Ensure(request) => request.check()?,
            Step::Upload(Upload { content: Content::File(path), .. }) => {
                ensure!(path.is_file(), "{}: no such file", path.display());
            }
            Step::Upload(_) => {}
        }
    }
    settings.warnings().into_iter().for_each(output::note);
    if options.dry_run {
        let shown: Vec<Value> = steps.iter().map(shown).collect();
        output::data(&serde_json::to_string_pretty(&shown)?)?;
        return Ok(vec![]);
    }
    let clients = connect(settings.region.as_deref()).await?;
    let mut answers = vec![];
    for step in steps {
        answers.push(carry_out(step, &clients).await?);
    }
    Ok(answers)
}

fn shown(step: &Step) -> Value {
    match step {
        Step::Call(request) | Step::Ensure(request) => request.shown(),
        Step::Upload(upload) => upload.shown(),
    }
}

async fn carry_out(step: &Step, clients: &Clients) -> Result<Value> {
    match step {
        Step::Call(request) => clients.send(request).await,
        Step::Ensure(request) => match clients.send(request).await {
            Err(error) if error.downcast_ref::<Failure>().is_some_and(Failure::is_taken) => {
                Ok(Value::Null)
            }
            other => other,
        },
        Step::Upload(upload) => {
            clients.upload(upload).await?;
            Ok(json!({"uploaded": upload.place.to_string()}))
        }
    }
}

/// A name for a job: the one given, or `base` with the time after it, within a length.
pub(crate) fn job_name(given: Option<&str>, base: &str, longest: usize) -> String {
    if let Some(name) = given {
        return name.to_owned();
    }
    let time: DateTime<Utc> = SystemTime::now().into();
    let time = time.format("%Y%m%d-%H%M%S").to_string();
    let legal = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let base: String = base.chars().map(legal).take(longest - time.len() - 1).collect();
    format!("{}-{time}", base.trim_matches('-'))
}

/// Data that a job reads: a place in S3 as it is, or a file of this machine, which goes to the
/// project's folder first.
pub(crate) fn staged(
    text: &str,
    folder: &str,
    settings: &Settings,
) -> Result<(String, Option<Step>)> {
    if text.starts_with("s3://") {
        return Ok((text.to_owned(), None));
    }
    let path = Path::new(text);
    ensure!(
        !path.is_dir(),
        "{text} is a folder; copy it with `aws s3 sync {text} {}` and name that place",
        settings.s3(folder)
    );
    let name = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_file());
    let name =
        name.with_context(|| format!("{text}: no such file; places in S3 begin with s3://"))?;
    let uri = settings.s3(folder);
    let upload = Upload {
        content: Content::File(path.to_owned()),
        place: format!("{uri}/{name}").parse()?,
        kms_key: settings.kms_key.clone(),
    };
    Ok((uri, Some(Step::Upload(upload))))
}

/// A folder that a job reads, which must be in S3 already.
pub(crate) fn in_s3(text: &str, folder: &str, settings: &Settings) -> Result<()> {
    ensure!(
        text.starts_with("s3://"),
        "{text} is no place in S3, those begin with s3://; copy a folder with `aws s3 sync {text} \
         {}` and name that place",
        settings.s3(folder)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_and_short() {
        assert_eq!(job_name(Some("x_y"), "z", 32), "x_y");
        let name = job_name(None, "lung_cancer cohort with a long name", 32);
        assert!(name.len() <= 32 && name.starts_with("lung-cancer-coho"), "{name}");
        assert!(name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-'));
    }
}
