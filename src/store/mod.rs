//! Writing a tree: one transaction for all files of a command.
//!
//! `transaction` writes under a `lock`, by way of `staging` and the commit `record`; the old files go to `generations`, what
//! was issued to the `ledger`. `preconditions` tells before anything is made whether that will work. `recovery` finishes or
//! undoes what a killed run left, and `outcome` says how a run ended.
//!
//! # Whom it trusts
//!
//! `pki` runs as root in directories that others may share. Trusted are root and the user who runs it; the command line; the
//! bytes of a file only after they were checked.
//!
//! - *Directories above a tree* may belong to another user or be writable for a group, with a warning: those who gave them
//!   away trust them already. Where everybody can write (without sticky bit), or somebody whom only an ACL names, nothing is
//!   written. In a directory that files are written to the sticky bit does not help.
//! - *Paths* are resolved once, over open descriptors (`fs::walk`). Links that another user owns are not followed on the way
//!   to a named directory; below it links lead only into named directories; `.pki` and everything in it is no link. Nothing
//!   outside the named directories is written.
//! - *The state directory and the journal* may come out of an archive that another user packed. No name in them is used as a
//!   path: each is a single component of a form that `pki` itself gives, opened below a held descriptor. What has another
//!   name, or is a link, is left and named. A journal that another user owns, or in a `.pki` of another user, is not recovered.
//! - *A stale journal* changes nothing: recovery acts only on files that hold exactly the old or the new content, verifies
//!   each staging file before the first rename, and otherwise refuses; `pki recover` settles it.
//! - *Two rows in one file*, by link or hard link, are not replaced; CAs may share one.
//! - *Housekeeping* (pruning generations, merging the ledger) comes after the commit and fails nothing.
//! - *Secrets*: a new file has its final owner, mode and ACL before its first byte; generations are 0600 in 0700.
//!
//! Not defended against: root, the user who runs `pki`, and the owner of a directory that a warning names.

pub mod generations;
pub mod ledger;
pub mod lock;
pub mod outcome;
pub(crate) mod preconditions;
mod record;
pub mod recovery;
mod staging;
pub mod transaction;
