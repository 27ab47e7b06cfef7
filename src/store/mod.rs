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
//! - *Directories above a tree* may belong to another user or be writable for a group, with a warning. `pki` writes nothing
//!   where everybody can write (without sticky bit), or where an ACL lets another user write. In a directory in which it
//!   writes, a sticky bit is not enough.
//! - *Paths* are resolved once, over open descriptors (`fs::walk`). The path of a named directory must not contain links that
//!   another user owns. Below it, links may lead only into named directories. `.pki` and its contents must not be links.
//!   `pki` writes nothing outside the named directories.
//! - *The state directory and the journal* may come from an archive of another user. `pki` does not use names in them as
//!   paths: each must be a single component in `pki`'s own format, and is opened below an open descriptor. Other names and
//!   links are reported and left alone. `pki` does not recover from a journal or `.pki` that another user owns, and
//!   a record that another user can change does not choose the certificate directory.
//! - *Several certificate directories* may share `.pki`. While a commit for one of them is pending, a run for another one refuses.
//! - *A stale journal* changes nothing: recovery requires that each file has exactly the old or the new content, and verifies
//!   each staging file before the first rename. Otherwise it refuses, and `pki recover` settles it.
//! - *The lock* is on the certificate directory, so any user who can open it can hold it: commands that write then exit with 6.
//!   A run keeps its journal locked too, which other users cannot open, so that lock does not hide a pending commit.
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
mod sharing;
mod staging;
pub mod transaction;
