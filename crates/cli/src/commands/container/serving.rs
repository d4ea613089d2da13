//! What the environment says about serving.

use std::env;
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, Result, bail};
use oncoweave_serve::{AnswerKind, BatchStrategy, Root, ServeSettings, ViewKind};

use crate::Outcome;
use crate::commands::extract::single;

/// The longest body that the platform ever sends, asynchronously.
const MOST_MEGABYTES: usize = 1024;

pub(super) fn serve(root: &Path) -> Result<Outcome> {
    let settings = settings(&environment)?;
    oncoweave_serve::serve(&Root::new(root), &settings, Some(single))?;
    Ok(Outcome::Complete)
}

/// A whole number in the environment, if it is there.
pub(super) fn number(name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>> {
    Variables(&environment).number(name, range)
}

fn environment(name: &str) -> Option<String> {
    Some(env::var_os(name)?.to_string_lossy().into_owned())
}

/// Looks up variables; an empty text is as good as none.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn number(&self, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>> {
        self.text(name).map(|text| parse(name, &text, &range)).transpose()
    }

    fn flag(&self, name: &str) -> Result<bool> {
        match self.text(name).map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => bail!("{name} must be true or false, found `{other}`"),
        }
    }

    /// What a name stands for, the default where there is none.
    fn choice<T: Default>(
        &self,
        name: &str,
        known: &str,
        named: fn(&str) -> Option<T>,
    ) -> Result<T> {
        let Some(text) = self.text(name) else { return Ok(T::default()) };
        named(&text).with_context(|| format!("{name} must be {known}, found `{text}`"))
    }
}

/// The settings that variables make.
fn settings(variable: &dyn Fn(&str) -> Option<String>) -> Result<ServeSettings> {
    let variables = Variables(variable);
    let mut settings = ServeSettings::default();
    limit(&mut settings, &variables)?;
    if let Some(port) = variables.number("SAGEMAKER_BIND_TO_PORT", 1..=65_535)? {
        settings.port = u16::try_from(port).expect("checked against the largest port");
    }
    settings.multi_model = variables.flag("SAGEMAKER_MULTI_MODEL")?;
    settings.transforms = variables.number("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", 1..=100)?;
    settings.default_accept = variables.text("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT");
    settings.batch_strategy =
        variables.choice("SAGEMAKER_BATCH_STRATEGY", "SINGLE_RECORD or MULTI_RECORD", |name| {
            match name {
                "MULTI_RECORD" | "MultiRecord" => Some(BatchStrategy::MultiRecord),
                "SINGLE_RECORD" | "SingleRecord" => Some(BatchStrategy::SingleRecord),
                _ => None,
            }
        })?;
    let answer =
        variables.choice("ONCOWEAVE_ANSWER", "full or probabilities", AnswerKind::named)?;
    let view =
        variables.choice("ONCOWEAVE_VIEW", "columns, groups or modalities", ViewKind::named)?;
    Ok(settings.with_answer(answer, view))
}

/// How much a request may hold and how many may wait.
fn limit(settings: &mut ServeSettings, variables: &Variables) -> Result<()> {
    let is_batch = variables.flag("SAGEMAKER_BATCH")?;
    // Batch transform may ask for bodies that real-time inference does not allow; 0 is a stream of
    // any length.
    for name in ["SAGEMAKER_MAX_PAYLOAD_IN_MB", "ONCOWEAVE_MAX_PAYLOAD_IN_MB"] {
        match variables.number(name, 0..=MOST_MEGABYTES)? {
            Some(0) if is_batch => settings.body_limit_bytes = MOST_MEGABYTES << 20,
            Some(megabytes) if megabytes > 0 => settings.body_limit_bytes = megabytes << 20,
            _ => {}
        }
    }
    if is_batch {
        // The platform cuts its files by bytes, not by records.
        settings.record_limit = usize::MAX - 1;
    }
    if let Some(records) = variables.number("ONCOWEAVE_MAX_RECORDS", 1..=10_000_000)? {
        settings.record_limit = records;
    }
    if let Some(requests) = variables.number("ONCOWEAVE_MAX_QUEUE", 1..=100_000)? {
        settings.queue_limit = requests;
    }
    if let Some(seconds) = variables.number("ONCOWEAVE_SILENCE_SECONDS", 1..=3600)? {
        settings.silence_seconds = seconds as u64;
    }
    if let Some(megabytes) = variables.number("ONCOWEAVE_MAX_UNPACKED_IN_MB", 1..=1 << 20)? {
        settings.unpacked_limit_bytes = (megabytes as u64) << 20;
    }
    if let Some(megabytes) = variables.number("ONCOWEAVE_MODELS_IN_MB", 1..=1 << 24)? {
        settings.models_limit_bytes = Some((megabytes as u64) << 20);
    }
    Ok(())
}

fn parse(name: &str, text: &str, range: &RangeInclusive<usize>) -> Result<usize> {
    let number: usize =
        text.parse().with_context(|| format!("{name} must be a whole number, found `{text}`"))?;
    if !range.contains(&number) {
        bail!("{name} must be {} to {}, found {number}", range.start(), range.end());
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<ServeSettings, String> {
        let value =
            |name: &str| pairs.iter().find(|(own, _)| *own == name).map(|(_, v)| v.to_string());
        settings(&value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_makes_settings() {
        assert_eq!(of(&[]), Ok(ServeSettings::default()));
        assert_eq!(of(&[("SAGEMAKER_BIND_TO_PORT", " ")]), Ok(ServeSettings::default()));
        assert_eq!(of(&[("SAGEMAKER_BIND_TO_PORT", " 9000 ")]).unwrap().port, 9000);
        let megabytes = |pairs: &[(&str, &str)]| of(pairs).unwrap().body_limit_bytes >> 20;
        assert_eq!(megabytes(&[("SAGEMAKER_MAX_PAYLOAD_IN_MB", "6")]), 6);
        assert_eq!(megabytes(&[("SAGEMAKER_MAX_PAYLOAD_IN_MB", "0")]), 25);
        let stream = [("SAGEMAKER_MAX_PAYLOAD_IN_MB", "0"), ("SAGEMAKER_BATCH", "true")];
        assert_eq!(megabytes(&stream), 1024);
        assert!(of(&stream).unwrap().record_limit > 1 << 40);
        assert_eq!(of(&[("ONCOWEAVE_MAX_RECORDS", "7")]).unwrap().record_limit, 7);
        assert_eq!(of(&[("ONCOWEAVE_MAX_QUEUE", "3")]).unwrap().queue_limit, 3);
        assert!(of(&[("SAGEMAKER_MULTI_MODEL", "true")]).unwrap().multi_model);
        assert_eq!(
            of(&[("ONCOWEAVE_MODELS_IN_MB", "2")]).unwrap().models_limit_bytes,
            Some(2 << 20)
        );
        let single = of(&[("SAGEMAKER_BATCH_STRATEGY", "SINGLE_RECORD")]).unwrap();
        assert_eq!(single.batch_strategy, BatchStrategy::SingleRecord);
        for (name, value) in [
            ("SAGEMAKER_BIND_TO_PORT", "0"),
            ("SAGEMAKER_BIND_TO_PORT", "x"),
            ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "2000"),
            ("SAGEMAKER_MULTI_MODEL", "maybe"),
            ("SAGEMAKER_BATCH_STRATEGY", "ALL"),
            ("ONCOWEAVE_ANSWER", "risk"),
            ("ONCOWEAVE_VIEW", "genes"),
        ] {
            assert!(of(&[(name, value)]).unwrap_err().contains(name), "{name}={value}");
        }
    }
}
