//! Trees that are named on the command line, to be judged in one run.

use std::io;
use std::path::{Path, PathBuf};

use anstream::adapter::strip_str;
use anyhow::Result;

use super::Console;
use super::console::Buffer;
use super::failure::Invalid;
use crate::catalog;
use crate::check::finding::{Finding, FindingId};
use crate::cli::TreeArgs;
use crate::fleet;

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
/// The error of `take`.
pub(super) fn inspect<R: Send>(
    paths: &[PathBuf],
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
    fleet::for_each(paths, work, |(name, result, messages)| {
        for message in messages.lines() {
            console.pass_on(&name, message);
        }
        take(name, result)
    })
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
