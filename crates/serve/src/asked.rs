//! What a request asks for beside its records.

use axum::http::{HeaderMap, HeaderValue};

use crate::refusal::Refusal;
use crate::view::ViewKind;

/// Opaque to the platform, which passes it both ways; ours is `key=value`, separated by `;`.
pub(crate) const CUSTOM_ATTRIBUTES: &str = "x-amzn-sagemaker-custom-attributes";

const ENABLE_EXPLANATIONS: &str = "x-amzn-sagemaker-enable-explanations";

/// More times than this make an answer that nobody reads.
const MOST_HORIZONS: usize = 1000;

/// What is said of each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerKind {
    /// Everything.
    #[default]
    Full,
    /// The probability of the event by each horizon alone, as numbers: what an explainer reads.
    Probabilities,
}

impl AnswerKind {
    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "full" => Some(Self::Full),
            "probabilities" => Some(Self::Probabilities),
            _ => None,
        }
    }
}

/// The wishes of one request.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "wishes that have nothing to do with each other")]
pub(crate) struct Asked {
    /// The times to give survival at; the model's own by default.
    pub(crate) horizons_days: Option<Vec<f64>>,
    pub(crate) explain: bool,
    pub(crate) answer: AnswerKind,
    pub(crate) view: ViewKind,
    /// Send answers as they are scored, however few there are.
    pub(crate) stream: bool,
    /// Say what was extracted from raw files.
    pub(crate) features: bool,
    /// Say what the model reads and gives, and leave the body alone.
    pub(crate) describe: bool,
}

impl Asked {
    /// Reads the headers; `defaults` are the endpoint's own.
    ///
    /// # Errors
    /// When one of our attributes has a value that makes no sense. Others' attributes are left
    /// alone.
    pub(crate) fn read(headers: &HeaderMap, defaults: &Self) -> Result<Self, Refusal> {
        let mut asked = defaults.clone();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(expression) = text(ENABLE_EXPLANATIONS) {
            // A JMESPath expression; a literal false turns explanations off.
            let literal = expression.trim().trim_matches('`').trim();
            asked.explain = !literal.is_empty() && literal != "false";
        }
        for attribute in text(CUSTOM_ATTRIBUTES).unwrap_or_default().split(';') {
            let Some((key, value)) = attribute.split_once('=') else { continue };
            asked.set(key.trim(), value.trim())?;
        }
        Ok(asked)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let bad = |expected: &str| {
            Refusal::bad(format!("the custom attribute `{key}` must be {expected}"))
        };
        let flag = || match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(bad("true or false")),
        };
        match key {
            "horizons_days" => {
                let expected = "1 to 1000 numbers of days from 0, separated by commas";
                let days = |text: &str| text.trim().parse::<f64>().ok();
                let times: Option<Vec<f64>> = value.split(',').map(days).collect();
                let fine = |times: &Vec<f64>| {
                    times.len() <= MOST_HORIZONS
                        && times.iter().all(|days| days.is_finite() && *days >= 0.0)
                };
                self.horizons_days = Some(times.filter(fine).ok_or_else(|| bad(expected))?);
            }
            "explain" => self.explain = flag()?,
            "stream" => self.stream = flag()?,
            "features" => self.features = flag()?,
            "describe" => self.describe = flag()?,
            "answer" => {
                self.answer =
                    AnswerKind::named(value).ok_or_else(|| bad("full or probabilities"))?;
            }
            "view" => {
                self.view =
                    ViewKind::named(value).ok_or_else(|| bad("columns, groups or modalities"))?;
            }
            // Another's.
            _ => {}
        }
        Ok(())
    }
}

/// The attributes as they go back.
pub(crate) fn echo(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(CUSTOM_ATTRIBUTES).filter(|value| value.len() <= 1024).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &'static str)]) -> Result<Asked, u16> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        Asked::read(&headers, &Asked::default()).map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn headers_say_what_is_asked() {
        let none = Asked::default();
        for (value, expected) in [
            ("trace=7", Ok(none.clone())),
            ("", Ok(none.clone())),
            ("a;b;=;c=d=e", Ok(none.clone())),
            (
                "horizons_days=180, 365.25 ; trace=7",
                Ok(Asked { horizons_days: Some(vec![180.0, 365.25]), ..none.clone() }),
            ),
            ("explain=true;stream=true", Ok(Asked { explain: true, stream: true, ..none.clone() })),
            (
                "answer=probabilities;view=groups",
                Ok(Asked {
                    answer: AnswerKind::Probabilities,
                    view: ViewKind::Groups,
                    ..none.clone()
                }),
            ),
            ("horizons_days=", Err(400)),
            ("horizons_days=-1", Err(400)),
            ("horizons_days=NaN", Err(400)),
            ("horizons_days=1,x", Err(400)),
            ("explain=1", Err(400)),
            ("answer=risk", Err(400)),
            ("view=genes", Err(400)),
        ] {
            assert_eq!(read(&[(CUSTOM_ATTRIBUTES, value)]), expected, "{value}");
        }
        for (value, explain) in [
            ("`true`", true),
            ("`false`", false),
            ("false", false),
            ("features[0] > `1`", true),
            ("", false),
        ] {
            let asked = read(&[(ENABLE_EXPLANATIONS, value)]).unwrap();
            assert_eq!(asked.explain, explain, "{value}");
        }
    }
}
