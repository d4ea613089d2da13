//! Channels in Pipe mode: a FIFO through which the platform sends all objects of a channel, one
//! after the other. An aligned table is read from its end, so it goes to disk first.

use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use fs_err::File;
use tempfile::NamedTempFile;

use crate::{Error, Root};

/// How long the platform may take to make a FIFO.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// What a Parquet file begins and ends with.
const MAGIC: &[u8] = b"PAR1";

/// The first pass over a channel as a file, which is gone when the value is dropped.
pub(crate) fn spool(root: &Root, channel: &str) -> Result<NamedTempFile, Error> {
    spool_within(root, channel, LONGEST_WAIT)
}

fn spool_within(root: &Root, channel: &str, wait: Duration) -> Result<NamedTempFile, Error> {
    let fifo = root.fifo(channel);
    let mut source = open(&fifo, wait)?;
    let folder = root.output();
    fs_err::create_dir_all(&folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(&format!(".{channel}-"))
        .suffix(".parquet")
        .tempfile_in(&folder)?;
    let problem = copy(&mut source, &mut BufWriter::new(&mut file))?;
    tracing::info!(channel, bytes = file.as_file().metadata()?.len(), "read a pipe");
    match problem {
        None => Ok(file),
        Some(found) => Err(Error::Pipe { path: fifo, found }),
    }
}

/// Opens a FIFO that may not be there yet, and waits for its writer.
fn open(fifo: &Path, wait: Duration) -> Result<File, Error> {
    let start = Instant::now();
    loop {
        match File::open(fifo) {
            Ok(file) => return Ok(file),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            Err(_) if start.elapsed() >= wait => {
                let found = "no such pipe, although the job says that the channel has one";
                return Err(Error::Pipe { path: fifo.to_owned(), found });
            }
            Err(_) => std::thread::sleep(BETWEEN_LOOKS),
        }
    }
}

/// Copies everything, and says what makes it anything but one Parquet file. Objects are sent without
/// a gap, so that the end of one table and the beginning of the next are neighbours.
fn copy(source: &mut impl Read, target: &mut impl Write) -> std::io::Result<Option<&'static str>> {
    let mut buffer = vec![0; 1 << 16];
    // The last bytes of what came before, in which the seam of two tables may begin.
    let mut window: Vec<u8> = Vec::new();
    let (mut first, mut seam) = (true, false);
    let mut begins_well = false;
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        target.write_all(&buffer[..count])?;
        window.extend_from_slice(&buffer[..count]);
        if first && window.len() >= MAGIC.len() {
            (first, begins_well) = (false, window.starts_with(MAGIC));
        }
        let whole = [MAGIC, MAGIC].concat();
        seam |= window.windows(whole.len()).any(|bytes| bytes == whole);
        let kept = window.len().saturating_sub(whole.len() - 1);
        window.drain(..kept);
    }
    target.flush()?;
    let ends_well = window.ends_with(MAGIC);
    Ok(match (first && window.is_empty(), begins_well && ends_well, seam) {
        (true, ..) => Some("nothing came through the pipe"),
        (_, _, true) => Some("several tables came through the pipe"),
        (_, false, _) => Some("what came through the pipe is not one Parquet file"),
        (_, true, false) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn fifo(path: &Path) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    // Contract: train.pipe
    #[test]
    fn a_pipe_that_comes_late_is_waited_for_and_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let path = root.fifo("train");
        let mut content = b"PAR1".to_vec();
        content.extend((0..300_000_u32).flat_map(u32::to_le_bytes));
        content.extend(b"PAR1");
        let sent = content.clone();
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            fifo(&path);
            std::thread::sleep(Duration::from_millis(100));
            fs_err::write(&path, sent).unwrap();
        });
        let file = spool(&root, "train").unwrap();
        writer.join().unwrap();
        assert!(fs_err::read(file.path()).unwrap() == content);
        let path = file.path().to_owned();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_pipe_that_never_comes_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let error = spool_within(&root, "train", Duration::from_millis(150)).unwrap_err();
        assert!(error.to_string().contains("train_0: no such pipe"), "{error}");
    }

    // Contract: train.pipe_content
    #[test]
    fn what_is_not_one_table_is_told_from_one() {
        for (text, expected) in [
            ("PAR1xxPAR1", None),
            ("", Some("nothing came")),
            ("PAR1", None),
            ("PAR1aPAR1PAR1bPAR1", Some("several tables")),
            ("[network]\nPAR1aPAR1", Some("not one Parquet")),
            ("PAR1aPAR1[network]", Some("not one Parquet")),
            ("PA", Some("not one Parquet")),
        ] {
            // A byte at a time, so that every seam lies between two reads.
            struct Slow<'a>(&'a [u8]);
            impl Read for Slow<'_> {
                fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                    let count = self.0.len().min(1);
                    buffer[..count].copy_from_slice(&self.0[..count]);
                    self.0 = &self.0[count..];
                    Ok(count)
                }
            }
            let mut copied = Vec::new();
            let found = copy(&mut Slow(text.as_bytes()), &mut copied).unwrap();
            assert_eq!(copied, text.as_bytes());
            let fits = match (found, expected) {
                (None, None) => true,
                (Some(found), Some(expected)) => found.contains(expected),
                _ => false,
            };
            assert!(fits, "{text}: {found:?}");
        }
    }
}
