//! The header of NIfTI-1 and NIfTI-2.

use std::{io::Read, ops::Range};

use crate::{Error, error::aside};

/// Where a version of the format keeps what.
pub(super) struct Format {
    pub(super) header: usize,
    /// Texts, and fields that programs do not read but may have written to.
    pub(super) texts: &'static [Range<usize>],
    /// The texts among them that people write to or read.
    pub(super) named: &'static [(&'static str, Range<usize>)],
    dimensions: fn(&Header, usize) -> i64,
    pub(super) spacing: fn(&Header, usize) -> f64,
    offset: fn(&Header) -> f64,
    bits: usize,
}

pub(super) const VERSION_1: Format = Format {
    header: 348,
    // data_type, db_name, extents and session_error; descrip, aux_file; intent_name.
    texts: &[4..38, 148..252, 328..344],
    named: &[
        ("data_type", 4..14),
        ("db_name", 14..32),
        ("descrip", 148..228),
        ("aux_file", 228..252),
        ("intent_name", 328..344),
    ],
    dimensions: |header, axis| i64::from(i16::from_ne_bytes(header.number(40 + 2 * axis))),
    spacing: |header, axis| f64::from(f32::from_ne_bytes(header.number(76 + 4 * axis))),
    offset: |header| f64::from(f32::from_ne_bytes(header.number(108))),
    bits: 72,
};

pub(super) const VERSION_2: Format = Format {
    header: 540,
    // descrip, aux_file; intent_name; what is not used at the end.
    texts: &[240..344, 508..524, 525..540],
    named: &[("descrip", 240..320), ("aux_file", 320..344), ("intent_name", 508..524)],
    dimensions: |header, axis| i64::from_ne_bytes(header.number(16 + 8 * axis)),
    spacing: |header, axis| f64::from_ne_bytes(header.number(104 + 8 * axis)),
    offset: |header| i64::from_ne_bytes(header.number(168)) as f64,
    bits: 14,
};

pub(super) struct Header {
    pub(super) bytes: Vec<u8>,
    swapped: bool,
    pub(super) format: Format,
}

impl Header {
    /// Bytes of a number in this machine's order.
    fn number<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes: [u8; N] = self.bytes[at..at + N].try_into().expect("it lies in the header");
        if self.swapped {
            bytes.reverse();
        }
        bytes
    }

    fn put<const N: usize>(&mut self, at: usize, mut bytes: [u8; N]) {
        if self.swapped {
            bytes.reverse();
        }
        self.bytes[at..at + N].copy_from_slice(&bytes);
    }

    /// Reads the header of one file that holds the voxels, too.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, Error> {
        let header = Self::read_any(reader)?;
        if !header.is_single() {
            return Err(aside(
                "pair",
                "the voxels are in another file, or this is Analyze 7.5; convert it to one `.nii.gz`",
            ));
        }
        Ok(header)
    }

    /// Reads the header of one file, of a pair or of Analyze 7.5.
    pub(super) fn read_any(reader: &mut impl Read) -> Result<Self, Error> {
        let broken = |_| aside("broken", "the file ends within its header; copy it again");
        let mut bytes = vec![0; 348];
        reader.read_exact(&mut bytes).map_err(broken)?;
        let size = i32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"));
        let (format, swapped) = match (size, size.swap_bytes()) {
            (348, _) => (VERSION_1, false),
            (_, 348) => (VERSION_1, true),
            (540, _) => (VERSION_2, false),
            (_, 540) => (VERSION_2, true),
            _ => return Err(aside("broken", "this is no header of NIfTI")),
        };
        let mut rest = vec![0; format.header - bytes.len()];
        reader.read_exact(&mut rest).map_err(broken)?;
        bytes.extend(rest);
        Ok(Self { bytes, swapped, format })
    }

    /// Whether the voxels are in the same file.
    pub(super) fn is_single(&self) -> bool {
        let magic =
            if self.format.header == 348 { &self.bytes[344..348] } else { &self.bytes[4..8] };
        matches!(magic, b"n+1\0" | b"n+2\0")
    }

    /// A number of an extension, which is written in the header's order.
    pub(super) fn number_of(&self, bytes: [u8; 4]) -> i32 {
        let number = i32::from_ne_bytes(bytes);
        if self.swapped { number.swap_bytes() } else { number }
    }

    /// The lengths of the axes.
    pub(super) fn shape(&self) -> Result<Vec<u64>, Error> {
        let dimension = |axis| (self.format.dimensions)(self, axis);
        let axes = usize::try_from(dimension(0)).ok().filter(|axes| (1..=7).contains(axes));
        let shape: Option<Vec<u64>> = axes
            .and_then(|axes| (1..=axes).map(|axis| u64::try_from(dimension(axis)).ok()).collect());
        shape.ok_or_else(|| aside("broken", "the header's dimensions cannot be"))
    }

    pub(super) fn bits_per_voxel(&self) -> u64 {
        u64::from(u16::from_ne_bytes(self.number(self.format.bits)))
    }

    pub(super) fn voxel_bytes(&self) -> Result<u64, Error> {
        let product = self
            .shape()?
            .iter()
            .try_fold(self.bits_per_voxel(), |product, &length| product.checked_mul(length));
        let bits = product.filter(|&bits| bits > 0);
        bits.map(|bits| bits.div_ceil(8))
            .ok_or_else(|| aside("broken", "the header's dimensions cannot be"))
    }

    /// How many bytes of extensions stand before the voxels.
    pub(super) fn extension_bytes(&self) -> Result<u64, Error> {
        let offset = (self.format.offset)(self);
        let least = self.format.header as f64;
        if !(offset.is_finite() && offset >= least && offset < 4e9) {
            return Err(aside("broken", "the header says that the voxels begin within it"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        Ok((offset - least) as u64)
    }

    /// Empties the texts and moves the voxels to just behind the header. Returns how many texts there
    /// were.
    pub(super) fn clear(&mut self) -> u64 {
        let mut cleared = 0;
        for range in self.format.texts {
            let text = &mut self.bytes[range.clone()];
            cleared += u64::from(text.iter().any(|&byte| byte != 0));
            text.fill(0);
        }
        if self.format.header == 348 {
            self.put(108, 352_f32.to_ne_bytes());
        } else {
            self.put(168, 544_i64.to_ne_bytes());
        }
        cleared
    }
}
