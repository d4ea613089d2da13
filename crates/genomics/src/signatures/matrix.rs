use std::{collections::HashMap, path::Path};

use super::dot;
use crate::{
    Error,
    lines::{Lines, fields, number, text},
};

const FORMAT: &str = "a matrix of mutational signatures";

/// Mutational signatures: the share of each channel in the mutations of each process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignatureMatrix {
    channels: Vec<String>,
    signatures: Vec<String>,
    /// One column a signature, with one share a channel.
    pub(super) columns: Vec<Vec<f64>>,
    /// The Euclidean length of each column.
    pub(super) lengths: Vec<f64>,
    /// The inner products of the columns, scaled to length 1.
    pub(super) gram: Vec<Vec<f64>>,
}

impl SignatureMatrix {
    /// Reads a matrix as COSMIC and `SigProfiler` write it: tab-separated, a header with the names of
    /// the signatures, then one row a channel that begins with its name, such as `A[C>A]A`.
    ///
    /// # Errors
    /// When the file cannot be read, has a row with too few columns or a share that is no number of
    /// zero or more, a channel twice, a signature twice, or a signature of zeros.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut lines = Lines::open(path)?;
        let Some(header) = lines.next()? else {
            return Err(Error::Empty { path: path.to_owned(), expected: FORMAT });
        };
        let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
        let signatures: Vec<String> =
            fields(header).skip(1).map(|name| text(name.trim_ascii())).collect();
        let mut channels = Vec::new();
        let mut columns = vec![Vec::new(); signatures.len()];
        while lines.next()?.is_some() {
            let mut row = fields(lines.line());
            let channel = text(row.next().unwrap_or_default().trim_ascii());
            if channel.is_empty() {
                continue;
            }
            for (place, column) in columns.iter_mut().enumerate() {
                let cell = row
                    .next()
                    .ok_or_else(|| lines.too_few_columns(signatures.len() + 1, place + 1))?;
                let share = number::<f64>(cell).filter(|share| share.is_finite() && *share >= 0.0);
                column.push(share.ok_or_else(|| {
                    lines.fault(
                        "a share of zero or more",
                        format!("`{}`", text(cell)),
                        "correct the matrix",
                    )
                })?);
            }
            channels.push(channel);
        }
        let problem = Self::new(channels, signatures, columns);
        problem.map_err(|found| Error::Line {
            path: path.to_owned(),
            line: 1,
            expected: format!("{FORMAT} with each channel and each signature once"),
            found,
            advice: "correct the matrix",
        })
    }

    /// A matrix from its parts; the error says what is wrong with them.
    fn new(
        channels: Vec<String>,
        signatures: Vec<String>,
        columns: Vec<Vec<f64>>,
    ) -> Result<Self, String> {
        for (kind, names) in [("channel", &channels), ("signature", &signatures)] {
            if names.is_empty() {
                return Err(format!("no {kind}"));
            }
            let mut sorted: Vec<&String> = names.iter().collect();
            sorted.sort_unstable();
            if let Some((twice, _)) =
                sorted.iter().zip(&sorted[1..]).find(|(one, next)| one == next)
            {
                return Err(format!("the {kind} `{twice}` twice"));
            }
        }
        let lengths: Vec<f64> = columns.iter().map(|column| dot(column, column).sqrt()).collect();
        if let Some(zero) = lengths.iter().position(|&length| length <= 0.0) {
            return Err(format!("zeros alone for `{}`", signatures[zero]));
        }
        if let Some(large) = lengths.iter().position(|length| !length.is_finite()) {
            return Err(format!(
                "shares of `{}` that are too large to be squared",
                signatures[large]
            ));
        }
        let gram = columns.iter().zip(&lengths).map(|(one, length)| {
            let product = |(other, width): (&Vec<f64>, &f64)| dot(one, other) / (length * width);
            columns.iter().zip(&lengths).map(product).collect()
        });
        let gram = gram.collect();
        Ok(Self { channels, signatures, columns, lengths, gram })
    }

    /// The names of the channels, in order.
    #[must_use]
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// The names of the signatures, in order.
    #[must_use]
    pub fn signatures(&self) -> &[String] {
        &self.signatures
    }

    /// The same matrix with its channels in another order; `None` unless it has just those.
    #[must_use]
    pub fn with_channels(&self, channels: &[String]) -> Option<Self> {
        let places: HashMap<&str, usize> =
            self.channels.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        let order: Option<Vec<usize>> =
            channels.iter().map(|channel| places.get(channel.as_str()).copied()).collect();
        let order = order.filter(|order| order.len() == self.channels.len())?;
        let columns =
            self.columns.iter().map(|column| order.iter().map(|&place| column[place]).collect());
        Self::new(channels.to_vec(), self.signatures.clone(), columns.collect()).ok()
    }
}
