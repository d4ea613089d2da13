//! Files of a request in a folder of their own, within limits.

use std::io::{self, Read, Seek, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes};
use axum::http::StatusCode;
use zip::ZipArchive;

use crate::App;
use crate::body::{Body, append};
use crate::raw::CASE;
use crate::refusal::Refusal;

/// More files are no patient's.
const MOST_FILES: usize = 20_000;

/// A folder with the files of one request, which goes with this.
pub(crate) struct Unpacked {
    folder: tempfile::TempDir,
    /// What has been written, and may be.
    bytes: u64,
    limit_bytes: u64,
    files: usize,
}

impl Unpacked {
    fn new(limit_bytes: u64) -> Result<Self, Refusal> {
        let folder = tempfile::Builder::new().prefix("oncoweave-case-").tempdir();
        Ok(Self { folder: folder?, bytes: 0, limit_bytes, files: 0 })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a file of a name goes; its folders exist.
    fn place(&mut self, name: &str) -> Result<PathBuf, Refusal> {
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the request may have at most {MOST_FILES} files"),
            ));
        }
        let path = self.folder.path().join(inside(name).ok_or_else(|| {
            Refusal::bad("a file's name in the request leads out of its folder or is empty")
        })?);
        if path.exists() {
            return Err(Refusal::bad("two files of the request have one name"));
        }
        fs_err::create_dir_all(path.parent().unwrap_or(self.folder.path()))?;
        Ok(path)
    }

    fn count(&mut self, more: usize) -> Result<(), Refusal> {
        self.bytes += more as u64;
        if self.bytes > self.limit_bytes {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the files may have at most {} bytes unpacked", self.limit_bytes),
            ));
        }
        Ok(())
    }

    fn copy(&mut self, from: &mut dyn Read, path: &Path) -> Result<(), Refusal> {
        let mut file = fs_err::File::create_new(path)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = from.read(&mut buffer).map_err(|_| damaged())?;
            if read == 0 {
                return Ok(());
            }
            self.count(read)?;
            file.write_all(&buffer[..read])?;
        }
    }

    /// Unpacks an archive below a folder, its own folders kept.
    fn unzip<R: Read + Seek>(&mut self, archive: R, below: &str) -> Result<(), Refusal> {
        let mut archive = ZipArchive::new(archive).map_err(|_| damaged())?;
        for place in 0..archive.len() {
            let mut entry = archive.by_index(place).map_err(|_| damaged())?;
            if entry.is_dir() {
                continue;
            }
            if entry.is_symlink() {
                return Err(Refusal::bad("the archive holds a link; send the file itself"));
            }
            let name = format!("{below}{}", entry.name());
            let path = self.place(&name)?;
            self.copy(&mut entry, &path)?;
        }
        Ok(())
    }

    /// Unpacks what came as an archive within the request, such as a series of images, into a
    /// folder of the archive's name.
    fn unzip_nested(&mut self) -> Result<(), Refusal> {
        let mut archives = vec![];
        for entry in fs_err::read_dir(self.folder())?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
                archives.push(path);
            }
        }
        archives.sort();
        for path in archives {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let packed = fs_err::File::open(&path)?.into_file();
            fs_err::remove_file(&path)?;
            self.unzip(io::BufReader::new(packed), &format!("{name}/"))?;
        }
        Ok(())
    }
}

/// A path of a request as one below its folder; `None` where it leads elsewhere.
pub(super) fn inside(name: &str) -> Option<PathBuf> {
    let is_plain = |part: &Component| matches!(part, Component::Normal(_));
    let odd = name.contains(['\\', '\0']) || name.len() > 512;
    let path: PathBuf =
        Path::new(name).components().filter(|part| *part != Component::CurDir).collect();
    let fine =
        !odd && path.components().next().is_some() && path.components().all(|p| is_plain(&p));
    fine.then_some(path)
}

/// Unpacks an archive.
pub(crate) fn archive(body: &Body, limit_bytes: u64) -> Result<Unpacked, Refusal> {
    let mut unpacked = Unpacked::new(limit_bytes)?;
    match body {
        Body::Memory(bytes) => unpacked.unzip(io::Cursor::new(bytes.clone()), "")?,
        Body::File(file) => {
            let mut file = file.try_clone()?;
            file.rewind()?;
            unpacked.unzip(io::BufReader::new(file), "")?;
        }
    }
    unpacked.unzip_nested()?;
    Ok(unpacked)
}

