//! Requests and files on their way to AWS, and what its refusals mean.

mod exchange;
mod failure;
mod logs;
mod storage;

use anyhow::{Context, Result, bail};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sagemaker::Client as SageMaker;
use aws_smithy_http_client::{Builder, tls};
use serde_json::Value;

use crate::Request;
use exchange::Exchange;
pub use failure::{Failure, without_accounts};
pub use logs::{Group, Tail};
pub use storage::{Content, Place, Upload};

/// Clients of the services that the launcher talks to.
#[derive(Clone, Debug)]
pub struct Clients {
    sagemaker: SageMaker,
    autoscaling: aws_sdk_applicationautoscaling::Client,
    runtime: aws_sdk_sagemakerruntime::Client,
    s3: aws_sdk_s3::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
}

impl Clients {
    /// Reads credentials, region and endpoints as every AWS program does: environment, profile,
    /// single sign-on, role of the machine. An S3 server of one's own has no host name for each
    /// bucket.
    ///
    /// # Errors
    /// When no region is known.
    pub async fn connect(region: Option<&str>, own_s3_server: bool) -> Result<Self> {
        let http = Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let config = loader.load().await;
        if config.region().is_none() {
            bail!("no region is known; set `region` in the settings file, or AWS_REGION");
        }
        let by_path = own_s3_server || config.endpoint_url().is_some();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(by_path).build();
        Ok(Self {
            sagemaker: SageMaker::new(&config),
            autoscaling: aws_sdk_applicationautoscaling::Client::new(&config),
            runtime: aws_sdk_sagemakerruntime::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        })
    }

    /// Holds a request against the service's description, sends it and returns the answer as JSON.
    ///
    /// # Errors
    /// When the request would be refused, which is found before it is sent, or was.
    pub async fn send(&self, request: &Request) -> Result<Value> {
        request.check()?;
        self.exchange(request).await.map_err(anyhow::Error::from)
    }

    /// As [`Clients::send`], with `None` where the service knows nothing of that name.
    ///
    /// # Errors
    /// As [`Clients::send`].
    pub async fn find(&self, request: &Request) -> Result<Option<Value>> {
        request.check()?;
        match self.exchange(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Value, Failure> {
        match request.service {
            "sagemaker" => sagemaker(&self.sagemaker, request).await,
            _ => autoscaling(&self.autoscaling, request).await,
        }
    }
}

/// For each operation, the SDK's builder of that name: it signs, sends, repeats and reads the
/// answer; the body is the request's.
macro_rules! operations {
    ($function:ident, $client:ty, $($operation:literal => $method:ident,)*) => {
        async fn $function(client: &$client, request: &Request) -> Result<Value, Failure> {
            let exchange = Exchange::new(&request.body);
            match request.operation {
                $($operation => client
                    .$method()
                    .customize()
                    .interceptor(exchange.clone())
                    .send()
                    .await
                    .map(drop)
                    .map_err(|error| Failure::new($operation, &error))?,)*
                other => unreachable!("{other} is no operation of the launcher"),
            }
            Ok(exchange.answer())
        }
    };
}

operations! {
    sagemaker, SageMaker,
    "CreateTrainingJob" => create_training_job,
    "CreateProcessingJob" => create_processing_job,
    "CreateHyperParameterTuningJob" => create_hyper_parameter_tuning_job,
    "CreateTransformJob" => create_transform_job,
    "CreateModelPackageGroup" => create_model_package_group,
    "CreateModelPackage" => create_model_package,
    "UpdateModelPackage" => update_model_package,
    "CreateModel" => create_model,
    "CreateEndpointConfig" => create_endpoint_config,
    "CreateEndpoint" => create_endpoint,
    "UpdateEndpoint" => update_endpoint,
    "CreatePipeline" => create_pipeline,
    "UpdatePipeline" => update_pipeline,
    "StartPipelineExecution" => start_pipeline_execution,
    "CreateExperiment" => create_experiment,
    "CreateTrial" => create_trial,
    "StopTrainingJob" => stop_training_job,
    "StopProcessingJob" => stop_processing_job,
    "StopTransformJob" => stop_transform_job,
    "StopHyperParameterTuningJob" => stop_hyper_parameter_tuning_job,
    "StopPipelineExecution" => stop_pipeline_execution,
    "DeleteEndpoint" => delete_endpoint,
    "DeleteEndpointConfig" => delete_endpoint_config,
    "DeleteModel" => delete_model,
    "DescribeTrainingJob" => describe_training_job,
    "DescribeProcessingJob" => describe_processing_job,
    "DescribeTransformJob" => describe_transform_job,
    "DescribeHyperParameterTuningJob" => describe_hyper_parameter_tuning_job,
    "DescribeEndpoint" => describe_endpoint,
    "DescribeEndpointConfig" => describe_endpoint_config,
    "DescribeModel" => describe_model,
    "DescribeModelPackage" => describe_model_package,
    "DescribePipelineExecution" => describe_pipeline_execution,
    "ListPipelineExecutionSteps" => list_pipeline_execution_steps,
}

operations! {
    autoscaling, aws_sdk_applicationautoscaling::Client,
    "RegisterScalableTarget" => register_scalable_target,
    "PutScalingPolicy" => put_scaling_policy,
    "DeregisterScalableTarget" => deregister_scalable_target,
}

/// What an endpoint is asked.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// The endpoint.
    pub endpoint: &'a str,
    /// The records.
    pub body: Vec<u8>,
    /// Their content type.
    pub content_type: &'a str,
    /// The answers' content type.
    pub accept: &'a str,
    /// One of several containers.
    pub container: Option<&'a str>,
}

impl Clients {
    /// Asks an endpoint and returns its answer as it is.
    ///
    /// # Errors
    /// With the sentence of the container where that refused.
    pub async fn invoke(&self, invocation: Invocation<'_>) -> Result<Vec<u8>> {
        let answer = self
            .runtime
            .invoke_endpoint()
            .endpoint_name(invocation.endpoint)
            .content_type(invocation.content_type)
            .accept(invocation.accept)
            .set_target_container_hostname(invocation.container.map(str::to_owned))
            .body(invocation.body.into())
            .send()
            .await
            .map_err(|error| Failure::invocation(&error))?;
        Ok(answer.body.map(aws_smithy_types::Blob::into_inner).unwrap_or_default())
    }

    /// Asks an asynchronous endpoint about records in S3; returns where the answer and, if it
    /// fails, the reason will be.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn invoke_later(
        &self,
        invocation: &Invocation<'_>,
        input: &str,
    ) -> Result<(String, Option<String>)> {
        let answer = self
            .runtime
            .invoke_endpoint_async()
            .endpoint_name(invocation.endpoint)
            .content_type(invocation.content_type)
            .accept(invocation.accept)
            .input_location(input)
            .send()
            .await
            .map_err(|error| Failure::new("InvokeEndpointAsync", &error))?;
        let place = answer.output_location.context("the service named no place for the answer")?;
        Ok((place, answer.failure_location))
    }
}
