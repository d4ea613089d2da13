//! JPEG 2000 codestreams (ISO/IEC 15444-1), and those of high throughput (15444-15).

use dicom_toolkit_jpeg2000::{DecodeSettings, Image};

use super::codec::Samples;

/// What the first marker segment of a codestream says of the image.
struct Size {
    columns: usize,
    rows: usize,
    components: u16,
    bits: u32,
    signed: bool,
    high_throughput: bool,
}

/// Decodes a codestream, also one that is wrapped in a file, of one component.
///
/// # Errors
/// When the stream is broken or holds another image.
pub(super) fn decode(stream: &[u8], rows: usize, columns: usize) -> Result<Samples, String> {
    const START: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];
    let start = stream.windows(4).position(|bytes| bytes == START).ok_or("no codestream")?;
    let stream = &stream[start..];
    let size = Size::of(stream).ok_or("the codestream is cut off")?;
    if (size.rows, size.columns, size.components) != (rows, columns, 1) {
        return Err(format!(
            "expected {columns} x {rows} pixels of one sample, found {} x {} of {}",
            size.columns, size.rows, size.components
        ));
    }
    if !(1..=16).contains(&size.bits) {
        return Err(format!("expected samples of up to 16 bits, found {}", size.bits));
    }
    let pixels: Vec<i32> =
        if size.high_throughput { high_throughput(stream, &size)? } else { part_1(stream)? };
    if pixels.len() != rows * columns {
        return Err(format!("expected {} pixels, found {}", rows * columns, pixels.len()));
    }
    let bytes = pixels.iter().flat_map(|pixel| {
        let [low, high, ..] = pixel.to_le_bytes();
        [low, high]
    });
    Ok(Samples {
        bytes: bytes.collect(),
        bits_allocated: 16,
        stream: Some((size.bits, size.signed)),
    })
}

fn part_1(stream: &[u8]) -> Result<Vec<i32>, String> {
    let mut image = rust_j2k::decode(stream).map_err(|error| error.to_string())?;
    Ok(image.components.swap_remove(0).samples)
}

fn high_throughput(stream: &[u8], size: &Size) -> Result<Vec<i32>, String> {
    let image =
        Image::new(stream, &DecodeSettings::default()).map_err(|error| error.to_string())?;
    let decoded = image.decode_native().map_err(|error| error.to_string())?;
    // The decoder raises samples by half their range, which only unsigned ones were lowered by.
    let raised = if size.signed { 1 << (size.bits - 1) } else { 0 };
    if decoded.bytes_per_sample == 1 {
        return Ok(decoded.data.iter().map(|&byte| i32::from(byte) - raised).collect());
    }
    let words = decoded.data.as_chunks::<2>().0.iter();
    Ok(words.map(|&pair| i32::from(u16::from_le_bytes(pair)) - raised).collect())
}

impl Size {
    /// The SIZ marker segment, which comes first (A.5.1); `None` where it is cut off or empty.
    fn of(stream: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = stream.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(bytes)).ok()
        };
        let depth = *stream.get(42)?;
        Some(Self {
            columns: number(8)?.checked_sub(number(16)?)?,
            rows: number(12)?.checked_sub(number(20)?)?,
            components: u16::from_be_bytes(stream.get(40..42)?.try_into().ok()?),
            bits: u32::from(depth & 0x7f) + 1,
            signed: depth & 0x80 != 0,
            // Bit 14 of the capabilities.
            high_throughput: stream.get(6)? & 0x40 != 0,
        })
    }
}
