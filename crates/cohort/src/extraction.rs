//! An [`Extraction`] as text in a file's metadata.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use oncoweave_core::Extraction;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Stored {
    manifest: String,
    #[serde(default)]
    files: BTreeMap<String, Content>,
    #[serde(default)]
    absent: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Content {
    Text(String),
    /// Two digits a byte.
    Hex(String),
}

pub(crate) fn to_json(extraction: &Extraction) -> String {
    let content = |bytes: &Vec<u8>| match String::from_utf8(bytes.clone()) {
        Ok(text) => Content::Text(text),
        Err(_) => Content::Hex(bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("memory takes any text");
            text
        })),
    };
    let files = extraction.files.iter().map(|(name, bytes)| (name.clone(), content(bytes)));
    let stored = Stored {
        manifest: extraction.manifest.clone(),
        files: files.collect(),
        absent: extraction.absent.clone(),
    };
    serde_json::to_string(&stored).expect("texts have text keys")
}

/// `None` where the text is no extraction, or names a file outside of its folder.
pub(crate) fn from_json(text: &str) -> Option<Extraction> {
    let stored: Stored = serde_json::from_str(text).ok()?;
    let content = |(name, content): (String, Content)| {
        let (folder, file) = name.split_once('/')?;
        let is_inside = folder == Extraction::RESOURCES
            && !file.contains(['/', '\\'])
            && !["", ".", ".."].contains(&file);
        let bytes = match content {
            Content::Text(text) => text.into_bytes(),
            Content::Hex(text) => from_hex(&text)?,
        };
        is_inside.then_some((name, bytes))
    };
    let files = stored.files.into_iter().map(content).collect::<Option<_>>()?;
    Some(Extraction { manifest: stored.manifest, files, absent: stored.absent })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_come_back() {
        let files = [("resources/a.gmt", b"set\tx".to_vec()), ("resources/b", vec![0, 255, 16])];
        let extraction = Extraction {
            manifest: "schema = 1".to_owned(),
            files: files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect(),
            absent: vec!["resources/c".to_owned()],
        };
        assert_eq!(from_json(&to_json(&extraction)), Some(extraction));
    }

    #[test]
    fn damage_and_files_elsewhere_are_refused() {
        for text in [
            "{}",
            "x",
            r#"{"manifest":"","files":{"resources/a":{"hex":"0"}}}"#,
            r#"{"manifest":"","files":{"resources/a":{"hex":"zz"}}}"#,
            r#"{"manifest":"","files":{"resources/../a":{"text":""}}}"#,
            r#"{"manifest":"","files":{"other/a":{"text":""}}}"#,
            r#"{"manifest":"","files":{"resources/..":{"text":""}}}"#,
        ] {
            assert_eq!(from_json(text), None, "{text}");
        }
    }
}
