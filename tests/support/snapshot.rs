//! Everything below a directory: names, kinds, modes, owners and digests, but not the bytes, which may be private keys.

use std::{
    collections::BTreeMap,
    fmt, fs,
    ops::Deref,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};

/// What a file or directory is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// The SHA-256 digest of its bytes.
    File([u8; 32]),
    /// The length of a file that is larger than a mebibyte.
    Large(u64),
    /// Where a symbolic link leads.
    Link(PathBuf),
    Directory,
    /// A FIFO, a socket or a device.
    Other,
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::File(digest) => write!(f, "file {:02x}{:02x}", digest[0], digest[1]),
            What::Large(length) => write!(f, "file of {length} bytes"),
            What::Link(target) => write!(f, "link to {}", target.display()),
            What::Directory => f.write_str("directory"),
            What::Other => f.write_str("special file"),
        }
    }
}

/// A file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) what: What,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    /// Inode and time of the last change.
    identity: (u64, i64, i64),
}

impl Entry {
    /// Returns whether both are equal, except inode and times.
    fn is_copy(&self, other: &Entry) -> bool {
        (&self.what, self.mode, self.owner) == (&other.what, other.mode, other.owner)
    }
}

/// Everything below a directory, by path.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Entry>);

impl Deref for Snapshot {
    type Target = BTreeMap<PathBuf, Entry>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Returns the SHA-256 digest of some bytes, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Takes a snapshot of what is below a directory; links are not followed.
pub(crate) fn snapshot(folder: &Path) -> Snapshot {
    let mut entries = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let kind = metadata.file_type();
            let what = if kind.is_symlink() {
                What::Link(fs::read_link(&path).unwrap())
            } else if kind.is_dir() {
                folders.push(path.clone());
                What::Directory
            } else if !kind.is_file() {
                What::Other
            } else if metadata.len() > 1 << 20 {
                What::Large(metadata.len())
            } else {
                let digest = digest(&SHA256, &fs::read(&path).unwrap());
                What::File(digest.as_ref().try_into().unwrap())
            };
            let entry = Entry {
                what,
                mode: metadata.mode() & 0o7777,
                owner: (metadata.uid(), metadata.gid()),
                identity: (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()),
            };
            entries.insert(path.strip_prefix(folder).unwrap().to_owned(), entry);
        }
    }
    Snapshot(entries)
}

impl Snapshot {
    /// Returns every path that is not what it was, as `path: made`; that of a directory ends in a slash.
    pub(crate) fn changes(&self, later: &Snapshot) -> Vec<String> {
        let paths = self
            .keys()
            .chain(later.keys().filter(|path| !self.contains_key(*path)));
        paths
            .filter_map(|path| {
                let (old, new) = (self.get(path), later.get(path));
                let change = match (old, new) {
                    (None, _) => "made",
                    (_, None) => "removed",
                    (Some(old), Some(new)) if old.what != new.what => "other contents",
                    (Some(old), Some(new)) if old.mode != new.mode => "other mode",
                    (Some(old), Some(new)) if old.owner != new.owner => "other owner",
                    (Some(old), Some(new)) if old != new => "written again",
                    _ => return None,
                };
                let is_directory = new.or(old)?.what == What::Directory;
                let slash = if is_directory { "/" } else { "" };
                Some(format!("{}{slash}: {change}", path.display()))
            })
            .collect()
    }
}

/// Returns what differs between two directories that should hold the same, one path a line.
pub(crate) fn differences(before: &Snapshot, after: &Snapshot) -> String {
    let paths = before
        .keys()
        .chain(after.keys().filter(|path| !before.contains_key(*path)));
    paths
        .filter(|path| match (before.get(*path), after.get(*path)) {
            (Some(one), Some(other)) => !one.is_copy(other),
            _ => true,
        })
        .map(|path| {
            format!(
                "{}: {:?} -> {:?}\n",
                path.display(),
                before.get(path),
                after.get(path)
            )
        })
        .collect()
}
