//! The value of a structured header line: `<ID=q10,Description="Quality below 10">`.

/// A `key=value` of a structured line; a quoted value without its quotes, escapes as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) quoted: bool,
}

/// Why a structured value cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    NotClosed,
    NoEqualsSign,
    EmptyKey,
    QuoteNotClosed,
    TextAfterQuote,
}

impl Broken {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NotClosed => "no closing angle bracket",
            Self::NoEqualsSign => "a part without an equals sign",
            Self::EmptyKey => "a part without a key",
            Self::QuoteNotClosed => "a quotation mark that is not closed",
            Self::TextAfterQuote => "text after a closing quotation mark",
        }
    }
}

/// Takes `<key=value,...>` apart.
pub(crate) fn parse(value: &[u8]) -> Result<Vec<Attribute<'_>>, Broken> {
    let inner = value.strip_prefix(b"<").unwrap_or(value);
    let mut rest = inner.strip_suffix(b">").ok_or(Broken::NotClosed)?;
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let (attribute, after) = next(rest)?;
        attributes.push(attribute);
        rest = after;
    }
    Ok(attributes)
}

fn next(text: &[u8]) -> Result<(Attribute<'_>, &[u8]), Broken> {
    let end = text.iter().position(|byte| b"=,".contains(byte)).ok_or(Broken::NoEqualsSign)?;
    if text[end] != b'=' {
        return Err(Broken::NoEqualsSign);
    }
    let (key, rest) = (&text[..end], &text[end + 1..]);
    if key.trim_ascii().is_empty() {
        return Err(Broken::EmptyKey);
    }
    let (value, after, quoted) = match rest.first() {
        Some(b'"') => {
            let end = closing_quote(&rest[1..]).ok_or(Broken::QuoteNotClosed)?;
            (&rest[1..=end], &rest[end + 2..], true)
        }
        // `Values=[Blood, Breast]` of a ##META line.
        Some(b'[') => {
            let end = rest.iter().position(|&byte| byte == b']').ok_or(Broken::NotClosed)?;
            (&rest[..=end], &rest[end + 1..], false)
        }
        _ => {
            let end = rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len());
            (&rest[..end], &rest[end..], false)
        }
    };
    match after.first() {
        None => Ok((Attribute { key, value, quoted }, after)),
        Some(b',') => Ok((Attribute { key, value, quoted }, &after[1..])),
        Some(_) => Err(Broken::TextAfterQuote),
    }
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Vec<String>, Broken> {
        let attributes = parse(value.as_bytes())?;
        let text = |attribute: &Attribute| {
            let mark = if attribute.quoted { "\"" } else { "" };
            let key = String::from_utf8_lossy(attribute.key).into_owned();
            format!("{key} {mark}{}", String::from_utf8_lossy(attribute.value))
        };
        Ok(attributes.iter().map(text).collect())
    }

    #[test]
    fn attributes_are_taken_apart() {
        for (value, expected) in [
            ("<ID=1>", vec!["ID 1"]),
            ("<ID=1,length=7>", vec!["ID 1", "length 7"]),
            (r#"<ID=a,Description="b, c=d">"#, vec!["ID a", "Description \"b, c=d"]),
            (r#"<Description="a \"b\" \\">"#, vec![r#"Description "a \"b\" \\"#]),
            (r#"<Description="",x=>"#, vec!["Description \"", "x "]),
            ("<ID=T,Values=[a, b]>", vec!["ID T", "Values [a, b]"]),
            ("<>", vec![]),
        ] {
            assert_eq!(read(value).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn a_broken_value_says_how() {
        for (value, expected) in [
            ("<ID=1", Broken::NotClosed),
            ("<ID=1,A,length=7>", Broken::NoEqualsSign),
            ("<\"text\">", Broken::NoEqualsSign),
            ("<=1>", Broken::EmptyKey),
            (r#"<Description="a>"#, Broken::QuoteNotClosed),
            (r#"<Description="a "b" c">"#, Broken::TextAfterQuote),
            ("<Values=[a>", Broken::NotClosed),
            ("<", Broken::NotClosed),
        ] {
            assert_eq!(read(value).unwrap_err(), expected, "{value}");
        }
    }
}