/// Takes in the parts of a form: `case.json` (or a part named `case`), and files by their names.
pub(crate) async fn parts(
    app: &Arc<App>,
    content: &str,
    body: HttpBody,
) -> Result<Unpacked, Refusal> {
    let boundary = multer::parse_boundary(content)
        .map_err(|_| Refusal::bad("the content type names no boundary between the parts"))?;
    let mut form = multer::Multipart::new(body.into_data_stream(), boundary);
    let limit = app.settings.unpacked_limit_bytes;
    let mut unpacked = Unpacked::new(limit)?;
    let mut received = 0;
    while let Some(mut field) = in_time(app, form.next_field()).await? {
        let name = field.name().unwrap_or_default();
        let name = if name == "case" { CASE } else { field.file_name().unwrap_or(name) }.to_owned();
        let path = unpacked.place(&name)?;
        let mut file = fs_err::File::create_new(&path)?.into_file();
        while let Some(piece) = in_time(app, field.chunk()).await? {
            let piece: Bytes = piece;
            received += piece.len();
            if received > app.settings.body_limit_bytes {
                return Err(app.room.too_large());
            }
            unpacked.count(piece.len())?;
            file = append(file, piece).await?;
        }
    }
    tokio::task::spawn_blocking(move || {
        unpacked.unzip_nested()?;
        Ok(unpacked)
    })
    .await
    .map_err(|_| Refusal::fault())?
}

async fn in_time<T>(
    app: &App,
    read: impl Future<Output = Result<T, multer::Error>>,
) -> Result<T, Refusal> {
    let silence = std::time::Duration::from_secs(app.settings.silence_seconds);
    let Ok(read) = tokio::time::timeout(silence, read).await else {
        let reason = "the body came too slowly, send the request again";
        return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, reason));
    };
    read.map_err(|_| Refusal::bad("the parts of the body cannot be told apart"))
}

fn damaged() -> Refusal {
    Refusal::bad("the archive is damaged or packed in a way that is not read; use deflate or store")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An archive of files by name.
    pub(crate) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            let options = zip::write::SimpleFileOptions::default()
                .compression_method(zip::CompressionMethod::Deflated);
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn unpack(bytes: Vec<u8>, limit: u64) -> Result<Unpacked, u16> {
        archive(&Body::Memory(bytes.into()), limit).map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn files_stay_below_their_folder() {
        for (name, expected) in [
            ("a/b.vcf", Some("a/b.vcf")),
            ("./a", Some("a")),
            ("../a", None),
            ("a/../../b", None),
            ("/etc/passwd", None),
            ("", None),
            (".", None),
            ("a\\..\\b", None),
            ("a\0", None),
        ] {
            assert_eq!(inside(name), expected.map(PathBuf::from), "{name}");
        }
        assert_eq!(unpack(zipped(&[("../evil", b"x")]), 99).err(), Some(400));
    }

    #[test]
    fn an_archive_within_becomes_a_folder() {
        let series = zipped(&[("s/1.dcm", b"one"), ("s/2.dcm", b"two")]);
        let outer = zipped(&[("case.json", b"{}"), ("ct.zip", &series)]);
        let unpacked = unpack(outer, 10_000).unwrap();
        let read = |name: &str| fs_err::read(unpacked.folder().join(name)).unwrap();
        assert_eq!((read("case.json"), read("ct.zip/s/2.dcm")), (b"{}".to_vec(), b"two".to_vec()));
    }

    #[test]
    fn bombs_and_damage_are_refused_and_leave_nothing() {
        let bomb = zipped(&[("zeros", &vec![0; 5 << 20])]);
        assert!(bomb.len() < 100 << 10);
        assert_eq!(unpack(bomb.clone(), 1 << 20).err(), Some(413));
        assert_eq!(unpack(zipped(&[("bomb.zip", &bomb)]), 1 << 20).err(), Some(413));
        assert_eq!(unpack(bomb[..bomb.len() / 2].to_vec(), 1 << 30).err(), Some(400));
        assert_eq!(unpack(b"no archive".to_vec(), 1 << 30).err(), Some(400));
        assert_eq!(unpack(zipped(&[("a", b"1"), ("./a", b"2")]), 99).err(), Some(400));
    }
}
