//! Who may do what: a policy for each role, for the key and for the bucket, and a template that
//! makes them all.

mod roles;
mod statements;
mod template;

use serde_json::{Value, json};

use crate::Settings;

pub use roles::{bucket, dashboard, endpoint, key, pipeline, researcher};
pub use template::template;

/// The names that policies speak of. In a template they are `${…}`, filled in when it is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account, or `*`: a policy reaches no account but its own.
    pub account: String,
    /// The bucket.
    pub bucket: String,
    /// The folder in the bucket, with a slash at its end, or empty.
    pub prefix: String,
    /// The ARN of the KMS key.
    pub key: String,
    /// The repository of the image.
    pub repository: String,
    /// The beginning of the names of roles that jobs may have.
    pub roles: String,
}

impl Names {
    /// The names of a project. The account stays open, so that nothing printed tells it.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let partition = settings.role.split(':').nth(1).unwrap_or("aws").to_owned();
        let region = settings.region.clone().unwrap_or_else(|| "*".to_owned());
        let prefix = settings.prefix.trim_matches('/');
        let image = settings.image.split_once('/').map_or("oncoweave", |(_, rest)| rest);
        let repository = image.split([':', '@']).next().unwrap_or_default();
        let key = match settings.kms_key.as_deref() {
            Some(arn) if arn.contains(":key/") => {
                crate::client::without_accounts(arn).replace("<account>", "*")
            }
            _ => format!("arn:{partition}:kms:{region}:*:key/*"),
        };
        Self {
            key,
            account: "*".to_owned(),
            bucket: settings.bucket.clone(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            repository: repository.to_owned(),
            roles: "oncoweave-".to_owned(),
            partition,
            region,
        }
    }

    fn sagemaker(&self, kinds: &[&str]) -> Vec<String> {
        let arn = |kind: &&str| {
            let Self { partition, region, account, .. } = self;
            format!("arn:{partition}:sagemaker:{region}:{account}:{kind}/*")
        };
        kinds.iter().map(arn).collect()
    }

    fn objects(&self, folder: &str) -> String {
        format!("arn:{}:s3:::{}/{}{folder}*", self.partition, self.bucket, self.prefix)
    }

    fn whole_bucket(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket)
    }
}

/// A statement that allows actions on resources.
fn allow(name: &str, actions: &[&str], resources: &[String]) -> Value {
    json!({"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources})
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}
