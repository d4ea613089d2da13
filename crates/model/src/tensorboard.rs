//! TensorBoard's event files: records of length, checksum, content and checksum, each content one
//! `Event` message in protocol buffers. Only what scalars take is written.
//!
//! The layout is that of `tensorflow/core/lib/io/record_writer.h` and `core/util/event.proto`.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// One run's event file.
pub(crate) struct EventFile {
    file: File,
}

impl EventFile {
    /// Begins a file in a folder. What an earlier file of the folder says about `first_step` and
    /// later ones no longer counts, so that a resumed run shows no step twice.
    pub(crate) fn create(folder: &Path, first_step: usize) -> Result<Self, io::Error> {
        fs_err::create_dir_all(folder)?;
        let seconds = now().floor();
        let mut number = 0;
        let mut path = folder.join(format!("events.out.tfevents.{seconds:.0}.oncoweave.0"));
        while path.exists() {
            number += 1;
            path.set_file_name(format!("events.out.tfevents.{seconds:.0}.oncoweave.{number}"));
        }
        let file = fs_err::File::create(path)?.into_parts().0;
        let mut events = Self { file };
        let version = field_bytes(3, b"brain.Event:2");
        events.write(&event(0, &version))?;
        let session_start = field_bytes(7, &field_varint(1, 1));
        events.write(&event(first_step, &session_start))?;
        Ok(events)
    }

    /// Writes scalars of one step.
    pub(crate) fn scalars(
        &mut self,
        step: usize,
        values: &[(String, f64)],
    ) -> Result<(), io::Error> {
        let value = |(tag, value): &(String, f64)| {
            #[expect(clippy::cast_possible_truncation, reason = "the format holds float32")]
            let number = (*value as f32).to_le_bytes();
            let mut message = field_bytes(1, tag.as_bytes());
            message.push(2 << 3 | 5); // field 2, 32 bits
            message.extend(number);
            field_bytes(1, &message)
        };
        let summary: Vec<u8> = values.iter().flat_map(value).collect();
        self.write(&event(step, &field_bytes(5, &summary)))?;
        self.file.flush()
    }

    fn write(&mut self, content: &[u8]) -> Result<(), io::Error> {
        let length = (content.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_checksum(&length).to_le_bytes());
        record.extend(content);
        record.extend(masked_checksum(content).to_le_bytes());
        self.file.write_all(&record)
    }
}

fn event(step: usize, what: &[u8]) -> Vec<u8> {
    let mut message = vec![1 << 3 | 1]; // field 1, 64 bits
    message.extend(now().to_le_bytes());
    message.extend(field_varint(2, step as u64));
    message.extend(what);
    message
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn field_varint(field: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![field << 3];
    bytes.extend(varint(value));
    bytes
}

fn field_bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![field << 3 | 2];
    bytes.extend(varint(content.len() as u64));
    bytes.extend(content);
    bytes
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_format() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(
            masked_checksum(&[0; 32]),
            0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8)
        );
    }

    #[test]
    fn numbers_are_cut_into_seven_bits() {
        // Protocol buffers' own example.
        for (value, bytes) in [(0, vec![0]), (127, vec![127]), (150, vec![0x96, 1])] {
            assert_eq!(varint(value), bytes);
        }
    }

    /// `tests/golden/model_tensorboard.py` reads such a file with TensorBoard itself; here its
    /// layout is followed by hand.
    #[test]
    fn records_follow_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), 3).unwrap();
        events.scalars(3, &[("loss/train".to_owned(), 0.5)]).unwrap();
        let path = fs_err::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let bytes = fs_err::read(path).unwrap();
        let (mut rest, mut contents) = (bytes.as_slice(), vec![]);
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let size = usize::try_from(u64::from_le_bytes(*length)).unwrap();
            assert_eq!(after[..4], masked_checksum(length).to_le_bytes());
            let content = &after[4..4 + size];
            assert_eq!(after[4 + size..8 + size], masked_checksum(content).to_le_bytes());
            contents.push(content.to_vec());
            rest = &after[8 + size..];
        }
        assert_eq!(contents.len(), 3);
        assert!(contents[0].ends_with(b"brain.Event:2"));
        assert!(contents[1].ends_with(&[2 << 3, 3, 7 << 3 | 2, 2, 1 << 3, 1]));
        let half = 0.5_f32.to_le_bytes();
        assert!(contents[2].windows(10).any(|part| part == b"loss/train"));
        assert!(contents[2].ends_with(&half));
        // A second file in the same second has another name.
        EventFile::create(folder.path(), 4).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
    }
}
