//! The names that records give as numbers.

use std::collections::{BTreeMap, HashSet};

use super::values::Value;
use crate::{
    header::{FIXED_COLUMNS, attribute},
    lines::fields,
};

/// The names that records give as numbers.
#[derive(Default)]
pub(super) struct Dictionaries {
    pub(super) contigs: Dictionary,
    /// The ids of FILTER, INFO and FORMAT.
    pub(super) keys: Dictionary,
    pub(super) samples: usize,
}

#[derive(Default)]
pub(super) struct Dictionary {
    names: BTreeMap<usize, Vec<u8>>,
    known: HashSet<Vec<u8>>,
}

impl Dictionary {
    /// An id has the number `IDX`, else the next one, and where it comes again the one it had.
    fn add(&mut self, attributes: &str) {
        let Some(id) = attribute(attributes, "ID").map(|id| id.as_bytes().to_vec()) else { return };
        let given = attribute(attributes, "IDX").and_then(|index| index.parse().ok());
        if self.known.insert(id.clone()) || given.is_some() {
            let next = self.names.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
            self.names.insert(given.unwrap_or(next), id);
        }
    }

    pub(super) fn get(&self, index: i32) -> Option<&[u8]> {
        self.names.get(&usize::try_from(index).ok()?).map(Vec::as_slice)
    }
}

impl Dictionaries {
    pub(super) fn read(header: &[u8]) -> Self {
        let mut dictionaries = Self::default();
        dictionaries.keys.add("ID=PASS,IDX=0");
        for line in header.split(|&byte| byte == b'\n') {
            if line.starts_with(b"#CHROM") {
                dictionaries.samples = fields(line).skip(FIXED_COLUMNS + 1).count();
            }
            let line = String::from_utf8_lossy(line);
            match line.strip_prefix("##").and_then(|meta| meta.split_once('=')) {
                Some(("contig", attributes)) => dictionaries.contigs.add(attributes),
                Some(("FILTER" | "INFO" | "FORMAT", attributes)) => {
                    dictionaries.keys.add(attributes);
                }
                _ => {}
            }
        }
        dictionaries
    }

    /// The name that a value stands for.
    pub(super) fn key(&self, value: Value<'_>) -> Option<&[u8]> {
        self.keys.get(value.numbers().next()?.whole()?)
    }
}
