use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use serde_json::{Value, json};

use super::{Clients, Failure};

/// A bucket and a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The key, or the beginning of several.
    pub key: String,
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let rest = text.strip_prefix("s3://");
        let rest = rest.with_context(|| format!("expected s3://BUCKET/KEY, found `{text}`"))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        ensure!(!bucket.is_empty(), "expected s3://BUCKET/KEY, found `{text}`");
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// What is to lie in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes of a file.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// A file on its way to S3, encrypted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// What.
    pub content: Content,
    /// Where to.
    pub place: Place,
    /// The KMS key; absent, the one that AWS manages.
    pub kms_key: Option<String>,
}

impl Upload {
    /// What `--dry-run` prints of it.
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut request = json!({
            "Bucket": self.place.bucket,
            "Key": self.place.key,
            "ServerSideEncryption": "aws:kms",
        });
        if let Some(key) = &self.kms_key {
            request["SSEKMSKeyId"] = key.as_str().into();
        }
        request["Body"] = match &self.content {
            Content::File(path) => path.display().to_string().into(),
            Content::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
        };
        json!({"service": "s3api", "operation": "PutObject", "request": request})
    }
}

impl Clients {
    /// Puts a file into S3.
    ///
    /// # Errors
    /// When the file cannot be read or the service refuses.
    pub async fn upload(&self, upload: &Upload) -> Result<()> {
        let body = match &upload.content {
            Content::Bytes(bytes) => ByteStream::from(bytes.clone()),
            Content::File(path) => ByteStream::from_path(path)
                .await
                .with_context(|| format!("could not read {}", path.display()))?,
        };
        self.s3
            .put_object()
            .bucket(&upload.place.bucket)
            .key(&upload.place.key)
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .set_ssekms_key_id(upload.kms_key.clone())
            .body(body)
            .send()
            .await
            .map_err(|error| Failure::new("PutObject", &error))
            .with_context(|| format!("could not write {}", upload.place))?;
        Ok(())
    }

    /// Reads an object, or nothing where there is none.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn download(&self, place: &Place) -> Result<Option<Vec<u8>>> {
        let answer = self.s3.get_object().bucket(&place.bucket).key(&place.key).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(None);
            }
            Err(error) => {
                let failure = Failure::new("GetObject", &error);
                return Err(failure).with_context(|| format!("could not read {place}"));
            }
        };
        let bytes =
            answer.body.collect().await.with_context(|| format!("could not read {place}"))?;
        Ok(Some(bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, expected) in [
            ("s3://b/k/l", Some(("b", "k/l"))),
            ("s3://b", Some(("b", ""))),
            ("s3:///k", None),
            ("/tmp/x", None),
        ] {
            let found = text.parse::<Place>().ok();
            let expected =
                expected.map(|(bucket, key)| Place { bucket: bucket.into(), key: key.into() });
            assert_eq!(found, expected, "{text}");
        }
    }
}
