//! Who may do what.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use oncoweave_sagemaker::Settings;
use oncoweave_sagemaker::policy::{
    Names, bucket, dashboard, endpoint, key, pipeline, researcher, template,
};
use serde_json::{Value, json};

use super::Outcome;
use crate::launcher::Options;
use crate::output;

/// Print a least-privilege policy, or a CloudFormation template that makes them all
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Whose
    #[arg(value_enum, required_unless_present = "out")]
    what: Option<What>,
    /// Write all of them to this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "what")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// People who run the launcher
    Researcher,
    /// The role of jobs and pipelines
    Pipeline,
    /// The role of endpoints
    Endpoint,
    /// Dashboards, which read predictions
    Dashboard,
    /// The KMS key's own policy
    Key,
    /// The bucket's own policy
    Bucket,
    /// CloudFormation: network, key, bucket, repository, roles, deployment on approval
    Template,
}

const ALL: [(What, &str); 7] = [
    (What::Researcher, "researcher.json"),
    (What::Pipeline, "pipeline.json"),
    (What::Endpoint, "endpoint.json"),
    (What::Dashboard, "dashboard.json"),
    (What::Key, "key.json"),
    (What::Bucket, "bucket.json"),
    (What::Template, "template.json"),
];

pub(crate) fn run(args: &Args, options: &Options) -> Result<Outcome> {
    if let Some(What::Template) = args.what {
        output::data(&serde_json::to_string_pretty(&template())?)?;
        return Ok(Outcome::Complete);
    }
    let settings = options.settings()?;
    match (args.what, &args.out) {
        (Some(what), _) => output::data(&serde_json::to_string_pretty(&made(what, &settings))?)?,
        (None, Some(folder)) => write_all(folder, &settings)?,
        (None, None) => bail!("name a policy, or a folder with --out"),
    }
    if args.out.is_some() || args.what == Some(What::Key) {
        output::note("in the key's policy, put your account's number in place of ACCOUNT");
    }
    Ok(Outcome::Complete)
}

fn write_all(folder: &Path, settings: &Settings) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    for (what, name) in ALL {
        let text = serde_json::to_string_pretty(&made(what, settings))? + "\n";
        fs_err::write(folder.join(name), text)?;
        output::data(&format!("wrote {}", folder.join(name).display()))?;
    }
    Ok(())
}

fn made(what: What, settings: &Settings) -> Value {
    let names = Names::of(settings);
    match what {
        What::Researcher => researcher(&names),
        What::Pipeline => pipeline(&names),
        What::Endpoint => endpoint(&names),
        What::Dashboard => dashboard(&names),
        What::Key => {
            let user = |name: &str| {
                json!(format!("arn:{}:iam::ACCOUNT:role/{}{name}", names.partition, names.roles))
            };
            let root = json!(format!("arn:{}:iam::ACCOUNT:root", names.partition));
            key(&names, &root, &["pipeline", "endpoint", "dashboard"].map(user))
        }
        What::Bucket => bucket(&names),
        What::Template => template(),
    }
}
