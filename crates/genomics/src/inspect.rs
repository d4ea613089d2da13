//! What a genomic file is and says, by its content and never by its name.

mod caller;
mod kind;
mod table;
mod vcf;

use std::{
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use fs_err::File;
use serde::Serialize;

use crate::{Error, build::Inference, lines::Lines};

pub use caller::Caller;
pub use kind::FileKind;
pub use table::TableSummary;
pub use vcf::{SampleColumn, VcfSummary};

/// What a file is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Plain text.
    None,
    /// gzip, which cannot be read from the middle.
    Gzip,
    /// BGZF, the gzip of blocks that `bgzip` writes.
    Bgzf,
    /// The binary form of VCF, in BGZF or bare.
    Bcf,
}

/// What a file is and says.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes, as it lies on disk.
    pub bytes: u64,
    /// What it is.
    pub kind: FileKind,
    /// What it is compressed with.
    pub compression: Compression,
    /// The genome build of its coordinates; `None` for a file without any.
    pub build: Option<Inference>,
    /// What a VCF says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcf: Option<VcfSummary>,
    /// What a table says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<TableSummary>,
}

/// Reads a whole file and tells what it is and says.
///
/// # Errors
/// When the file cannot be opened, read or decompressed; never for what its lines hold.
pub fn inspect(path: &Path) -> Result<Inspection, Error> {
    let mut lines = Lines::open(path)?;
    let compression = compression(path)?;
    let mut head = Vec::new();
    let mut ended = false;
    while head.len() < kind::LINES {
        let Some(line) = lines.next()? else {
            ended = true;
            break;
        };
        head.push(line.to_vec());
    }
    let kind = kind::of(&head);
    let mut inspection = Inspection {
        path: path.to_owned(),
        bytes: fs_err::metadata(path)?.len(),
        kind,
        compression,
        build: None,
        vcf: None,
        table: None,
    };
    if kind == FileKind::Vcf {
        let mut reading = vcf::Reading::default();
        for (number, line) in (1..).zip(&head) {
            reading.line(number, line);
        }
        while !ended && lines.next()?.is_some() {
            reading.line(lines.number(), lines.line());
        }
        let (summary, build) = reading.finish(path, lines.is_whole());
        inspection.vcf = Some(summary);
        inspection.build = Some(build);
    } else {
        let mut reading = table::Reading::new(kind, &head);
        for line in &head {
            reading.line(line);
        }
        while !ended && lines.next()?.is_some() {
            reading.line(lines.line());
        }
        let (summary, build) = reading.finish();
        inspection.table = Some(summary);
        inspection.build = build;
    }
    Ok(inspection)
}

/// Finds the compression from the first bytes.
fn compression(path: &Path) -> Result<Compression, Error> {
    let mut file = File::open(path)?;
    let mut head = Vec::with_capacity(18);
    file.by_ref().take(18).read_to_end(&mut head)?;
    if head.starts_with(b"BCF\x02") {
        return Ok(Compression::Bcf);
    }
    if !head.starts_with(&[0x1f, 0x8b]) {
        return Ok(Compression::None);
    }
    file.rewind()?;
    let mut magic = Vec::with_capacity(4);
    // What cannot be decompressed was an error before, when its lines were read.
    let unpacked = MultiGzDecoder::new(file).take(4).read_to_end(&mut magic);
    if unpacked.is_ok() && magic == b"BCF\x02" {
        return Ok(Compression::Bcf);
    }
    // The extra field BC makes gzip BGZF (SAM specification, section 4.1).
    let is_bgzf = head.len() == 18 && head[3] & 4 != 0 && &head[12..14] == b"BC";
    Ok(if is_bgzf { Compression::Bgzf } else { Compression::Gzip })
}

#[cfg(test)]
mod tests;
