//! Which formats a request is in and wants.

/// A format that the container reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    JsonLines,
}

impl Format {
    const ALL: [Self; 2] = [Self::Csv, Self::JsonLines];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::JsonLines => "application/jsonlines",
        }
    }

    /// The format of a body by its `Content-Type`; `None` for any other.
    pub(crate) fn of_content(header: Option<&str>) -> Option<Self> {
        let header = header?;
        let (name, parameters) = header.split_once(';').unwrap_or((header, ""));
        let parameters = parameters.to_ascii_lowercase();
        let charset = parameters.split_once("charset=").map(|(_, charset)| charset);
        let charset = charset.map(|text| text.trim().trim_matches('"'));
        if !matches!(charset, None | Some("utf-8" | "utf8" | "us-ascii")) {
            return None;
        }
        Self::ALL.into_iter().find(|format| name.trim().eq_ignore_ascii_case(format.name()))
    }

    /// The format of the answer by `Accept`: the first that can be served, the body's own where
    /// anything will do; `None` where none can be served.
    pub(crate) fn of_answer(accept: Option<&str>, content: Self) -> Option<Self> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
            return Some(content);
        };
        accept.split(',').find_map(|range| {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let refused = parameters.split(';').any(|parameter| {
                let quality = parameter.trim().strip_prefix("q=");
                quality.is_some_and(|q| q.parse::<f64>().is_ok_and(|q| q <= 0.0))
            });
            if refused { None } else { Self::of_range(name.trim(), content) }
        })
    }

    fn of_range(name: &str, content: Self) -> Option<Self> {
        let any = |prefix: &str| {
            [content].into_iter().chain(Self::ALL).find(|one| one.name().starts_with(prefix))
        };
        match name.to_ascii_lowercase().as_str() {
            "*/*" => Some(content),
            "text/*" => any("text/"),
            "application/*" => any("application/"),
            name => Self::ALL.into_iter().find(|format| format.name() == name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for (header, expected) in [
            (Some("text/csv"), Some(Format::Csv)),
            (Some("Text/CSV; charset=UTF-8"), Some(Format::Csv)),
            (Some("text/csv; charset=latin1"), None),
            (Some("text/csv;header=present"), Some(Format::Csv)),
            (Some("application/jsonlines"), Some(Format::JsonLines)),
            (Some("application/json"), None),
            (Some(""), None),
            (None, None),
        ] {
            assert_eq!(Format::of_content(header), expected, "{header:?}");
        }
    }

    #[test]
    fn answers() {
        for (accept, expected) in [
            (None, Some(Format::Csv)),
            (Some(" "), Some(Format::Csv)),
            (Some("*/*"), Some(Format::Csv)),
            (Some("application/jsonlines"), Some(Format::JsonLines)),
            (Some("image/png, application/*;q=0.5"), Some(Format::JsonLines)),
            (Some("application/jsonlines;q=0, text/*"), Some(Format::Csv)),
            (Some("application/json"), None),
            (Some("text/csv;q=0"), None),
        ] {
            assert_eq!(Format::of_answer(accept, Format::Csv), expected, "{accept:?}");
        }
    }
}
