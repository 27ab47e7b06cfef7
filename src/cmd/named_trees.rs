//! Trees that are named on the command line, to be judged in one run.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anstream::adapter::strip_str;
use anyhow::Result;

use super::Console;
use super::console::Buffer;
use super::failure::Invalid;
use super::input::read_input;
use crate::catalog;
use crate::check::finding::{Finding, FindingId};
use crate::cli::{NamedTreeArgs, TreeArgs};
use crate::fleet;
use crate::fs::search::{PathKind, directories_with};

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
    let work = |candidate: &Candidate| {
        let messages = Buffer::default();
        let console = Console::to(now, Box::new(io::sink()), Box::new(messages.clone()));
        let result = candidate.tree().and_then(|tree| inspect(&tree, &console));
        (
            candidate.path.display().to_string(),
            result,
            strip_str(&messages.text()).to_string(),
        )
    };
    let candidates = candidates(named)?;
    if candidates.is_empty() {
        return Err(Invalid::new("no tree was found").into());
    }
    fleet::for_each(&candidates, work, |(name, result, messages)| {
        for message in messages.lines() {
            console.pass_on(&name, message);
        }
        take(name, result)
    })
}

/// A directory that is taken for a tree, or that could not be searched for trees.
struct Candidate {
    path: PathBuf,
    /// Why it could not be searched.
    error: Option<String>,
}

impl Candidate {
    fn new(path: PathBuf) -> Candidate {
        Candidate { path, error: None }
    }

    fn tree(&self) -> Result<NamedTree> {
        match &self.error {
            Some(error) => Err(Invalid::new(error).into()),
            None => NamedTree::at(&self.path),
        }
    }
}

/// Returns the directories that are named, read from a file, or found.
fn candidates(named: &NamedTreeArgs) -> Result<Vec<Candidate>> {
    let mut paths = named.trees.clone();
    if let Some(file) = &named.trees_from {
        let input = read_input(file, "the names of trees", "--trees-from -")?;
        let lines = input.bytes.split(|byte| *byte == b'\n');
        let lines = lines
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty());
        paths.extend(lines.map(|line| PathBuf::from(OsStr::from_bytes(line))));
    }
    let mut candidates: Vec<_> = paths.into_iter().map(Candidate::new).collect();
    for directory in &named.recursive {
        if PathKind::of(directory) == PathKind::File {
            // The same answer as for a tree.
            candidates.push(Candidate::new(directory.clone()));
            continue;
        }
        let found = directories_with(directory, &TREE_FILES).into_iter();
        candidates.extend(found.map(|found| match found {
            Ok(path) => Candidate::new(path),
            Err(error) => Candidate {
                error: Some(error.to_string()),
                path: error.path,
            },
        }));
    }
    Ok(candidates)
}

/// A directory with one of these is taken for a tree.
const TREE_FILES: [&str; 5] = [
    "pki/ca.crt",
    "pki/apiserver.crt",
    "pki/etcd/ca.crt",
    "kubelet.conf",
    "admin.conf",
];

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
        if PathKind::of(&path.join(KUBERNETES)) == PathKind::Directory {
            return Ok(NamedTree::below(name, path));
        }
        let pki = path.join("pki");
        let certificates = match (PathKind::of(&pki), PathKind::of(&path.join("ca.crt"))) {
            (PathKind::Directory, _) => pki,
            (_, PathKind::File) => path.to_path_buf(),
            _ => {
                let what = match PathKind::of(path) {
                    PathKind::Directory => "holds no directory `pki`",
                    PathKind::File => "is a file, want a directory",
                    PathKind::Missing => "does not exist",
                };
                return Err(Invalid::new(format!("`{name}` {what}")).into());
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
        // The manifests of a copy name paths of the host that it came from.
        let is_about_paths = matches!(
            finding.id,
            FindingId::ManifestOtherFile | FindingId::ManifestFileMissing
        );
        self.has_kubelet || !(is_kubelets_file || is_about_paths)
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
