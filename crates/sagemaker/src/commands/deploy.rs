//! An endpoint.

use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use oncoweave_sagemaker::requests::{Container, Deployment, Hosting, Scaling, deploy};

use super::Outcome;
use crate::launcher::{Options, Step, job_name, submit};
use crate::output;

/// Deploy a model as an endpoint: real-time, serverless or asynchronous
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The endpoint's name
    name: String,
    /// An approved version in the registry
    #[arg(long, value_name = "ARN")]
    package: Option<String>,
    /// A model.tar.gz in S3 instead
    #[arg(long, value_name = "PLACE", conflicts_with = "package")]
    model_data: Option<String>,
    /// One of several models behind one endpoint, each with a name that requests choose it by
    #[arg(long, value_name = "NAME=PLACE", conflicts_with_all = ["package", "model_data"])]
    container: Vec<String>,
    /// Pass the answer of each container to the next instead of choosing one
    #[arg(long, requires = "container")]
    serial: bool,
    /// Without machines of its own, with so much memory: 1024, 2048 ... 6144 MB
    #[arg(long, value_name = "MB", conflicts_with = "asynchronous")]
    serverless: Option<u32>,
    /// Requests and answers in S3, for bodies up to 1 GB
    #[arg(long = "async")]
    asynchronous: bool,
    /// Requests at a time, to each machine where there are machines
    #[arg(long, default_value_t = 4)]
    concurrency: u32,
    /// Machines at the start
    #[arg(long, default_value_t = 1)]
    hosts: u32,
    /// The instance type, instead of the settings file's
    #[arg(long)]
    instance: Option<String>,
    /// Let the machines follow the load: the least, the most, and the requests a minute (waiting
    /// requests, if asynchronous) that each should have
    #[arg(long, value_name = "MIN:MAX:TARGET")]
    scale: Option<Scale>,
    /// Give an endpoint that is there this model
    #[arg(long)]
    update: bool,
}

/// `MIN:MAX:TARGET`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale(Scaling);

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (min, rest) = text.split_once(':')?;
            let (max, target) = rest.split_once(':')?;
            let target: f64 = target.parse().ok()?;
            let usable = target.is_finite() && target > 0.0;
            let (min, max) = (min.parse().ok()?, max.parse().ok()?);
            usable.then_some(Self(Scaling { min, max, target }))
        };
        parse().ok_or_else(|| "expected MIN:MAX:TARGET such as 1:4:600".to_owned())
    }
}

impl Args {
    fn containers(&self) -> Result<Vec<Container>> {
        if let Some(arn) = &self.package {
            return Ok(vec![Container::Package(arn.clone())]);
        }
        if let Some(uri) = &self.model_data {
            return Ok(vec![Container::Data { host: None, uri: uri.clone() }]);
        }
        ensure!(
            !self.container.is_empty(),
            "which model? name it with --package, --model-data or --container"
        );
        let container = |text: &String| {
            let (host, uri) = text.split_once('=').with_context(|| {
                format!("--container takes NAME=PLACE such as lung=s3://…, found `{text}`")
            })?;
            Ok(Container::Data { host: Some(host.to_owned()), uri: uri.to_owned() })
        };
        self.container.iter().map(container).collect()
    }

    fn hosting(&self) -> Hosting {
        match (self.serverless, self.asynchronous) {
            (Some(memory_mb), _) => {
                Hosting::Serverless { memory_mb, concurrency: self.concurrency }
            }
            (None, true) => Hosting::Asynchronous { concurrency: self.concurrency },
            (None, false) => Hosting::RealTime,
        }
    }
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let mut settings = options.settings()?;
    if let Some(instance) = &args.instance {
        settings.instances.endpoint.clone_from(instance);
    }
    let deployment = Deployment {
        name: args.name.clone(),
        version: job_name(None, &args.name, 63),
        containers: args.containers()?,
        direct: !args.serial,
        hosting: args.hosting(),
        hosts: args.hosts,
        scaling: args.scale.map(|scale| scale.0),
        update: args.update,
    };
    if args.serverless.is_some() {
        output::note(
            "AWS runs serverless endpoints without network isolation, VPC and volume key; where \
             data protection asks for these, leave --serverless out",
        );
    }
    let mut requests = deploy(&deployment, &settings)?;
    // An endpoint's machines can be counted once it is there.
    let later = requests.split_off(3);
    let mut steps: Vec<Step> = requests.into_iter().map(Step::Call).collect();
    if options.dry_run || later.is_empty() {
        steps.extend(later.into_iter().map(Step::Call));
        submit(&steps, &settings, options).await?;
    } else {
        for request in &later {
            request.check()?;
        }
        submit(&steps, &settings, options).await?;
        output::note("waiting for the endpoint, to which scaling is attached");
        super::status::follow_to_end(&args.name, options).await?;
        submit(&later.into_iter().map(Step::Call).collect::<Vec<_>>(), &settings, options).await?;
    }
    if !options.dry_run {
        let verb = if args.update { "updating" } else { "creating" };
        output::data(&format!("{verb} {}; ask it with `oncoweave sagemaker invoke`", args.name))?;
    }
    Ok(Outcome::Complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales() {
        let good = Scale(Scaling { min: 0, max: 3, target: 2.5 });
        assert_eq!("0:3:2.5".parse(), Ok(good));
        for bad in ["", "1:2", "1:2:0", "1:2:nan", "-1:2:3", "a:b:c"] {
            assert!(bad.parse::<Scale>().is_err(), "{bad}");
        }
    }
}
