//! Reports files whose mode or owner gives access to other users. Reads only attributes and changes nothing.

use std::path::PathBuf;

use crate::catalog::{KUBECONFIG, Profile, Row};
use crate::fs::file::Attributes;
use crate::fs::ownership::is_trusted;
use crate::tree::layout::{self, Access, Root, TreePath};
use crate::tree::overlay::Tree;

/// A file that is accessible to users who should not have access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionIssue {
    /// The row that the file belongs to.
    pub row: &'static Row,
    /// The file.
    pub file: TreePath,
    /// Its path on this machine.
    pub path: PathBuf,
    /// The mode that it should have.
    pub wanted_mode: u32,
    /// Who has access.
    pub access: ExcessAccess,
}

/// Who has access to a file that should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExcessAccess {
    /// Everybody can read a file that holds a private key.
    Readable {
        /// Its mode.
        mode: u32,
    },
    /// Users other than its owner can write to it.
    Writable {
        /// Its mode.
        mode: u32,
    },
    /// It contains a private key or a CA, and another user owns it.
    Owner {
        /// The user.
        uid: u32,
    },
}

/// Returns the overly permissive files of some rows of a tree, in the order of the rows. Looks up only the files that `noted`
/// does not have. The error for a file that cannot be accessed is reported when it is read.
pub(super) fn overly_permissive(
    tree: &Tree,
    rows: &[&'static Row],
    noted: &[(TreePath, Option<Attributes>)],
) -> Vec<PermissionIssue> {
    let mut issues = Vec::new();
    for row in rows.iter().copied() {
        for (file, access) in layout::all_files(row) {
            // kubeadm gives `sa.pub` mode 0600, but anybody may read a public key.
            let is_public_key = matches!(row.profile, Profile::ServiceAccount)
                && layout::certificate_file(row).as_ref() == Some(&file);
            let known = noted.iter().find(|(known, _)| *known == file);
            let attributes = known.map_or_else(|| tree.attributes(&file), |(_, known)| *known);
            let Some(attributes) = attributes else {
                continue;
            };
            let readers = match is_public_key {
                true => Access::Public,
                false => access,
            };
            let is_trusted_only = row.is_ca() || access == Access::Private;
            let excess = excess_access(attributes, readers, is_trusted_only);
            issues.extend(excess.map(|access| PermissionIssue {
                row,
                path: tree.layout.path(&file),
                wanted_mode: wanted_mode(attributes, readers),
                file,
                access,
            }));
        }
    }
    issues
}

/// Returns whether a kubeconfig outside a tree is overly permissive. Any user may own it.
pub(super) fn of_kubeconfig(path: PathBuf, attributes: Attributes) -> Option<PermissionIssue> {
    let access = excess_access(attributes, Access::Private, false)?;
    Some(PermissionIssue {
        row: &KUBECONFIG,
        file: TreePath::new(Root::Kubeconfigs, path.display().to_string()),
        wanted_mode: wanted_mode(attributes, Access::Private),
        path,
        access,
    })
}

/// Returns the mode that a file should have. A group other than root's may need to read a private file (KEP-2568).
fn wanted_mode(attributes: Attributes, access: Access) -> u32 {
    match access {
        Access::Private if attributes.gid == 0 => access.mode(),
        _ => access.mode_replacing(attributes.mode),
    }
}

/// Returns who has access and should not; with `is_trusted_only`, no other user may own the file.
fn excess_access(
    attributes: Attributes,
    access: Access,
    is_trusted_only: bool,
) -> Option<ExcessAccess> {
    let Attributes { mode, uid, .. } = attributes;
    if access == Access::Private && mode & 0o004 != 0 {
        Some(ExcessAccess::Readable { mode })
    } else if mode & 0o022 != 0 {
        Some(ExcessAccess::Writable { mode })
    } else if is_trusted_only && !is_trusted(uid) {
        Some(ExcessAccess::Owner { uid })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_read_by_its_group_but_written_only_by_its_owner() {
        let at = |mode, access| {
            let attributes = Attributes {
                mode,
                uid: 0,
                gid: 0,
            };
            excess_access(attributes, access, false)
        };
        for mode in [0o600, 0o400, 0o640] {
            assert_eq!(at(mode, Access::Private), None, "{mode:o}");
        }
        assert_eq!(
            at(0o644, Access::Private),
            Some(ExcessAccess::Readable { mode: 0o644 })
        );
        assert_eq!(at(0o644, Access::Public), None);
        assert_eq!(
            at(0o664, Access::Public),
            Some(ExcessAccess::Writable { mode: 0o664 })
        );
    }
}
