//! Finds /etc/kubernetes in an archive.

use std::path::{Path, PathBuf};

use crate::tree::layout::{DEFAULT_KUBECONFIGS, TREE_FILES};
use crate::util::secret::quote;

/// The directory of an archive that is /etc/kubernetes, or kubeadm's certificate directory in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    /// The directory in the archive; relative, empty for the archive itself.
    directory: PathBuf,
    /// The same directory on the host.
    on_host: PathBuf,
    /// The directory in the archive that is the root directory of the host, if it can be in the archive.
    root: Option<PathBuf>,
}

/// Looks for /etc/kubernetes among the names of an archive.
#[derive(Debug, Default)]
pub(super) struct BaseSearch {
    /// Directories with that name.
    named: Shallowest,
    /// Directories with files of a tree.
    trees: Shallowest,
    /// Directories with a file `ca.crt`.
    certificates: Shallowest,
}

/// The directories with the fewest parents among those that were found.
#[derive(Debug, Default)]
struct Shallowest {
    depth: usize,
    found: Vec<PathBuf>,
}

/// How many directories an error names.
const MAX_NAMED: usize = 3;

impl BaseSearch {
    /// Takes the relative path of an entry.
    pub(super) fn take(&mut self, path: &Path, is_directory: bool) {
        let directories = path.ancestors().skip(usize::from(!is_directory));
        for directory in directories {
            let is_named = directory.ends_with("etc/kubernetes");
            if is_named || directory == Path::new("kubernetes") {
                self.named.add(directory);
            }
        }
        for file in TREE_FILES {
            let up = Path::new(file).components().count();
            if let Some(directory) = path.ancestors().nth(up).filter(|_| path.ends_with(file)) {
                self.trees.add(directory);
            }
        }
        if let Some(directory) = path.parent().filter(|_| path.ends_with("ca.crt")) {
            self.certificates.add(directory);
        }
    }

    /// Returns the directory that was found.
    ///
    /// # Errors
    /// If no directory is found, or several at the same depth.
    pub(super) fn base(self) -> Result<Base, String> {
        let pki = Path::new(DEFAULT_KUBECONFIGS).join("pki");
        for (shallowest, on_host) in [
            (self.named, Path::new(DEFAULT_KUBECONFIGS)),
            (self.trees, Path::new(DEFAULT_KUBECONFIGS)),
            (self.certificates, &pki),
        ] {
            match shallowest.found.as_slice() {
                [] => {}
                [directory] => return Ok(Base::new(directory, on_host)),
                several => {
                    let names = several.iter().take(MAX_NAMED);
                    let names: Vec<_> = names.map(|name| quote(&name.to_string_lossy())).collect();
                    let more = if several.len() > MAX_NAMED {
                        ", ..."
                    } else {
                        ""
                    };
                    return Err(format!(
                        "it holds several trees, want one: {}{more}",
                        names.join(", ")
                    ));
                }
            }
        }
        Err("it holds no copy of /etc/kubernetes".to_owned())
    }
}

impl Shallowest {
    fn add(&mut self, directory: &Path) {
        let depth = directory.components().count();
        if self.found.is_empty() || depth < self.depth {
            self.depth = depth;
            self.found = vec![directory.to_path_buf()];
        } else if depth == self.depth
            && self.found.len() <= MAX_NAMED
            && self.found.iter().all(|known| known != directory)
        {
            self.found.push(directory.to_path_buf());
        }
    }
}

impl Base {
    fn new(directory: &Path, on_host: &Path) -> Base {
        let root = directory.ancestors().nth(2);
        let root = root.filter(|_| directory.ends_with("etc/kubernetes"));
        Base {
            directory: directory.to_path_buf(),
            on_host: on_host.to_path_buf(),
            root: root.map(Path::to_path_buf),
        }
    }

    /// Returns the absolute path on the host of an entry of the archive, if it has one.
    pub(super) fn on_host(&self, path: &Path) -> Option<PathBuf> {
        if let Some(root) = &self.root {
            return Some(Path::new("/").join(path.strip_prefix(root).ok()?));
        }
        let below = path.strip_prefix(&self.directory).ok()?;
        // `join` would add a slash to the directory itself.
        Some(self.on_host.iter().chain(below).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn base(paths: &[&str]) -> Result<Base, String> {
        let mut search = BaseSearch::default();
        for path in paths {
            search.take(Path::new(path), false);
        }
        search.base()
    }

    #[test]
    fn etc_kubernetes_is_found_below_any_directory() {
        for (file, kubelets) in [
            ("etc/kubernetes/pki/ca.crt", true),
            ("backup/node1/etc/kubernetes/pki/ca.crt", false),
            ("kubernetes/pki/ca.crt", false),
            ("node1/pki/ca.crt", false),
            ("pki/ca.crt", false),
            ("ca.crt", false),
        ] {
            let base = base(&[file]).unwrap();
            let on_host = base.on_host(Path::new(file)).unwrap();
            assert_eq!(on_host, Path::new("/etc/kubernetes/pki/ca.crt"), "{file}");
            let other = base.on_host(Path::new("var/lib/kubelet/pki/x"));
            assert_eq!(other.is_some_and(|path| path.starts_with("/var")), kubelets);
        }
    }

    #[test]
    fn the_upper_tree_is_taken_and_two_side_by_side_are_refused() {
        let nested = base(&[
            "var/lib/image/etc/kubernetes/pki/ca.crt",
            "etc/pki/ca.crt",
            "etc/kubernetes/admin.conf",
        ]);
        assert_eq!(nested.unwrap().directory, Path::new("etc/kubernetes"));
        let two = base(&["node1/pki/ca.crt", "node2/admin.conf", "node1/admin.conf"]);
        assert_eq!(
            two.unwrap_err(),
            "it holds several trees, want one: `node1`, `node2`"
        );
        let key = "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY";
        let two = base(&[&format!("{key}/admin.conf"), "node/admin.conf"]);
        assert!(!two.unwrap_err().contains(key));
        assert_eq!(
            base(&["readme"]).unwrap_err(),
            "it holds no copy of /etc/kubernetes"
        );
    }
}
