//! The one way to write: all files of a command, or none.
//!
//! 1. [`Transaction::begin`] takes the lock and recovers what a killed run left.
//! 2. [`Transaction::commit`] writes each new file beside its target with its final owner, mode and attributes, gives each old
//!    file a second name, copies the old files into a generation, and then syncs everything at once.
//! 3. The journal is written: the commit point. Before it, any failure removes the new files again and the tree is as it
//!    was. After it, the renames follow one another with nothing in between.
//! 4. If a rename fails, the commit is reverted and the old files get their names back.
//! 5. The second names and the journal are removed. Housekeeping follows; its errors are only warnings.
//!
//! A kill leaves one of three states, which the journal identifies: no journal (the old tree, with leftovers), a
//! commit journal (the new tree, some renames are missing), or an undo journal (the old tree, some renames must be
//! undone). The next run that writes recovers in step 1; a run that only reads sees the tree as it will be after
//! recovery (`tree::overlay`). Directory inodes never change: static pods hold them by hostPath.

use std::fs::File;
use std::rc::Rc;
use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::generations::Pruned;
use super::generations::TransactionKind;
use super::generations::keep::{self, GenerationInfo};
use super::ledger;
use super::lock::Lock;
use super::outcome::{Committed, TransactionError, TreeState};
use super::record::{self, RecordRemoval};
use super::recovery::{Recovered, recover};
use super::sharing;
use super::staging::{Staging, Write};
use crate::fs::directory::Directory;
use crate::fs::file::FileError;
use crate::fs::sync::Unsynced;
use crate::tree::journal::{COMMIT, Journal, staging_name};
use crate::tree::layout::{Access, Layout, Root, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::places::Places;

/// The default number of kept generations.
pub const DEFAULT_GENERATIONS: usize = 5;

/// Called repeatedly; returns the number of a signal that asked to stop.
pub type SignalCheck<'a> = &'a dyn Fn() -> Option<i32>;

/// An open transaction; dropping it releases the lock and leaves no trace.
pub struct Transaction {
    places: Rc<Places>,
    /// The certificate directory, which the journal is written in.
    certificates: Arc<Directory>,
    command: String,
    now: OffsetDateTime,
    keep: usize,
    rollback: Option<TransactionKind>,
    writes: Vec<Write>,
    /// Files that the commit makes obsolete.
    obsolete: Vec<TreePath>,
    recovered: Option<Recovered>,
    lock: Lock,
}

impl Drop for Transaction {
    /// Removes what was created for a transaction that was not committed, while the lock is still held.
    fn drop(&mut self) {
        self.lock.remove_announcement();
        self.places.remove_created();
    }
}

impl Transaction {
    /// Takes the tree's lock, making its directories if they do not exist, and recovers what a killed run left.
    pub fn begin(
        layout: &Layout,
        command: &str,
        now: OffsetDateTime,
    ) -> Result<Transaction, TransactionError> {
        let places = Rc::new(Places::new(layout));
        Transaction::locked(&places, command, now).inspect_err(|_| places.remove_created())
    }

    fn locked(
        places: &Rc<Places>,
        command: &str,
        now: OffsetDateTime,
    ) -> Result<Transaction, TransactionError> {
        let lock = Lock::take(places)?;
        let certificates = places
            .create(Root::Certificates)
            .map_err(TransactionError::before_commit)?;
        let recovered = recover(places)?;
        // Merge the segment of a run that was killed after its commit. An error is reported after the next merge.
        let _merged = Tree::over(places).and_then(|tree| ledger::merge(places, &tree));
        Ok(Transaction {
            places: Rc::clone(places),
            certificates,
            command: command.to_owned(),
            now,
            keep: DEFAULT_GENERATIONS,
            rollback: None,
            writes: Vec::new(),
            obsolete: Vec::new(),
            recovered,
            lock,
        })
    }

    /// Returns the transaction of a killed run that this run recovered.
    pub fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
    }

    /// Returns the open directories of the tree.
    pub(crate) fn places(&self) -> &Rc<Places> {
        &self.places
    }

    /// Sets the name of the command in journal and history.
    pub(crate) fn set_command(&mut self, command: &str) {
        self.command = command.to_owned();
    }

    /// Sets how many generations are kept.
    pub fn keep_generations(&mut self, count: usize) {
        self.keep = count;
    }

    /// Makes this the commit of a rollback, which the generation records.
    pub(crate) fn record_rollback(&mut self, change: TransactionKind) {
        self.rollback = Some(change);
    }

    /// Removes all generations, instead of a commit.
    pub fn purge(self) -> Pruned {
        keep::purge(&self.places)
    }

    /// Names this run for other runs, after its plan is accepted.
    pub fn announce(&self) {
        self.lock.announce(&self.holder());
    }

    /// Adds entries to the ledger. Old entries stay, and a rollback does not restore the ledger.
    ///
    /// # Errors
    /// If the state directory cannot be read.
    pub fn append_to_ledger(
        &mut self,
        entries: &[ledger::LedgerEntry],
    ) -> Result<(), TransactionError> {
        let (file, bytes) =
            ledger::segment(&self.places, entries).map_err(TransactionError::before_commit)?;
        self.write(file, Zeroizing::new(bytes), Access::Private);
        Ok(())
    }

    /// Adds a file. Files are renamed in the order in which they are added, so add a key and its certificate one
    /// after the other.
    pub fn write(&mut self, file: TreePath, bytes: Zeroizing<Vec<u8>>, access: Access) {
        self.writes.push(Write {
            file,
            bytes,
            access,
        });
    }

    /// Removes a file once the commit is done. It is of no use then, so that a kill in between may leave it.
    pub(crate) fn remove_afterwards(&mut self, file: TreePath) {
        self.obsolete.push(file);
    }

    /// Writes everything, or nothing. The last call of `interrupted` is before the commit point.
    pub fn commit(self, interrupted: SignalCheck<'_>) -> Result<Committed, TransactionError> {
        let mut staging = Staging::default();
        let mut committed = self
            .stage(&mut staging, interrupted)
            .inspect_err(|_| self.discard(&staging))?;
        if staging.files.is_empty() {
            self.remove_obsolete(&mut committed);
            return Ok(committed);
        }
        let _locked = self.write_record(&staging, &committed)?;
        self.publish(&staging, &committed)?;
        self.prune_and_merge(&mut committed);
        self.remove_obsolete(&mut committed);
        Ok(committed)
    }

    /// Returns the text that names this run.
    fn holder(&self) -> String {
        let since = self.now.format(&Rfc3339).unwrap_or_default();
        let process = std::process::id();
        format!("`pki {}`, process {process}, since {since}", self.command)
    }

    /// Writes and syncs every file that the commit needs.
    fn stage(
        &self,
        staging: &mut Staging,
        interrupted: SignalCheck<'_>,
    ) -> Result<Committed, TransactionError> {
        let failed = TransactionError::before_commit;
        let mut committed = Committed::default();
        let mut unsynced = Unsynced::default();
        sharing::mark(&self.places, &mut unsynced).map_err(failed)?;
        for write in &self.writes {
            stop_if(interrupted)?;
            let staged = staging.stage(&self.places, write, &mut unsynced);
            if staged.map_err(failed)? {
                committed.written.push(write.file.clone());
            }
        }
        committed.restricted = std::mem::take(&mut staging.restricted);
        committed.warnings = std::mem::take(&mut staging.warnings);
        if staging.files.is_empty() {
            sharing::unmark(&self.places).map_err(failed)?;
            return Ok(committed);
        }
        let replaced = staging.replaced();
        if self.keep > 0 && replaced.iter().any(|replaced| replaced.old.is_some()) {
            let kept = GenerationInfo {
                command: &self.command,
                now: self.now,
                rollback: self.rollback.as_ref(),
            };
            let name = keep::keep(&self.places, &kept, &replaced, &mut unsynced);
            committed.generation = Some(name.map_err(failed)?);
        }
        self.places.add_named(&mut unsynced).map_err(failed)?;
        unsynced.sync().map_err(failed)?;
        stop_if(interrupted)?;
        Ok(committed)
    }

    fn journal(&self, staging: &Staging, committed: &Committed) -> Result<Journal, FileError> {
        Ok(Journal::new(
            &self.command,
            self.places.kubeconfigs_name()?,
            committed.generation.clone(),
            staging.journal_files(),
        ))
    }

    /// Writes the journal and returns it, locked. If this fails, removes all new files, but only after the journal is
    /// removed.
    fn write_record(
        &self,
        staging: &Staging,
        committed: &Committed,
    ) -> Result<File, TransactionError> {
        let written = self
            .journal(staging, committed)
            .and_then(|journal| record::write(&journal, &self.certificates));
        let error = match written {
            Ok(journal) => return Ok(journal),
            Err(error) => error,
        };
        match record::remove_commit_record(&self.certificates) {
            Ok(RecordRemoval::Durable) => self.discard(staging),
            // The removal of the journal may not be durable, so its files stay; the next run removes them.
            Ok(RecordRemoval::Uncertain) => self.places.keep_created(),
            Err(_) => {
                self.places.keep_created();
                return Err(TransactionError::maybe_pending(error));
            }
        }
        Err(TransactionError::before_commit(error))
    }

    /// Renames the new files into place, after the journal is written.
    fn publish(&self, staging: &Staging, committed: &Committed) -> Result<(), TransactionError> {
        let renamed = staging
            .rename_all()
            .and_then(|()| staging.sync_directories());
        if let Err(error) = renamed {
            if self.undo(staging).is_err() {
                self.places.keep_created();
                return Err(TransactionError::pending(error));
            }
            keep::remove_if_empty(&self.places);
            let state = TreeState::Unchanged;
            return Err(TransactionError::Failed { error, state });
        }
        self.places.keep_created();
        let changed = TransactionError::after_commit;
        if let Some(generation) = &committed.generation {
            keep::finish(&self.places, generation).map_err(changed)?;
        }
        staging.remove_backups().map_err(changed)?;
        self.lock.remove_announcement();
        record::unlink(&self.certificates).map_err(changed)?;
        let mut unsynced = Unsynced::default();
        unsynced.add_directory(&self.certificates);
        // The new names are durable. The removed names of old keys have to be, too.
        if staging.has_backups() {
            staging.add_directories(&mut unsynced);
        }
        unsynced.sync().map_err(changed)?;
        sharing::unmark(&self.places).map_err(changed)
    }

    fn undo(&self, staging: &Staging) -> Result<(), FileError> {
        record::revert(&self.certificates)?;
        staging.undo()?;
        staging.sync_directories()?;
        keep::discard(&self.places)?;
        record::remove(&self.certificates)?;
        sharing::unmark(&self.places)
    }

    /// Removes old generations and merges the ledger. Errors are warnings, because the commit is done.
    fn prune_and_merge(&self, committed: &mut Committed) {
        let mut pruned = match self.keep {
            // None are kept because of the keys in them, so say what stays.
            0 => keep::purge(&self.places),
            keep => keep::prune(&self.places, keep),
        };
        committed.dropped.append(&mut pruned.dropped);
        committed.warnings.append(&mut pruned.warnings);
        let merged = Tree::over(&self.places).and_then(|tree| ledger::merge(&self.places, &tree));
        if let Err(error) = merged {
            committed.warnings.push(error.to_string());
        }
    }

    /// Removes files that are of no use any more. Errors are warnings, because the commit is done.
    fn remove_obsolete(&self, committed: &mut Committed) {
        for file in &self.obsolete {
            if let Err(error) = self.remove(file) {
                committed.warnings.push(error.to_string());
            }
        }
    }

    fn remove(&self, file: &TreePath) -> Result<(), FileError> {
        match self.places.locate_file(file)? {
            // The target of a link is not ours to remove.
            Some(location) if location.name == file.file_name() => {
                location.directory.remove(&location.name)?;
                location.directory.sync()
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Removes everything that was written before the commit point. The next run removes leftovers.
    fn discard(&self, staging: &Staging) {
        staging.discard();
        let _leftover = self.certificates.remove(staging_name(COMMIT));
        let _leftover = keep::discard(&self.places);
        let _leftover = sharing::unmark(&self.places);
        keep::remove_if_empty(&self.places);
    }
}

fn stop_if(interrupted: SignalCheck<'_>) -> Result<(), TransactionError> {
    match interrupted() {
        Some(signal) => Err(TransactionError::Interrupted { signal }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
