use std::error::Error as StdError;

use aws_sdk_sagemaker::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sagemakerruntime::operation::invoke_endpoint::InvokeEndpointError;

/// Why AWS did not do what it was asked, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    operation: String,
    code: Option<String>,
    message: String,
}

impl Failure {
    pub(super) fn new<E, R>(operation: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: std::fmt::Debug,
    {
        let told = error.as_service_error();
        Self {
            operation: operation.to_owned(),
            code: told.and_then(|it| it.code().map(str::to_owned)),
            message: told
                .and_then(|it| it.message().map(str::to_owned))
                .unwrap_or_else(|| causes(error)),
        }
    }

    /// A container's refusal comes with its own sentence.
    pub(super) fn invocation<R: std::fmt::Debug>(error: &SdkError<InvokeEndpointError, R>) -> Self {
        let mut failure = Self::new("InvokeEndpoint", error);
        if let Some(InvokeEndpointError::ModelError(told)) = error.as_service_error() {
            let status = told.original_status_code().unwrap_or_default();
            let sentence = told.original_message().unwrap_or("no reason given");
            failure.message = format!("the container answered {status}: {}", sentence.trim());
        }
        failure
    }

    /// Whether the service knows nothing of that name. `SageMaker` says so in words.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self.code.as_deref() {
            Some("ResourceNotFound" | "ResourceNotFoundException" | "ObjectNotFoundException") => {
                true
            }
            Some("ValidationException") => {
                ["not found", "Could not find", "does not exist", "No scalable target"]
                    .iter()
                    .any(|words| self.message.contains(words))
            }
            _ => false,
        }
    }

    /// Whether there is something of that name already.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.message.contains("already exist")
            || self.message.contains("already exists")
            || self.code.as_deref() == Some("ResourceInUse") && self.message.contains("exist")
    }

    fn advice(&self) -> Option<String> {
        let code = self.code.as_deref().unwrap_or_default();
        let says = |words: &str| self.message.contains(words);
        Some(match code {
            "AccessDeniedException" | "AccessDenied" => {
                let action = lacking(&self.message).unwrap_or(&self.operation);
                format!(
                    "the role lacks `{action}`; `oncoweave sagemaker policy researcher` prints a \
                     policy with what the launcher needs, for whoever administers the account"
                )
            }
            "ResourceLimitExceeded" => "ask for a higher quota of that instance type in Service \
                Quotas, or name another type under [instances]"
                .to_owned(),
            "ThrottlingException" => "AWS takes fewer requests a second; try again".to_owned(),
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException" => "the credentials are not those of this account or \
                server; check the profile with `aws sts get-caller-identity`"
                .to_owned(),
            "ExpiredToken" | "ExpiredTokenException" => {
                "sign in again, for example with `aws sso login`".to_owned()
            }
            "InvalidAccessKeyId" => {
                "the access key is unknown to the server; check the profile".to_owned()
            }
            "NoSuchBucket" => "check `bucket` in the settings file, and the region".to_owned(),
            "NoSuchKey" => "check the place in S3".to_owned(),
            _ if self.is_absent() => {
                "check the name and the region; `aws sagemaker list-…` shows what there is"
                    .to_owned()
            }
            _ if says("credentials") || says("no providers in chain") => {
                "no credentials were found: \
                set a profile with `aws configure sso`, or AWS_PROFILE"
                    .to_owned()
            }
            "" if says("dispatch failure") => {
                "AWS was not reached; check the network, the region and AWS_ENDPOINT_URL".to_owned()
            }
            _ => return None,
        })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} failed", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        write!(f, ": {}", without_accounts(&self.message))?;
        self.advice().map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

impl StdError for Failure {}

/// The action that a refusal names: `… is not authorized to perform: ACTION on resource …`.
fn lacking(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("authorized to perform: ")?;
    rest.split_whitespace().next().filter(|action| action.contains(':'))
}

/// The text without account numbers, which are 12 digits.
#[must_use]
pub fn without_accounts(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut digits = String::new();
    let flush = |digits: &mut String, kept: &mut String| {
        kept.push_str(if digits.len() == 12 { "<account>" } else { digits.as_str() });
        digits.clear();
    };
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
        } else {
            flush(&mut digits, &mut kept);
            kept.push(letter);
        }
    }
    flush(&mut digits, &mut kept);
    kept
}

/// An error and its causes, each once.
fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let sentence = cause.to_string();
        if !text.contains(&sentence) {
            text.push_str(": ");
            text.push_str(&sentence);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, message: &str) -> Failure {
        Failure {
            operation: "CreateTrainingJob".into(),
            code: (!code.is_empty()).then(|| code.into()),
            message: message.into(),
        }
    }

    #[test]
    fn a_refusal_says_which_action_lacks_and_no_account() {
        let message = "User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to \
                       perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/run";
        let text = failure("AccessDeniedException", message).to_string();
        assert!(text.contains("the role lacks `iam:PassRole`"), "{text}");
        assert!(!text.contains("111122223333") && text.contains("<account>"), "{text}");
    }

    #[test]
    fn what_is_absent_or_taken_is_told_apart() {
        for (code, message, absent, taken) in [
            ("ValidationException", "Requested resource not found.", true, false),
            ("ValidationException", "Could not find endpoint \"x\".", true, false),
            ("ValidationException", "1 validation error detected", false, false),
            ("ResourceInUse", "Training job names must be unique; x already exists", false, true),
            ("ValidationException", "Model Package Group already exists: x", false, true),
        ] {
            let failure = failure(code, message);
            assert_eq!((failure.is_absent(), failure.is_taken()), (absent, taken), "{message}");
        }
    }

    #[test]
    fn accounts_are_twelve_digits_and_no_others() {
        for (text, expected) in [
            ("111122223333", "<account>"),
            ("a 1111222233334 b 123", "a 1111222233334 b 123"),
            ("arn:aws:iam::111122223333:role/x", "arn:aws:iam::<account>:role/x"),
        ] {
            assert_eq!(without_accounts(text), expected);
        }
    }
}
