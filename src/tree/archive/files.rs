//! The files of an archive in memory, as a file system. Links are followed as in a chroot, so nothing outside is read.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::fs::file::{Attributes, Contents, FileError};

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// Files by their path from the root directory of the host, such as `/etc/kubernetes/pki/ca.crt`.
#[derive(Debug, Default)]
pub(super) struct ArchiveFiles {
    nodes: BTreeMap<PathBuf, ArchiveNode>,
}

/// An entry of the file system.
#[derive(Clone, Debug)]
pub(super) enum ArchiveNode {
    Directory(Attributes),
    File(Rc<StoredFile>),
    /// A symbolic link, with its target.
    Link(PathBuf, Attributes),
    /// Something that has no contents; why.
    Other(&'static str, Attributes),
}

/// A file of an archive.
pub(super) struct StoredFile {
    /// The contents; `None` if they are larger than the limit for a file.
    pub(super) bytes: Option<Zeroizing<Vec<u8>>>,
    /// The size, bytes.
    pub(super) size: u64,
    pub(super) attributes: Attributes,
    /// The number of its names in the archive.
    pub(super) links: Cell<u64>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ResolvedNode {
    Directory(PathBuf),
    File(PathBuf),
    /// There is nothing at this path; whether a link led there.
    Missing(PathBuf, bool),
}

/// The attributes of a directory that has no entry of its own.
const IMPLIED_DIRECTORY: Attributes = Attributes {
    mode: 0o755,
    uid: 0,
    gid: 0,
};

impl ArchiveFiles {
    /// Adds an entry; a later one replaces an earlier one, as when an archive is unpacked.
    pub(super) fn insert(&mut self, path: PathBuf, node: ArchiveNode) {
        for parent in path.ancestors().skip(1) {
            let implied = || ArchiveNode::Directory(IMPLIED_DIRECTORY);
            self.nodes
                .entry(parent.to_path_buf())
                .or_insert_with(implied);
        }
        self.nodes.insert(path, node);
    }

    pub(super) fn node(&self, path: &Path) -> Option<&ArchiveNode> {
        self.nodes.get(path)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the real location of an absolute path, with its links followed.
    pub(super) fn resolve(&self, path: &Path) -> Result<ResolvedNode, FileError> {
        let mut pending = names(path);
        let mut current = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = pending.pop() {
            if name == ".." {
                current.pop();
                continue;
            }
            let next = current.join(&name);
            match self.nodes.get(&next) {
                Some(ArchiveNode::Link(target, _)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        let what = "too many levels of symbolic links";
                        return Err(FileError::unexpected("following the link", path, what));
                    }
                    if target.has_root() {
                        current = PathBuf::from("/");
                    }
                    pending.extend(names(target));
                }
                Some(ArchiveNode::Directory(_)) => current = next,
                Some(_) if pending.is_empty() => return Ok(ResolvedNode::File(next)),
                Some(_) | None => {
                    // `join` would add a slash for an empty path.
                    let rest = pending.iter().rev().map(OsString::as_os_str);
                    let missing = next.iter().chain(rest).collect();
                    return Ok(ResolvedNode::Missing(missing, links > 0));
                }
            }
        }
        Ok(ResolvedNode::Directory(current))
    }
}

impl ArchiveNode {
    pub(super) fn attributes(&self) -> Attributes {
        match self {
            ArchiveNode::File(file) => file.attributes,
            ArchiveNode::Directory(attributes)
            | ArchiveNode::Link(_, attributes)
            | ArchiveNode::Other(_, attributes) => *attributes,
        }
    }

    /// Returns the contents of a file of at most `limit` bytes; `path` is its name in errors.
    pub(super) fn contents(&self, path: &Path, limit: u64) -> Result<Contents, FileError> {
        let refuse = |what: String| FileError::unexpected("reading", path, what);
        let file = match self {
            ArchiveNode::File(file) => file,
            ArchiveNode::Directory(_) => {
                return Err(refuse("it is a directory, want a file".to_owned()));
            }
            ArchiveNode::Link(..) => {
                return Err(refuse("it is a symbolic link, want a file".to_owned()));
            }
            ArchiveNode::Other(what, _) => return Err(refuse((*what).to_owned())),
        };
        match &file.bytes {
            Some(bytes) if file.size <= limit => Ok(Contents {
                bytes: bytes.clone(),
                attributes: file.attributes,
                links: file.links.get(),
            }),
            _ => Err(refuse(format!(
                "it has {} bytes, the limit is {limit}",
                file.size
            ))),
        }
    }
}

impl std::fmt::Debug for StoredFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It may hold a private key.
        f.debug_struct("StoredFile")
            .field("size", &self.size)
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

/// Returns the names of a path, the last one first.
fn names(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut names: Vec<_> = names.collect();
    names.reverse();
    names
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn files(links: &[(&str, &str)], files: &[&str]) -> ArchiveFiles {
        let mut archive = ArchiveFiles::default();
        for (name, target) in links {
            let link = ArchiveNode::Link(PathBuf::from(target), IMPLIED_DIRECTORY);
            archive.insert(PathBuf::from(name), link);
        }
        for name in files {
            let file = ArchiveNode::Other("empty", IMPLIED_DIRECTORY);
            archive.insert(PathBuf::from(name), file);
        }
        archive
    }

    #[test]
    fn links_are_followed_as_in_a_chroot() {
        let files = files(
            &[
                ("/a/relative", "../b/file"),
                ("/a/absolute", "/b/file"),
                ("/a/above", "../../../../b/file"),
                ("/a/directory", "/b"),
                ("/a/nowhere", "/etc/shadow"),
            ],
            &["/b/file"],
        );
        let resolve = |path: &str| files.resolve(Path::new(path)).unwrap();
        for path in [
            "/a/relative",
            "/a/absolute",
            "/a/above",
            "/a/directory/file",
        ] {
            assert_eq!(
                resolve(path),
                ResolvedNode::File("/b/file".into()),
                "{path}"
            );
        }
        assert_eq!(
            resolve("/a/directory"),
            ResolvedNode::Directory("/b".into())
        );
        let missing = |path: &str, is_link| ResolvedNode::Missing(path.into(), is_link);
        assert_eq!(resolve("/a/nowhere"), missing("/etc/shadow", true));
        assert_eq!(resolve("/c/d"), missing("/c/d", false));
        assert_eq!(resolve("/b/file/d"), missing("/b/file/d", false));
    }

    #[test]
    fn a_loop_of_links_ends_with_an_error() {
        let files = files(&[("/a", "b"), ("/b", "/a")], &[]);
        let error = files.resolve(Path::new("/a/x")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "following the link `/a/x`: too many levels of symbolic links"
        );
    }
}
