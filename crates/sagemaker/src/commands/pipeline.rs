//! The whole way as one definition.

use std::path::PathBuf;

use anyhow::{Context, Result};
use oncoweave_sagemaker::pipeline::{Plan, approval_rule, definition, state_machine};
use oncoweave_sagemaker::requests::model_group;
use oncoweave_sagemaker::{Request, Settings};
use serde_json::json;
use toml::{Table, Value};

use super::Outcome;
use super::train::read_hyperparameters;
use crate::launcher::{Options, Step, job_name, submit};
use crate::output;

/// Print, create or start the pipeline from a cohort to a registered model
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct Args {
    /// The pipeline's name
    #[arg(default_value = "oncoweave")]
    name: String,
    /// The group in the registry
    #[arg(long)]
    group: String,
    /// What is searched: a TOML with [settings] as `oncoweave search` reads it
    #[arg(long, value_name = "FILE")]
    search: PathBuf,
    /// The settings that are not searched, such as models/stacked-fusion/train.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Training jobs of the search at a time
    #[arg(long, default_value_t = 2)]
    parallel: u32,
    /// Machines that extract
    #[arg(long, default_value_t = 2)]
    hosts: u32,
    /// The longest run of each job, seconds
    #[arg(long, default_value_t = 86_400)]
    max_runtime_s: u32,
    /// Print the definition for Step Functions instead
    #[arg(long, conflicts_with_all = ["create", "update", "start"])]
    step_functions: bool,
    /// Print the EventBridge rule for approved versions instead
    #[arg(long, conflicts_with_all = ["create", "update", "start", "step_functions"])]
    approval_rule: bool,
    /// Create the pipeline
    #[arg(long)]
    create: bool,
    /// Give the pipeline that is there this definition
    #[arg(long, conflicts_with = "create")]
    update: bool,
    /// Start a run
    #[arg(long)]
    start: bool,
    /// A parameter of the run, such as Cohort=s3://…; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", requires = "start")]
    parameters: Vec<String>,
}

impl Args {
    fn plan(&self) -> Result<Plan> {
        let search: Table = fs_err::read_to_string(&self.search)?
            .parse()
            .with_context(|| self.search.display().to_string())?;
        let trials = search.get("trials").and_then(Value::as_integer);
        Ok(Plan {
            group: self.group.clone(),
            hyperparameters: read_hyperparameters(self.config.as_deref())?,
            search: search.get("settings").and_then(Value::as_table).cloned().unwrap_or_default(),
            jobs: (trials.and_then(|it| it.try_into().ok()).unwrap_or(20), self.parallel),
            hosts: self.hosts,
            max_runtime_s: self.max_runtime_s,
        })
    }

    fn steps(&self, settings: &Settings) -> Result<Vec<Step>> {
        let mut steps = vec![];
        let text = definition(&self.plan()?, settings)?.to_string();
        let token = format!("{}-oncoweave-pipeline-call", job_name(None, "call", 40));
        let mut body = json!({
            "PipelineName": self.name,
            "PipelineDefinition": text,
            "RoleArn": settings.role,
        });
        if self.update {
            steps.push(Step::Call(Request::sagemaker("UpdatePipeline", body)));
        } else if self.create {
            body["ClientRequestToken"] = token.as_str().into();
            steps.push(Step::Ensure(model_group(&self.group, settings)));
            steps.push(Step::Call(Request::sagemaker("CreatePipeline", body)));
        }
        if self.start {
            let parameter = |pair: &String| {
                let (name, value) = pair
                    .split_once('=')
                    .with_context(|| format!("--parameter takes NAME=VALUE, found `{pair}`"))?;
                Ok(json!({"Name": name, "Value": value}))
            };
            let parameters = self.parameters.iter().map(parameter).collect::<Result<Vec<_>>>()?;
            steps.push(Step::Call(Request::sagemaker(
                "StartPipelineExecution",
                json!({
                    "PipelineName": self.name,
                    "PipelineParameters": parameters,
                    "ClientRequestToken": token,
                }),
            )));
        }
        Ok(steps)
    }
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let settings = options.settings()?;
    if args.approval_rule {
        output::data(&serde_json::to_string_pretty(&approval_rule(&args.group))?)?;
        return Ok(Outcome::Complete);
    }
    if !(args.create || args.update || args.start) {
        let plan = args.plan()?;
        let shown = if args.step_functions {
            definition(&plan, &settings)?;
            state_machine(&plan, &settings)?
        } else {
            definition(&plan, &settings)?
        };
        output::data(&serde_json::to_string_pretty(&shown)?)?;
        return Ok(Outcome::Complete);
    }
    let answers = submit(&args.steps(&settings)?, &settings, options).await?;
    for answer in &answers {
        for field in ["PipelineArn", "PipelineExecutionArn"] {
            if let Some(arn) = answer[field].as_str() {
                output::data(arn)?;
            }
        }
    }
    Ok(Outcome::Complete)
}
