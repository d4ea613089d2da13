//! A model into the registry.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use oncoweave_sagemaker::Settings;
use oncoweave_sagemaker::client::{Content, Upload};
use oncoweave_sagemaker::requests::{Registration, model_group, package_card, quality, register};
use serde_json::{Map, Value};

use super::Outcome;
use crate::launcher::{Options, Step, job_name, submit};
use crate::output;

/// Register a model with its figures and its card
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model: a model folder of this machine, or a model.tar.gz in S3
    model: String,
    /// The group of the model's versions; made if it is not there
    #[arg(long)]
    group: String,
    /// The evaluation.json whose figures the version carries
    #[arg(long, value_name = "FILE")]
    evaluation: Option<PathBuf>,
    /// The model card [default: card.json of the model folder]
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// One sentence about this version
    #[arg(long)]
    description: Option<String>,
    /// Approve the version for deployment; otherwise somebody has to
    #[arg(long)]
    approve: bool,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let settings = options.settings()?;
    let version = job_name(None, &args.group, 63);
    let mut steps = vec![];
    let model = if args.model.starts_with("s3://") {
        args.model.clone()
    } else {
        let archive = packed(Path::new(&args.model))?;
        let uri = settings.s3(&format!("models/{version}/model.tar.gz"));
        steps.push(upload(archive, &uri, &settings)?);
        uri
    };
    let own_card = Path::new(&args.model).join("card.json");
    let card = match &args.card {
        Some(path) => Some(read_json(path)?),
        None if own_card.is_file() => Some(read_json(&own_card)?),
        None => None,
    };
    if card.is_none() {
        output::note("no model card is given; name MODEL/card.json with --card");
    }
    let (statistics, properties) = match &args.evaluation {
        Some(path) => {
            let evaluation = read_json(path)?;
            let found = evaluation["models"].get(0).is_some();
            ensure!(
                found,
                "{}: expected the evaluation.json of `oncoweave evaluate`",
                path.display()
            );
            let (statistics, properties) = quality(&evaluation);
            let uri = settings.s3(&format!("models/{version}/model_quality.json"));
            let text = serde_json::to_string_pretty(&statistics)?;
            steps.push(upload(text.into_bytes(), &uri, &settings)?);
            (Some(uri.into()), properties)
        }
        None => (None, Map::new()),
    };
    let registration = Registration {
        group: args.group.clone(),
        description: args.description.clone(),
        model: model.into(),
        quality: statistics,
        card: card.as_ref().map(package_card),
        approval: if args.approve { "Approved" } else { "PendingManualApproval" }.to_owned(),
        properties,
    };
    steps.push(Step::Ensure(model_group(&args.group, &settings)));
    steps.push(Step::Call(register(&registration, &settings)));
    let answers = submit(&steps, &settings, options).await?;
    if let Some(arn) = answers.last().and_then(|it| it["ModelPackageArn"].as_str()) {
        output::data(arn)?;
    }
    Ok(Outcome::Complete)
}

fn upload(bytes: Vec<u8>, uri: &str, settings: &Settings) -> Result<Step> {
    Ok(Step::Upload(Upload {
        content: Content::Bytes(bytes),
        place: uri.parse()?,
        kms_key: settings.kms_key.clone(),
    }))
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs_err::read_to_string(path)?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
}

/// A model folder as the `model.tar.gz` that the platform unpacks below `/opt/ml/model`.
fn packed(folder: &Path) -> Result<Vec<u8>> {
    ensure!(
        folder.join("model.toml").is_file(),
        "{}: expected a model folder, which has a model.toml, or a model.tar.gz as s3://…",
        folder.display()
    );
    let mut archive = tar::Builder::new(GzEncoder::new(vec![], Compression::default()));
    // The platform unpacks no links.
    archive.follow_symlinks(true);
    archive
        .append_dir_all(".", folder)
        .and_then(|()| archive.into_inner())
        .and_then(GzEncoder::finish)
        .with_context(|| format!("could not pack {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_packed_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(packed(folder.path()).unwrap_err().to_string().contains("model.toml"));
        fs_err::write(folder.path().join("model.toml"), "a = 1").unwrap();
        fs_err::create_dir_all(folder.path().join("members/1")).unwrap();
        fs_err::write(folder.path().join("members/1/stack.json"), "{}").unwrap();
        let bytes = packed(folder.path()).unwrap();
        let mut names: Vec<String> = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]))
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.header().entry_type().is_file())
            .map(|entry| entry.path().unwrap().display().to_string())
            .collect();
        names.sort();
        assert_eq!(names, ["members/1/stack.json", "model.toml"]);
    }
}
