//! Which formats a request is in and wants.

/// A format of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    JsonLines,
    Json,
    Parquet,
    /// Raw files of one patient.
    Zip,
    /// The same as parts.
    Multipart,
}

/// Every name that a format goes by, its own first.
const NAMES: [(&str, Format); 10] = [
    ("text/csv", Format::Csv),
    ("application/jsonlines", Format::JsonLines),
    ("application/json", Format::Json),
    ("application/x-parquet", Format::Parquet),
    ("application/zip", Format::Zip),
    ("multipart/form-data", Format::Multipart),
    ("application/jsonl", Format::JsonLines),
    ("application/x-ndjson", Format::JsonLines),
    ("application/vnd.apache.parquet", Format::Parquet),
    ("application/x-zip-compressed", Format::Zip),
];

/// The formats that answers are given in.
const ANSWERS: [Format; 4] = [Format::Csv, Format::JsonLines, Format::Json, Format::Parquet];

impl Format {
    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, format)| *format == self).expect("every format has a name").0
    }

    fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, format)| *format)
    }

    /// Whether the body is raw files, not records.
    pub(crate) fn is_raw(self) -> bool {
        matches!(self, Self::Zip | Self::Multipart)
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
        Self::named(name)
    }

    /// The format of the answer by `Accept`: the first that can be served, the default where
    /// anything will do; `None` where none can be served.
    pub(crate) fn of_answer(accept: Option<&str>, default: Self) -> Option<Self> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
            return Some(default);
        };
        accept.split(',').find_map(|range| {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let refused = parameters.split(';').any(|parameter| {
                let quality = parameter.trim().strip_prefix("q=");
                quality.is_some_and(|q| q.parse::<f64>().is_ok_and(|q| q <= 0.0))
            });
            if refused { None } else { Self::of_range(name.trim(), default) }
        })
    }

    fn of_range(name: &str, default: Self) -> Option<Self> {
        let any = |prefix: &str| {
            [default].into_iter().chain(ANSWERS).find(|one| one.name().starts_with(prefix))
        };
        match name.to_ascii_lowercase().as_str() {
            "*/*" => Some(default),
            "text/*" => any("text/"),
            "application/*" => any("application/"),
            name => Self::named(name).filter(|format| ANSWERS.contains(format)),
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
            (Some("application/x-ndjson"), Some(Format::JsonLines)),
            (Some("application/json"), Some(Format::Json)),
            (Some("application/x-parquet"), Some(Format::Parquet)),
            (Some("application/vnd.apache.parquet"), Some(Format::Parquet)),
            (Some("multipart/form-data; boundary=x"), Some(Format::Multipart)),
            (Some("application/zip"), Some(Format::Zip)),
            (Some("application/xml"), None),
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
            (Some("application/json"), Some(Format::Json)),
            (Some("application/x-parquet;q=0.9"), Some(Format::Parquet)),
            (Some("image/png, application/*;q=0.5"), Some(Format::JsonLines)),
            (Some("application/jsonlines;q=0, text/*"), Some(Format::Csv)),
            (Some("application/zip"), None),
            (Some("application/xml"), None),
            (Some("text/csv;q=0"), None),
        ] {
            assert_eq!(Format::of_answer(accept, Format::Csv), expected, "{accept:?}");
        }
    }
}
