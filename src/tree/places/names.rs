//! The names of directories in journals and manifests.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::Places;
use crate::fs::file::FileError;
use crate::tree::layout::Root;

impl Places {
    /// Returns the kubeconfig directory as a path relative to the certificates, for the journal: a tree can be moved
    /// or restored elsewhere while a transaction is pending.
    pub(crate) fn kubeconfigs_name(&self) -> Result<String, FileError> {
        let (certificates, kubeconfigs) = self.real_paths()?;
        Ok(relative_name(&certificates, &kubeconfigs))
    }

    /// Returns the certificate directory as a path relative to the kubeconfigs, for manifests.
    pub(crate) fn certificates_name(&self) -> Result<String, FileError> {
        Ok(encode(&self.relative_certificates()?))
    }

    /// Returns the certificate directory relative to the kubeconfigs.
    pub(crate) fn relative_certificates(&self) -> Result<PathBuf, FileError> {
        let (certificates, kubeconfigs) = self.real_paths()?;
        Ok(relative(&kubeconfigs, &certificates))
    }

    /// Returns the path of the certificate directory that another tree with the same kubeconfigs has.
    pub(crate) fn certificates_at(&self, relative: &Path) -> Result<PathBuf, FileError> {
        let (_, kubeconfigs) = self.real_paths()?;
        Ok(self.path_at(kubeconfigs, relative))
    }

    /// Returns the path of a directory that [`Places::kubeconfigs_name`] names.
    pub(crate) fn named_kubeconfigs(&self, name: &str) -> Result<PathBuf, FileError> {
        let (certificates, _) = self.real_paths()?;
        Ok(self.path_at(certificates, &decode(name)))
    }

    /// Returns where a relative path leads from a real path below the root directory.
    fn path_at(&self, start: PathBuf, relative: &Path) -> PathBuf {
        let mut path = start;
        for part in relative {
            match part == ".." {
                true => _ = path.pop(),
                false => path.push(part),
            }
        }
        match &self.layout.rootfs {
            Some(rootfs) => rootfs.join(path.strip_prefix("/").unwrap_or(&path)),
            None => path,
        }
    }

    /// Returns the real paths of certificates and kubeconfigs, below the root directory.
    fn real_paths(&self) -> Result<(PathBuf, PathBuf), FileError> {
        let real = |root| -> Result<PathBuf, FileError> {
            let position = self.position(root)?;
            Ok(position.map_or_else(
                || self.layout.directory(root),
                |position| position.path_from_root(),
            ))
        };
        Ok((real(Root::Certificates)?, real(Root::Kubeconfigs)?))
    }
}

/// Returns the name of a directory for another one; both paths are absolute and without links.
pub(crate) fn relative_name(from: &Path, to: &Path) -> String {
    encode(&relative(from, to))
}

/// Returns the relative path from one directory to another; both are absolute and without links.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.iter().zip(to).take_while(|(one, other)| one == other);
    let common = common.count();
    let up = from.iter().skip(common).map(|_| OsStr::new(".."));
    let way: PathBuf = up.chain(to.iter().skip(common)).collect();
    match way.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => way,
    }
}

/// Returns a path as unambiguous text: writes bytes that are not UTF-8, and backslashes, as `\xNN`.
fn encode(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', r"\x5c"));
        for byte in chunk.invalid() {
            text.push_str(&format!(r"\x{byte:02x}"));
        }
    }
    text
}

/// Returns the path that [`encode`] wrote.
fn decode(text: &str) -> PathBuf {
    let mut parts = text.split(r"\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        match (code, part.get(2..)) {
            (Some(byte), Some(rest)) => {
                bytes.push(byte);
                bytes.extend(rest.as_bytes());
            }
            // It was not written by `encode`.
            _ => bytes.extend(format!(r"\x{part}").as_bytes()),
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_named_by_relative_paths() {
        for (from, to, way) in [
            ("/etc/kubernetes/pki", "/etc/kubernetes", ".."),
            ("/etc/kubernetes", "/etc/kubernetes/pki", "pki"),
            (
                "/var/lib/certs",
                "/etc/kubernetes",
                "../../../etc/kubernetes",
            ),
            ("/a/pki", "/a/b", "../b"),
            ("/a", "/a", "."),
        ] {
            assert_eq!(
                relative(Path::new(from), Path::new(to)),
                Path::new(way),
                "{from} {to}"
            );
        }
    }

    #[test]
    fn paths_that_are_not_utf_8_have_different_names() {
        use std::os::unix::ffi::OsStrExt;
        let encoded = |bytes| encode(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(encoded(b"a/b"), "a/b");
        assert_eq!(encoded(b"a\xff"), r"a\xff");
        assert_ne!(encoded(b"a\xff"), encoded(br"a\xff"));
        for path in [&b"a/b"[..], b"a\xff", br"c\d", br"a\xff", b"\xff\xfe/"] {
            let path = Path::new(OsStr::from_bytes(path));
            assert_eq!(decode(&encode(path)), path);
        }
        assert_eq!(decode(r"a\xg"), Path::new(r"a\xg"));
    }
}
