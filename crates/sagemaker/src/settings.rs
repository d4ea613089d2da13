//! `sagemaker.toml`: what every request of a project has in common.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

/// The settings file. Everything in it may stand in a flag instead, which then holds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The region, such as `eu-central-1`; absent, what the AWS configuration says.
    pub region: Option<String>,
    /// The role that jobs run as.
    pub role: String,
    /// The role that endpoints run as; absent, that of the jobs.
    pub endpoint_role: Option<String>,
    /// The container image in ECR.
    pub image: String,
    /// The bucket for models, results and uploads.
    pub bucket: String,
    /// The folder in the bucket.
    pub prefix: String,
    /// The KMS key for volumes and results: an ARN, an id or an alias.
    pub kms_key: Option<String>,
    /// Machines.
    pub instances: Instances,
    /// The private network of the jobs.
    pub vpc: Option<Vpc>,
    /// Tags on everything that is made.
    pub tags: BTreeMap<String, String>,
}

/// The instance type of each kind of work.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instances {
    /// Processing jobs.
    pub process: String,
    /// Training and tuning jobs.
    pub train: String,
    /// Batch transform jobs.
    pub transform: String,
    /// Endpoints.
    pub endpoint: String,
}

impl Default for Instances {
    fn default() -> Self {
        Self {
            process: "ml.m5.2xlarge".to_owned(),
            train: "ml.m5.2xlarge".to_owned(),
            transform: "ml.m5.xlarge".to_owned(),
            endpoint: "ml.m5.large".to_owned(),
        }
    }
}

/// Where jobs have their network interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vpc {
    /// Security groups.
    pub security_groups: Vec<String>,
    /// Subnets.
    pub subnets: Vec<String>,
}

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// When it cannot be read, has a key that is unknown, lacks the role, image or bucket, or names
    /// a bucket that cannot be.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path).context(
            "every command reads role, image and bucket from a settings file: write one, or name \
             it with --settings",
        )?;
        let settings: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        for (name, value) in
            [("role", &settings.role), ("image", &settings.image), ("bucket", &settings.bucket)]
        {
            ensure!(!value.is_empty(), "{}: `{name}` is absent", path.display());
        }
        let bucket = &settings.bucket;
        ensure!(
            is_bucket(bucket),
            "{}: `bucket` is a name of 3 to 63 lower-case letters, digits, dots and hyphens, found \
             `{bucket}`",
            path.display()
        );
        Ok(settings)
    }

    /// A place below the project's folder in S3.
    #[must_use]
    pub fn s3(&self, path: &str) -> String {
        let prefix = self.prefix.trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        format!("s3://{}/{prefix}{slash}{path}", self.bucket)
    }

    pub(crate) fn tag_list(&self) -> Value {
        let tag = |(key, value): (&String, &String)| json!({"Key": key, "Value": value});
        if self.tags.is_empty() { Value::Null } else { self.tags.iter().map(tag).collect() }
    }

    pub(crate) fn vpc_config(&self) -> Value {
        match &self.vpc {
            Some(vpc) => json!({"SecurityGroupIds": vpc.security_groups, "Subnets": vpc.subnets}),
            None => Value::Null,
        }
    }

    /// The KMS key for a machine's volume, or nothing where the machine has a disk of its own,
    /// which the hardware encrypts and for which the service takes no key.
    pub(crate) fn volume_key(&self, instance_type: &str) -> Value {
        if has_local_storage(instance_type) { Value::Null } else { json!(self.kms_key) }
    }

    /// What a careful reader of the request should know before it is sent.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut said = vec![];
        if self.kms_key.is_none() {
            said.push(
                "no kms_key is set: volumes and results are encrypted with the keys that AWS \
                 manages, which you can neither revoke nor audit; set kms_key in the settings file",
            );
        }
        if self.vpc.is_none() {
            said.push(
                "no [vpc] is set: jobs run in a network that AWS manages and reach S3 over its \
                 public endpoints; `oncoweave sagemaker policy template` makes a private one",
            );
        }
        said
    }
}

/// Instance types with disks of their own, Amazon EC2 "Instance store volumes".
fn has_local_storage(instance_type: &str) -> bool {
    let family = instance_type.trim_start_matches("ml.").split('.').next().unwrap_or_default();
    let named = ["g4dn", "g5", "g6", "g6e", "p3dn", "p4d", "p4de", "p5", "p5e", "trn1", "trn1n"];
    let disk = |it: &str| it.starts_with(['c', 'm', 'r']) && it.contains('d') && it.len() >= 3;
    named.contains(&family) || disk(family)
}

fn is_bucket(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| inside(byte) || byte == b'.' || byte == b'-')
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_s3() {
        for (prefix, expected) in
            [("", "s3://b/x"), ("lung", "s3://b/lung/x"), ("/a/b/", "s3://b/a/b/x")]
        {
            let settings =
                Settings { bucket: "b".into(), prefix: prefix.into(), ..Settings::default() };
            assert_eq!(settings.s3("x"), expected);
        }
    }

    #[test]
    fn volumes_of_machines_with_a_disk_take_no_key() {
        let settings = Settings { kms_key: Some("k".into()), ..Settings::default() };
        for (instance, key) in [
            ("ml.m5.large", true),
            ("ml.m5d.large", false),
            ("ml.c6id.xlarge", false),
            ("ml.g5.xlarge", false),
            ("ml.p3.2xlarge", true),
            ("ml.p4d.24xlarge", false),
            ("ml.r5.large", true),
        ] {
            assert_eq!(!settings.volume_key(instance).is_null(), key, "{instance}");
        }
    }

    #[test]
    fn a_file_is_read_or_refused_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sagemaker.toml");
        for (text, expected) in [
            ("role = 'r'\nimage = 'i'\nbucket = 'b-1'\n[tags]\nproject = 'lung'", Ok(())),
            ("role = 'r'\nimage = 'i'\nbucket = 's3://b'", Err("`bucket` is a name of")),
            ("role = 'r'\nimage = 'i'\nbucket = '-b1'", Err("found `-b1`")),
            ("role = 'r'\nimage = 'i'", Err("`bucket` is absent")),
            ("rol = 'r'", Err("unknown field `rol`")),
        ] {
            fs_err::write(&path, text).unwrap();
            match (Settings::read(&path).map_err(|error| format!("{error:#}")), expected) {
                (Ok(_), Ok(())) => {}
                (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        let absent = Settings::read(&folder.path().join("none.toml")).unwrap_err();
        assert!(format!("{absent:#}").contains("--settings"));
    }
}
