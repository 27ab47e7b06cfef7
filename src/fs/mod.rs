//! The only file access: opens directories and files without being led astray, reads, writes and syncs them.
//!
//! Every path is resolved by one walk (`walk`): component by component, each opened below the descriptor of the one before it
//! and without following a link (`O_NOFOLLOW`). Links are read and resolved by the walk itself, as in a chroot: an absolute
//! target starts at the root of the walk, `..` does not leave it. What was looked at on the way (owner, mode, ACL:
//! `ownership`) are the descriptors that are used afterwards, so nothing that happens to a path meanwhile leads elsewhere.
//!
//! `openat2(RESOLVE_IN_ROOT)`, or the `pathrs` library above it, would resolve a path in one call. Neither is used: each
//! directory above a tree and each link on the way has to be judged by its own descriptor, which a single call does not
//! give. A second way to resolve paths would only have to be proved equal to the first. A directory is resolved once in a
//! run, so the walk costs some twenty calls in all.
//!
//! `directory` makes, renames and removes files by name below an open directory; `file` reads; `attributes` carries owner,
//! mode, extended attributes and ACL from an old file to a new one.

mod acl;
pub(crate) mod attributes;
pub(crate) mod directory;
mod error;
pub mod file;
pub(crate) mod ownership;
pub(crate) mod walk;

pub use error::{FileError, FileErrorReason};
