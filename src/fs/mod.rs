//! The only module that accesses files: opens directories and files safely, reads, writes and syncs them.
//!
//! `walk` resolves every path component by component, each opened relative to the descriptor of the previous one and
//! without following a link (`O_NOFOLLOW`). Links are read and resolved by the walk itself, as in a chroot: an
//! absolute target starts at the root of the walk, `..` does not leave it. `ownership` checks owner, mode and ACL on
//! the same descriptors that are used afterwards, so a path that changes in the meantime has no effect.
//!
//! `openat2(RESOLVE_IN_ROOT)`, or the `pathrs` library above it, would resolve a path in one call. Neither is used:
//! each directory above a tree and each link on the way must be checked by its own descriptor, which a single call
//! does not return. A directory is resolved once in a run, so the walk costs about twenty calls in total.
//!
//! `output` replaces files outside a tree, `spool` keeps long output until then, and `search` finds directories. `processes` tells when a program started. `directory` makes, renames and removes files
//! by name below an open directory, and `sync` makes that durable; `file` reads; `attributes` carries owner, mode, extended attributes and ACL from an old file to a new one.

mod acl;
pub(crate) mod attributes;
pub(crate) mod directory;
pub(crate) mod error;
pub mod file;
pub mod output;
pub(crate) mod ownership;
pub mod processes;
pub mod search;
pub mod spool;
pub(crate) mod sync;
pub(crate) mod walk;

pub use error::{FileError, FileErrorReason};
