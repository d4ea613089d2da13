//! How much memory there is.

use std::path::Path;

/// The bytes of all files below a folder.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs_err::read_dir(folder) else { return 0 };
    let of = |entry: fs_err::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => folder_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// The memory that the process may still take: what the machine has left, or its control group.
/// `None` where the system does not say.
pub(crate) fn free_bytes() -> Option<u64> {
    let of_machine = available(&fs_err::read_to_string("/proc/meminfo").ok()?);
    let number = |path: &str| fs_err::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let group = |limit: &str, used: &str| Some(number(limit)?.saturating_sub(number(used)?));
    let of_group =
        group("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current").or_else(|| {
            group(
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            )
        });
    of_machine.into_iter().chain(of_group).min()
}

/// `MemAvailable` of `/proc/meminfo`, which counts in kB of 1024 bytes.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_figures_are_read() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:     12 kB\nX: 1\n"), Some(12 << 10));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
        assert!(free_bytes().is_none_or(|free| free > 1 << 20));
    }

    #[test]
    fn a_folder_counts_with_all_below_it() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("a")).unwrap();
        fs_err::write(folder.path().join("a/b"), [0; 300]).unwrap();
        fs_err::write(folder.path().join("c"), [0; 40]).unwrap();
        assert_eq!(folder_bytes(folder.path()), 340);
        assert_eq!(folder_bytes(&folder.path().join("none")), 0);
    }
}
