//! Determines which other users can change the files in a directory, by owner, mode and ACL of the open descriptor.
//!
//! `pki` writes in a directory that another user or a group can change, with a warning: the administrator trusts them
//! (kubespray makes a user `kube` the owner of `/etc/kubernetes`). It does not write where everybody can write, or a
//! user or group that only an ACL names. In a sticky directory such as `/tmp`, users cannot rename the entries of
//! others, so it may be above a tree.

use std::path::PathBuf;

use super::acl::{ACCESS, Acl, AclSubject};
use super::directory::Directory;
use super::error::FileError;
use crate::util::escape::shell_path;

/// How a directory is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DirectoryUse {
    /// It is a parent of a directory of the tree.
    Above,
    /// Files are written in it.
    Written,
}

/// The other users who can change the files in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// Its owner, another user.
    Owner { uid: u32 },
    /// Its owning group.
    Group { gid: u32, mode: u32 },
    /// Everybody.
    Everybody { mode: u32 },
    /// A user or group that its ACL names.
    Acl(AclSubject),
}

/// A directory that other users can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedDirectory {
    pub(crate) path: PathBuf,
    pub(crate) writers: Writers,
}

impl Writers {
    /// Returns whether `pki` refuses to write there.
    pub(crate) fn is_refused(self) -> bool {
        matches!(self, Writers::Everybody { .. } | Writers::Acl(_))
    }

    /// Describes who they are and what they can do.
    pub(crate) fn describe(self) -> String {
        match self {
            Writers::Owner { uid } => {
                format!("it belongs to user {uid}, who can replace every file in it")
            }
            Writers::Group { gid, mode } => {
                format!("group {gid} can write in it: mode {mode:04o}")
            }
            Writers::Everybody { mode } => {
                format!("everybody can write in it: mode {mode:04o}, want 0755 or stricter")
            }
            Writers::Acl(AclSubject::User(uid)) => format!("its ACL lets user {uid} write in it"),
            Writers::Acl(AclSubject::Group(gid)) => format!("its ACL lets group {gid} write in it"),
        }
    }
}

impl SharedDirectory {
    /// Returns the error of a refused write.
    pub(crate) fn refusal(&self) -> FileError {
        let path = shell_path(&self.path);
        let hint = match self.writers {
            Writers::Acl(AclSubject::User(uid)) => format!("setfacl -x u:{uid} {path}"),
            Writers::Acl(AclSubject::Group(gid)) => format!("setfacl -x g:{gid} {path}"),
            _ => format!("chmod go-w {path}"),
        };
        FileError::unexpected("opening the directory", &self.path, self.writers.describe())
            .with_hint(hint)
    }
}

/// Returns whether a user is root or the user of this process.
pub(crate) fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Returns the other users who can change the files in a directory; refused ones first.
pub(crate) fn judge(directory: &Directory, used: DirectoryUse) -> Option<SharedDirectory> {
    let attributes = directory.attributes();
    let (mode, uid, gid) = (attributes.mode, attributes.uid, attributes.gid);
    let is_sticky = mode & 0o1000 != 0 && used == DirectoryUse::Above;
    let shared = |writers| {
        Some(SharedDirectory {
            path: directory.path().to_path_buf(),
            writers,
        })
    };
    let mut group_may_write = mode & 0o020 != 0;
    if !is_sticky {
        if mode & 0o002 != 0 {
            return shared(Writers::Everybody { mode });
        }
        // The group bits are the mask of the ACL: without the write bit, no named user may write.
        if let Some(acl) = group_may_write.then(|| acl_of(directory)).flatten() {
            let is_other =
                |named: &AclSubject| !matches!(named, AclSubject::User(uid) if is_trusted(*uid));
            if let Some(named) = acl.named_writers().find(is_other) {
                return shared(Writers::Acl(named));
            }
            group_may_write = acl.owning_group_may_write();
        }
    }
    if !is_trusted(uid) {
        return shared(Writers::Owner { uid });
    }
    // Above the tree, the group of this process may write.
    let is_own_group = [0, rustix::process::getegid().as_raw()].contains(&gid);
    if group_may_write && !is_sticky && !(is_own_group && used == DirectoryUse::Above) {
        return shared(Writers::Group { gid, mode });
    }
    None
}

/// Returns the ACL of a directory; `None` if this user may not open it.
fn acl_of(directory: &Directory) -> Option<Acl> {
    let mut value = Vec::with_capacity(64 * 1024);
    let descriptor = directory.readable().ok()?;
    rustix::fs::fgetxattr(
        descriptor,
        ACCESS,
        rustix::buffer::spare_capacity(&mut value),
    )
    .ok()?;
    Acl::parse(&value)
}
