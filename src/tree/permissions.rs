//! Reports files whose mode or owner gives access to other users. Reads only attributes and changes nothing.

use crate::catalog::CATALOG;
use crate::fs::file::{Attributes, FileError};
use crate::fs::ownership::is_trusted;
use crate::tree::layout::{self, Access, TreePath};
use crate::tree::overlay::Tree;

/// A file that is accessible to users who should not have access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionIssue {
    /// The file.
    pub file: TreePath,
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

/// Returns the overly permissive files of a tree, in catalog order.
///
/// # Errors
/// If a file cannot be accessed.
pub fn overly_permissive(tree: &Tree) -> Result<Vec<PermissionIssue>, FileError> {
    let mut issues = Vec::new();
    for row in CATALOG {
        for (file, access) in layout::files(row) {
            let attributes = match tree.attributes(&file) {
                Ok(Some(attributes)) => attributes,
                Ok(None) => continue,
                // The error is reported when the file is read.
                Err(error) if !error.is_io() => continue,
                Err(error) => return Err(error),
            };
            let excess = excess_access(attributes, access, row.is_ca());
            issues.extend(excess.map(|access| PermissionIssue { file, access }));
        }
    }
    Ok(issues)
}

fn excess_access(attributes: Attributes, access: Access, is_ca: bool) -> Option<ExcessAccess> {
    let Attributes { mode, uid, .. } = attributes;
    if access == Access::Private && mode & 0o004 != 0 {
        Some(ExcessAccess::Readable { mode })
    } else if mode & 0o022 != 0 {
        Some(ExcessAccess::Writable { mode })
    } else if !is_trusted(uid) && (is_ca || access == Access::Private) {
        Some(ExcessAccess::Owner { uid })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_be_read_by_their_group_and_written_by_nobody_else() {
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
