//! Trees that are named on the command line, to be judged in one run.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anstream::adapter::strip_str;
use anyhow::Result;
use walkdir::WalkDir;

use super::Console;
use super::console::Buffer;
use super::failure::Invalid;
use super::input::read_input;
use crate::catalog;
use crate::check::finding::{Finding, FindingId};
use crate::cli::{NamedTreeArgs, TreeArgs};
use crate::fleet;
use crate::fs::file::FileError;

/// A tree that was named as one directory.
pub(super) struct NamedTree {
    /// The directory, as it was typed.
    pub(super) name: String,
    /// What finds the tree.
    pub(super) arguments: TreeArgs,
    /// Whether the directory of the kubelet belongs to it.
    has_kubelet: bool,
}

/// Inspects each tree on its own, several at a time, and hands the results over in their order. The messages of each are printed
/// with its name.
///
/// # Errors
/// If no tree is named, or the error of `take`.
pub(super) fn inspect<R: Send>(
    named: &NamedTreeArgs,
    console: &Console,
    inspect: impl Fn(&NamedTree, &Console) -> Result<R> + Sync,
    mut take: impl FnMut(String, Result<R>) -> Result<()>,
) -> Result<()> {
    let now = console.now;
    let work = |path: &PathBuf| {
        let messages = Buffer::default();
        let console = Console::to(now, Box::new(io::sink()), Box::new(messages.clone()));
        let result = NamedTree::at(path).and_then(|tree| inspect(&tree, &console));
        (
            path.display().to_string(),
            result,
            strip_str(&messages.text()).to_string(),
        )
    };
    let paths = paths(named, console)?;
    if paths.is_empty() {
        return Err(Invalid::new("no tree was found").into());
    }
    fleet::for_each(&paths, work, |(name, result, messages)| {
        for message in messages.lines() {
            console.pass_on(&name, message);
        }
        take(name, result)
    })
}

/// Returns the directories that are named, read from a file, or found.
fn paths(named: &NamedTreeArgs, console: &Console) -> Result<Vec<PathBuf>> {
    let mut paths = named.trees.clone();
    if let Some(file) = &named.trees_from {
        let input = read_input(file, "the names of trees", "--trees-from -")?;
        let lines = input.bytes.split(|byte| *byte == b'\n');
        let lines = lines
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty());
        paths.extend(lines.map(|line| PathBuf::from(OsStr::from_bytes(line))));
    }
    for directory in &named.recursive {
        find(directory, console, &mut paths);
    }
    Ok(paths)
}

/// A directory with one of these is taken for a tree.
const TREE_FILES: [&str; 5] = [
    "pki/ca.crt",
    "pki/apiserver.crt",
    "pki/etcd/ca.crt",
    "kubelet.conf",
    "admin.conf",
];

/// Adds the trees in a directory, in the order of their names. Links are not followed, and nothing is looked for in a tree.
fn find(directory: &Path, console: &Console, found: &mut Vec<PathBuf>) {
    let mut entries = WalkDir::new(directory).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(directory).to_path_buf();
                // The only other error is a loop of links, which are not followed.
                if let Some(error) = error.into_io_error() {
                    console.warn(&FileError::io("searching", path)(error).to_string());
                }
                continue;
            }
        };
        if !entry.file_type().is_dir() {
            continue;
        }
        let path = entry.path();
        if TREE_FILES.iter().any(|file| path.join(file).is_file()) {
            found.push(path.to_path_buf());
            entries.skip_current_dir();
        }
    }
}

impl NamedTree {
    /// Takes a root directory, `etc/kubernetes` below one, another copy of it, or a certificate directory.
    fn at(path: &Path) -> Result<NamedTree> {
        let name = path.display().to_string();
        if let Some(rootfs) = path
            .ancestors()
            .nth(2)
            .filter(|_| path.ends_with(KUBERNETES))
        {
            return Ok(NamedTree::below(name, rootfs));
        }
        if path.join(KUBERNETES).is_dir() {
            return Ok(NamedTree::below(name, path));
        }
        let pki = path.join("pki");
        let certificates = match (pki.is_dir(), path.join("ca.crt").exists()) {
            (true, _) => pki,
            (false, true) => path.to_path_buf(),
            (false, false) => {
                let what = match path.exists() {
                    true => "holds no directory `pki`",
                    false => "does not exist",
                };
                let message = format!("`{}` {what}", path.display());
                return Err(Invalid::new(message).into());
            }
        };
        Ok(NamedTree {
            arguments: TreeArgs {
                // Nothing of the machine that this runs on belongs to a copy.
                kubelet_cert_dir: Some(certificates.join("kubelet")),
                cert_dir: Some(certificates),
                ..TreeArgs::default()
            },
            has_kubelet: false,
            name,
        })
    }

    /// Returns whether a finding is about this tree. A copy of /etc/kubernetes does not hold the certificate that the kubelet rotates.
    pub(super) fn concerns(&self, finding: &Finding) -> bool {
        let is_kubelets_file = finding.row == Some(&catalog::KUBELET_CONF)
            && matches!(
                finding.id,
                FindingId::KubeletCertificateMissing
                    | FindingId::KubeconfigClientCertificateMissing
                    | FindingId::KubeconfigClientCertificateNotRead
            );
        self.has_kubelet || !is_kubelets_file
    }

    fn below(name: String, rootfs: &Path) -> NamedTree {
        let rootfs = match rootfs.as_os_str().is_empty() {
            true => Path::new("."),
            false => rootfs,
        };
        NamedTree {
            arguments: TreeArgs {
                rootfs: (rootfs != Path::new("/")).then(|| rootfs.to_path_buf()),
                ..TreeArgs::default()
            },
            has_kubelet: true,
            name,
        }
    }
}

const KUBERNETES: &str = "etc/kubernetes";
