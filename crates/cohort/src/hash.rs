use std::{
    fmt::Write,
    io::{self, Read},
    path::{Path, PathBuf},
};

use fs_err as fs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a source was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHash {
    /// SHA-256 in lower-case hexadecimal; of a folder, see [`hash_source`].
    pub sha256: String,
    /// Bytes in the file, or in all files of the folder.
    pub size_bytes: u64,
}

/// The SHA-256 of a file in lower-case hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    hash_file(path).map(|hash| hash.sha256)
}

/// The SHA-256 of bytes in lower-case hexadecimal.
#[must_use]
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hexadecimal(Sha256::digest(bytes).as_slice())
}

/// Hashes a file, or a folder with everything below it.
///
/// The hash of a folder is the SHA-256 of one line `<sha256>  <relative name>\n` a file, sorted by
/// name: what `find . -type f | sort | xargs sha256sum | sha256sum` computes, but for the `./`.
///
/// # Errors
/// When the path does not exist or something below it cannot be read.
pub fn hash_source(path: &Path) -> io::Result<SourceHash> {
    if !fs::metadata(path)?.is_dir() {
        return hash_file(path);
    }
    let mut names = Vec::new();
    collect_files(path, path, &mut names)?;
    names.sort();
    let mut lines = String::new();
    let mut size_bytes = 0;
    for name in names {
        let hash = hash_file(&path.join(&name))?;
        size_bytes += hash.size_bytes;
        writeln!(lines, "{}  {}", hash.sha256, name.display())
            .expect("writing to a text does not fail");
    }
    Ok(SourceHash { sha256: sha256_bytes(lines.as_bytes()), size_bytes })
}

fn hash_file(path: &Path) -> io::Result<SourceHash> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut size_bytes = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        size_bytes += count as u64;
        hasher.update(&buffer[..count]);
    }
    Ok(SourceHash { sha256: hexadecimal(hasher.finalize().as_slice()), size_bytes })
}

fn collect_files(root: &Path, folder: &Path, names: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if fs::metadata(&path)?.is_dir() {
            collect_files(root, &path, names)?;
        } else {
            let name = path.strip_prefix(root).expect("entries lie below the folder");
            names.push(name.to_owned());
        }
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a text does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4 examples: the empty message and "abc".
    #[test]
    fn known_digests() {
        let folder = tempfile::tempdir().unwrap();
        for (text, digest) in [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            let path = folder.path().join("a");
            fs::write(&path, text).unwrap();
            assert_eq!(sha256_bytes(text.as_bytes()), digest);
            assert_eq!(sha256_file(&path).unwrap(), digest);
        }
    }

    #[test]
    fn a_folder_changes_with_any_file_or_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("b", "abc");
        write("sub/a", "");
        let first = hash_source(folder.path()).unwrap();
        assert_eq!(first.size_bytes, 3);
        // printf '%s  b\n%s  sub/a\n' (sha256 of abc) (sha256 of nothing) | sha256sum
        let lines = format!("{}  b\n{}  sub/a\n", sha256_bytes(b"abc"), sha256_bytes(b""));
        assert_eq!(first.sha256, sha256_bytes(lines.as_bytes()));
        write("sub/a", "x");
        assert_ne!(hash_source(folder.path()).unwrap(), first);
        write("sub/a", "");
        assert_eq!(hash_source(folder.path()).unwrap(), first);
        fs::rename(folder.path().join("b"), folder.path().join("c")).unwrap();
        assert_ne!(hash_source(folder.path()).unwrap(), first);
    }
}
