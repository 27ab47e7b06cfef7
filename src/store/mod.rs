//! Writing a tree: one transaction for all files of a command.
//!
//! `transaction` takes the `lock`, writes new files (`staging`) and commits them with a `record`. It keeps the old
//! files in `generations` and lists issued certificates in the `ledger`. `preconditions` checks beforehand whether a
//! transaction can succeed. `recovery` finishes or undoes the transaction of a killed run, and `outcome` has the
//! results.
//!
//! # Whom it trusts
//!
//! `pki` runs as root in directories that other users may share. It trusts root, the user who runs it and the command
//! line. It trusts the bytes of a file only after it has checked them.
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
//! - *Two rows in one file*, by link or hard link, are not replaced; CAs may share a file.
//! - *Housekeeping* (pruning generations, merging the ledger) comes after the commit; its failure is only a warning.
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
