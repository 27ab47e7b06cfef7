//! Finds the directories of a tree: from flags, configuration and record.

use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result};
use clap::error::ErrorKind;

use super::failure::Invalid;
use crate::cli::{TreeArgs, wrong_usage};
use crate::config::fields::DEFAULT_CERTIFICATES_DIR;
use crate::config::{Settings, system_directory};
use crate::fs::file::{self, GivenKind};
use crate::fs::walk::{Destination, Links, Position, resolve_parents};
use crate::tree::layout::{DEFAULT_KUBECONFIGS, Layout};

const KUBELET: &str = "/var/lib/kubelet/pki";

/// The longest path: Linux's `PATH_MAX` without the final NUL byte.
const MAX_PATH: usize = 4095;

/// The directories on the command line, absolute and without `..`.
pub(super) struct TreePaths {
    rootfs: Option<PathBuf>,
    certificates: Option<PathBuf>,
    kubeconfigs: Option<PathBuf>,
    kubelet: Option<PathBuf>,
}

impl TreePaths {
    pub(super) fn typed(args: &TreeArgs) -> Result<TreePaths> {
        let typed = |flag: &str, path: &Option<PathBuf>| {
            let path = path.as_ref().map(|path| {
                let path = absolute(path).with_context(|| format!("resolving `{flag}`"))?;
                check_length(flag, &path)?;
                resolve_parents(&path).map_err(anyhow::Error::new)
            });
            path.transpose()
        };
        let rootfs = typed("--rootfs", &args.rootfs)?;
        let below = |flag: &str, path: &Option<PathBuf>| -> Result<Option<PathBuf>> {
            match (typed(flag, path)?, &rootfs) {
                (Some(path), Some(rootfs)) => below_rootfs(flag, &path, rootfs).map(Some),
                (path, _) => Ok(path),
            }
        };
        Ok(TreePaths {
            certificates: below("--cert-dir", &args.cert_dir)?,
            kubeconfigs: below("--kubeconfig-dir", &args.kubeconfig_dir)?,
            kubelet: below("--kubelet-cert-dir", &args.kubelet_cert_dir)?,
            rootfs,
        })
    }

    /// Returns the directories of the tree, without looking at its record.
    pub(super) fn layout(&self, given: &Settings) -> Result<Layout> {
        let configured = given.certificates_dir.as_ref();
        let certificates = self
            .certificates
            .clone()
            .or_else(|| configured.map(|directory| self.below(&directory.value)))
            .unwrap_or_else(|| self.below(DEFAULT_CERTIFICATES_DIR));
        self.check_certificates(&certificates)?;
        // kubeadm's constant. `certificatesDir` in the configuration does not change it, only the flags do.
        let kubeconfigs = match (&self.kubeconfigs, &self.certificates) {
            (Some(kubeconfigs), _) => kubeconfigs.clone(),
            (None, Some(certificates)) => {
                certificates.parent().unwrap_or(certificates).to_path_buf()
            }
            (None, None) => self.below(DEFAULT_KUBECONFIGS),
        };
        let kubelet = self
            .kubelet
            .clone()
            .or_else(|| self.kubelet_of(given))
            .unwrap_or_else(|| self.below(KUBELET));
        Ok(Layout {
            certificates,
            kubeconfigs,
            kubelet,
            rootfs: self.rootfs.clone(),
        })
    }

    /// Adds the recorded directories to a layout, where neither flags nor `--config` name them.
    pub(super) fn apply_record(
        &self,
        layout: &mut Layout,
        given: &Settings,
        recorded: &Settings,
    ) -> Result<()> {
        let is_given = self.certificates.is_some() || given.certificates_dir.is_some();
        if let (false, Some(directory)) = (is_given, &recorded.certificates_dir) {
            // If the tree was copied or moved, the record names its old directory.
            let sibling = layout.kubeconfigs.join("pki");
            let is_there = || matches!(file::given_kind(&sibling), Ok(Some(GivenKind::Directory)));
            layout.certificates = match self.kubeconfigs.is_some() && is_there() {
                true => sibling,
                false => self.below(&directory.value),
            };
            self.check_certificates(&layout.certificates)?;
        }
        if let (None, None, Some(kubelet)) = (
            &self.kubelet,
            self.kubelet_of(given),
            self.kubelet_of(recorded),
        ) {
            layout.kubelet = kubelet;
        }
        Ok(())
    }

