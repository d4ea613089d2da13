use std::collections::BTreeMap;

use anyhow::Result;

use super::{Clients, Failure};

/// Where a kind of job writes its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Training, and the jobs of tuning.
    Training,
    /// Processing.
    Processing,
    /// Batch transform.
    Transform,
    /// An endpoint, which has a group of its own.
    Endpoint,
}

impl Group {
    fn name(self, job: &str) -> String {
        match self {
            Self::Training => "/aws/sagemaker/TrainingJobs".to_owned(),
            Self::Processing => "/aws/sagemaker/ProcessingJobs".to_owned(),
            Self::Transform => "/aws/sagemaker/TransformJobs".to_owned(),
            Self::Endpoint => format!("/aws/sagemaker/Endpoints/{job}"),
        }
    }
}

/// The log of a job over all its machines, read from where the last reading ended.
#[derive(Clone, Debug)]
pub struct Tail {
    group: String,
    prefix: Option<String>,
    next: BTreeMap<String, Option<String>>,
}

impl Tail {
    /// The log of a job from its beginning.
    #[must_use]
    pub fn new(group: Group, job: &str) -> Self {
        // The log streams of an endpoint begin with its variant.
        let prefix = (group != Group::Endpoint).then(|| format!("{job}/"));
        Self { group: group.name(job), prefix, next: BTreeMap::new() }
    }

    /// The lines since the last reading, each with its machine before it where there are several.
    ///
    /// # Errors
    /// When the service refuses. A log that is not there yet has no lines.
    pub async fn read(&mut self, clients: &Clients) -> Result<Vec<String>> {
        let streams = clients
            .logs
            .describe_log_streams()
            .log_group_name(&self.group)
            .set_log_stream_name_prefix(self.prefix.clone())
            .send()
            .await;
        let streams = match streams {
            Ok(found) => found.log_streams.unwrap_or_default(),
            Err(error) => {
                let failure = Failure::new("DescribeLogStreams", &error);
                return if failure.is_absent() { Ok(vec![]) } else { Err(failure.into()) };
            }
        };
        for name in streams.into_iter().filter_map(|stream| stream.log_stream_name) {
            self.next.entry(name).or_default();
        }
        let several = self.next.len() > 1;
        let mut lines = vec![];
        for (stream, token) in &mut self.next {
            let machine = stream.rsplit('/').next().unwrap_or(stream);
            for line in read_stream(clients, &self.group, stream, token).await? {
                lines.push(if several { format!("{machine} | {line}") } else { line });
            }
        }
        Ok(lines)
    }
}

async fn read_stream(
    clients: &Clients,
    group: &str,
    stream: &str,
    token: &mut Option<String>,
) -> Result<Vec<String>> {
    let mut lines = vec![];
    loop {
        let page = clients
            .logs
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .start_from_head(true)
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|error| Failure::new("GetLogEvents", &error))?;
        let events = page.events.unwrap_or_default();
        let ended = events.is_empty() || page.next_forward_token == *token;
        lines.extend(events.into_iter().filter_map(|event| event.message));
        *token = page.next_forward_token;
        // The service gives the same token again at the end.
        if ended {
            return Ok(lines);
        }
    }
}