    /// Returns the certificate directory of the command line as a configuration names it, or nothing if it is not UTF-8.
    pub(super) fn typed_certificates(&self) -> Option<String> {
        let typed = self.certificates.as_ref()?;
        let below = match &self.rootfs {
            Some(rootfs) => Path::new("/").join(typed.strip_prefix(rootfs).ok()?),
            None => typed.clone(),
        };
        below.to_str().map(str::to_owned)
    }

    fn kubelet_of(&self, settings: &Settings) -> Option<PathBuf> {
        let directory = settings.kubelet_cert_dir.as_ref()?;
        Some(self.below(&directory.value))
    }

    /// Returns a path of the configuration, or a default, below `--rootfs`.
    fn below(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        match &self.rootfs {
            Some(rootfs) if !path.starts_with(rootfs) => {
                rootfs.join(path.strip_prefix("/").unwrap_or(path))
            }
            _ => path.to_path_buf(),
        }
    }

    fn check_certificates(&self, certificates: &Path) -> Result<()> {
        let below = match &self.rootfs {
            Some(rootfs) => {
                Path::new("/").join(certificates.strip_prefix(rootfs).unwrap_or(certificates))
            }
            None => certificates.to_path_buf(),
        };
        refuse_system_directory(&below)
    }
}

/// Refuses a directory of the system as the certificate directory; `path` is below the root directory.
pub(super) fn refuse_system_directory(path: &Path) -> Result<()> {
    match system_directory(path) {
        Some(_) => Err(Invalid::new(format!(
            "the certificate directory `{}` is a system directory",
            path.display()
        ))
        .with_hint("use a separate directory, such as /etc/kubernetes/pki")
        .into()),
        None => Ok(()),
    }
}

/// Refuses a path that is too long for the system. `pki` opens one directory after the other, so it could create a path
/// that other programs cannot open.
fn check_length(flag: &str, path: &Path) -> Result<()> {
    let length = path.as_os_str().len();
    if length <= MAX_PATH {
        return Ok(());
    }
    let message =
        format!("`{flag}`: the path is too long: {length} bytes, want at most {MAX_PATH}");
    Err(Invalid::new(message).into())
}

/// Returns a path of the command line as a path below `--rootfs`, also if symbolic links lead there.
fn below_rootfs(flag: &str, path: &Path, rootfs: &Path) -> Result<PathBuf> {
    if path.starts_with(rootfs) {
        return Ok(path.to_path_buf());
    }
    match real(path)?.strip_prefix(real(rootfs)?) {
        Ok(below) => Ok(rootfs.join(below)),
        Err(_) => {
            let message = format!(
                "{flag} `{}` is not below --rootfs `{}`",
                path.display(),
                rootfs.display()
            );
            wrong_usage(ErrorKind::ArgumentConflict, message).exit()
        }
    }
}

/// Resolves the symbolic links of a path, as far as it exists.
fn real(path: &Path) -> Result<PathBuf> {
    Ok(match Position::machine()?.resolve(path, Links::Trusted)? {
        Destination::Directory(position) => position.path_from_root(),
        Destination::File(position, name) => position.path_from_root().join(name),
        Destination::Missing(position, names) => position
            .path_from_root()
            .join(names.iter().collect::<PathBuf>()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_too_long_for_the_system_is_refused() {
        let long = |length: usize| PathBuf::from("/x".repeat(length / 2));
        assert!(check_length("--rootfs", &long(4094)).is_ok());
        let error = check_length("--rootfs", &long(6000)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`--rootfs`: the path is too long: 6000 bytes, want at most 4095"
        );
    }
}
