//! The one way to write: all files of a command, or none.
//!
//! 1. [`Transaction::begin`] takes the lock, finishes what a killed run had promised and removes its litter.
//! 2. [`Transaction::commit`] writes each new file beside its target with its final owner and mode, gives each old file a
//!    second name, copies the old files into a generation, and makes all of it durable.
//! 3. The journal is written: the commit point. Before it, any failure removes the new files again and the tree is as it
//!    was. After it, the renames follow one another with nothing in between.
//! 4. If a rename fails, the journal is turned round and the old files get their names back.
//! 5. The second names and the journal are removed.
//!
//! A kill leaves one of three states, told apart by the journal alone: no journal (the old tree, with litter), a commit
//! journal (the new tree, some renames still to do), or an undo journal (the old tree, some renames still to undo). The
//! next run that writes puts each right in step 1; a run that only reads looks through to the tree that this will give
//! (`tree`). Directory inodes never change: static pods hold them by hostPath.

use std::fs::File;
use std::path::PathBuf;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::generations::{self, Replaced};
use super::ledger;
use super::lock::{Busy, Lock, LockError};
use super::outcome::{Committed, TransactionError, TreeState, refused_or};
use super::recovery::{recover, undo_one};
use crate::fs::directory::{Directory, Entry, sync_all};
use crate::fs::file::{Attributes, Contents, FileError};
use crate::tree::journal::{self, Direction, Journal, JournalFile, kept_name, staged_name};
use crate::tree::layout::{self, Access, Layout, Root, TreePath};
use crate::tree::overlay::{loose, tighten};
use crate::tree::places::{Places, directories};

/// Generations that are kept unless told otherwise.
pub const DEFAULT_GENERATIONS: usize = 5;

/// An open transaction; dropping it releases the lock and changes nothing.
pub struct Transaction {
    layout: Layout,
    state: Directory,
    command: String,
    now: OffsetDateTime,
    generations: usize,
    writes: Vec<Write>,
    /// What a killed run had promised and this one has finished: its command, and which way.
    recovered: Option<(String, Direction)>,
    _lock: Lock,
    _certificates_lock: Option<Directory>,
}

struct Write {
    file: TreePath,
    bytes: Zeroizing<Vec<u8>>,
    access: Access,
}

/// Returns who holds the lock of a tree, without taking it or leaving a trace.
pub fn busy(layout: &Layout) -> Option<Busy> {
    Lock::holder(&layout.directory(Root::State))
}

impl Transaction {
    /// Takes the tree's lock, making its state directory if there is none, and finishes what a killed run left.
    pub fn begin(
        layout: &Layout,
        command: &str,
        now: OffsetDateTime,
    ) -> Result<Transaction, TransactionError> {
        // What is there is judged before anything is made.
        directories(layout).map_err(refused_or(TreeState::Unchanged))?;
        let mut made = Places::default();
        Transaction::take(layout, command, now, &mut made)
            .inspect_err(|_| made.remove_directories())
    }

    fn take(
        layout: &Layout,
        command: &str,
        now: OffsetDateTime,
        made: &mut Places,
    ) -> Result<Transaction, TransactionError> {
        let failed = refused_or(TreeState::Unchanged);
        made.directory(&layout.kubeconfigs).map_err(&failed)?;
        let path = layout.directory(Root::State);
        if path.is_symlink() {
            let error = FileError::unexpected(
                "opening the directory",
                path,
                "it is a symbolic link, want a directory",
            );
            return Err(TransactionError::Refused(error));
        }
        made.create(&path, 0o700).map_err(&failed)?;
        let state = Directory::open(&path).map_err(&failed)?;
        let since = now.format(&Rfc3339).unwrap_or_default();
        let holder = format!(
            "`pki {command}`, process {}, since {since}",
            std::process::id()
        );
        let lock = Lock::take(&state, &holder).map_err(|error| match error {
            LockError::Busy(busy) => TransactionError::Busy(busy),
            LockError::File(error) => failed(error),
        })?;
        state.sync().map_err(&failed)?;
        state.restrict(0o700).map_err(&failed)?;
        // Another kubeconfig directory has another lock; the certificates may be the same.
        let certificates = layout
            .certificates
            .is_dir()
            .then(|| Directory::open(&layout.certificates));
        let certificates = certificates.transpose().map_err(&failed)?;
        if let Some(directory) = &certificates
            && !directory.try_lock().map_err(&failed)?
        {
            return Err(TransactionError::Busy(Busy {
                holder: String::new(),
            }));
        }
        let recovered = recover(layout, &state)?;
        Ok(Transaction {
            layout: layout.clone(),
            state,
            command: command.to_owned(),
            now,
            generations: DEFAULT_GENERATIONS,
            writes: Vec::new(),
            recovered,
            _lock: lock,
            _certificates_lock: certificates,
        })
    }

    /// Returns the command of a killed run whose transaction this one has finished, and which way.
    pub fn recovered(&self) -> Option<(&str, Direction)> {
        self.recovered
            .as_ref()
            .map(|(command, direction)| (command.as_str(), *direction))
    }

    /// Sets how many generations are kept.
    pub fn keep_generations(&mut self, count: usize) {
        self.generations = count;
    }

    /// Adds lines to the ledger. Old lines are never lost, and no generation takes the ledger back.
    ///
    /// # Errors
    /// If the ledger that is there cannot be read.
    pub fn append_to_ledger(&mut self, entries: &[ledger::Entry]) -> Result<(), TransactionError> {
        let file = layout::ledger();
        let mut bytes = match self
            .state
            .entry(file.file_name())
            .map_err(refused_or(TreeState::Unchanged))?
        {
            Entry::File(contents) => contents.bytes,
            Entry::Absent => Zeroizing::default(),
            Entry::Link => {
                let error = FileError::unexpected(
                    "reading",
                    self.layout.path(&file),
                    "it is a symbolic link",
                );
                return Err(TransactionError::Refused(error));
            }
        };
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        for entry in entries {
            let path = self.layout.path(&file);
            serde_json::to_writer(&mut *bytes, entry).map_err(|error| {
                TransactionError::Refused(FileError::unexpected("writing", path, error.to_string()))
            })?;
            bytes.push(b'\n');
        }
        self.write(file, bytes, Access::Private);
        Ok(())
    }

    /// Adds a file. Files come into place in the order in which they are added, so a key and its certificate belong together.
    pub fn write(&mut self, file: TreePath, bytes: Zeroizing<Vec<u8>>, access: Access) {
        self.writes.push(Write {
            file,
            bytes,
            access,
        });
    }

    /// Writes everything, or nothing. `interrupted` is asked now and then, and for the last time before the commit point.
    pub fn commit(self, interrupted: &dyn Fn() -> bool) -> Result<Committed, TransactionError> {
        let mut staging = Staging::default();
        let mut committed = self
            .stage(&mut staging, interrupted)
            .inspect_err(|_| self.discard(&staging))?;
        if !staging.files.is_empty() {
            self.promise(&staging, &committed)?;
            self.publish(&staging, &committed)?;
        }
        // Not undone by a failure, so not before everything else is done.
        tighten(&self.layout).map_err(|error| TransactionError::Failed {
            error,
            state: TreeState::Changed,
        })?;
        if self.generations == 0 {
            committed.generation = None;
        }
        Ok(committed)
    }

    /// Writes the journal. If that fails, everything is given up, but only once no journal is there that promises it.
    fn promise(&self, staging: &Staging, committed: &Committed) -> Result<(), TransactionError> {
        let Err(error) = self
            .journal(staging, committed)
            .write(&self.state, staging.owner())
        else {
            return Ok(());
        };
        match Journal::withdraw(&self.state) {
            Ok(true) => self.discard(staging),
            // Until it is certain on disk that the journal is gone, what it promises stays; the next run removes it.
            Ok(false) => {}
            Err(_) => {
                return Err(TransactionError::Failed {
                    error,
                    state: TreeState::Pending,
                });
            }
        }
        Err(refused_or(TreeState::Unchanged)(error))
    }

    /// Makes every file that the commit needs and lets it be durable.
    fn stage(
        &self,
        staging: &mut Staging,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Committed, TransactionError> {
        let failed = refused_or(TreeState::Unchanged);
        let mut committed = Committed {
            tightened: loose(&self.layout).map_err(&failed)?,
            ..Committed::default()
        };
        for write in &self.writes {
            if interrupted() {
                return Err(TransactionError::Interrupted);
            }
            let (directory, name) = staging
                .places
                .locate(&self.layout, &write.file)
                .map_err(&failed)?;
            let old = match staging
                .places
                .open(&directory)
                .map_err(&failed)?
                .entry(&name)
                .map_err(&failed)?
            {
                Entry::Absent => None,
                Entry::File(contents) => Some(contents),
                // `locate` has followed the link; another one appeared since.
                Entry::Link => {
                    let error = FileError::unexpected(
                        "replacing",
                        directory.join(&name),
                        "it became a symbolic link",
                    );
                    return Err(TransactionError::Refused(error));
                }
            };
            let attributes = wanted_attributes(write.access, old.as_deref(), staging.owner());
            if old
                .as_deref()
                .is_some_and(|old| old.bytes == write.bytes && old.attributes == attributes)
            {
                continue;
            }
            staging
                .stage(&write.file, directory, name, &write.bytes, attributes, old)
                .map_err(&failed)?;
            committed.written.push(write.file.clone());
        }
        if staging.files.is_empty() {
            return Ok(committed);
        }
        sync_all(&staging.open).map_err(&failed)?;
        let ledger = layout::ledger();
        let replaced: Vec<_> = staging
            .files
            .iter()
            .filter(|staged| staged.file != ledger)
            .map(|staged| Replaced {
                file: &staged.file,
                old: staged.old.as_deref(),
            })
            .collect();
        if replaced.iter().any(|replaced| replaced.old.is_some()) {
            let name = generations::keep(
                &self.state,
                &self.layout,
                &self.command,
                self.now,
                &replaced,
                staging.owner(),
            )
            .map_err(&failed)?;
            committed.generation = Some(name);
        }
        staging.places.sync().map_err(&failed)?;
        if interrupted() {
            return Err(TransactionError::Interrupted);
        }
        Ok(committed)
    }

    fn journal(&self, staging: &Staging, committed: &Committed) -> Journal {
        let files = staging
            .files
            .iter()
            .map(|staged| JournalFile {
                file: staged.file.clone(),
                existed: staged.old.is_some(),
                sha256: staged.sha256.clone(),
            })
            .collect();
        let certificates = self.layout.certificates_name();
        Journal::new(
            &self.command,
            certificates,
            committed.generation.clone(),
            files,
        )
    }

    /// Puts the new files in place. The journal is written; nothing but renames happens before the last one.
    fn publish(&self, staging: &Staging, committed: &Committed) -> Result<(), TransactionError> {
        let renamed = staging.rename_all().and_then(|()| staging.places.sync());
        if let Err(error) = renamed {
            let undone = Journal::turn_round(&self.state)
                .and_then(|()| staging.undo())
                .and_then(|()| staging.places.sync())
                .and_then(|()| generations::discard(&self.state))
                .and_then(|()| Journal::remove(&self.state));
            let state = if undone.is_ok() {
                TreeState::Unchanged
            } else {
                TreeState::Pending
            };
            if undone.is_ok() {
                staging.places.remove_directories();
            }
            return Err(TransactionError::Failed { error, state });
        }
        let changed = |error| TransactionError::Failed {
            error,
            state: TreeState::Changed,
        };
        if let Some(generation) = &committed.generation {
            generations::finish(&self.state, generation).map_err(changed)?;
        }
        staging.remove_kept().map_err(changed)?;
        Journal::remove(&self.state).map_err(changed)?;
        generations::prune(&self.state, self.generations).map_err(changed)?;
        staging.places.sync().map_err(changed)
    }

    /// Removes everything that was made before the commit point. What cannot be removed is litter for the next run.
    fn discard(&self, staging: &Staging) {
        for staged in &staging.files {
            if let Ok(directory) = staging.places.open(&staged.directory) {
                let _litter = directory.remove(&staged_name(&staged.name));
                let _litter = directory.remove(&kept_name(&staged.name));
            }
        }
        let _litter = self.state.remove(&staged_name("journal.commit"));
        let _litter = generations::discard(&self.state);
        let _unsynced = staging.places.sync();
        staging.places.remove_directories();
    }
}

/// New files beside their targets.
#[derive(Default)]
struct Staging {
    places: Places,
    files: Vec<Staged>,
    /// The new files, not yet synced.
    open: Vec<(File, PathBuf)>,
}

struct Staged {
    file: TreePath,
    directory: PathBuf,
    name: String,
    old: Option<Box<Contents>>,
    /// Of the new bytes.
    sha256: String,
}

impl Staging {
    fn stage(
        &mut self,
        file: &TreePath,
        directory: PathBuf,
        name: String,
        bytes: &[u8],
        attributes: Attributes,
        old: Option<Box<Contents>>,
    ) -> Result<(), FileError> {
        let opened = self.places.open(&directory)?;
        let (staged, kept) = (staged_name(&name), kept_name(&name));
        let existed = old.is_some();
        let old_copy = old.as_ref().map(|old| (old.bytes.clone(), old.attributes));
        // Entered first, so that a failure below finds what it has to remove.
        self.files.push(Staged {
            file: file.clone(),
            directory: directory.clone(),
            name: name.clone(),
            old,
            sha256: journal::sha256(bytes),
        });
        let new = opened.create(&staged, bytes, attributes)?;
        self.open.push((new, directory.join(&staged)));
        if existed && opened.link(&name, &kept).is_err()
            // A file system without hard links: a copy serves as well.
            && let Some((bytes, attributes)) = old_copy
        {
            let copy = opened.create(&kept, &bytes, attributes)?;
            self.open.push((copy, directory.join(&kept)));
        }
        Ok(())
    }

    fn rename_all(&self) -> Result<(), FileError> {
        for staged in &self.files {
            self.places
                .open(&staged.directory)?
                .rename(&staged_name(&staged.name), &staged.name)?;
        }
        Ok(())
    }

    fn undo(&self) -> Result<(), FileError> {
        for staged in self.files.iter().rev() {
            undo_one(
                self.places.open(&staged.directory)?,
                &staged.name,
                staged.old.is_some(),
            )?;
        }
        Ok(())
    }

    fn remove_kept(&self) -> Result<(), FileError> {
        for staged in self.files.iter().filter(|staged| staged.old.is_some()) {
            self.places
                .open(&staged.directory)?
                .remove(&kept_name(&staged.name))?;
        }
        Ok(())
    }

    /// New files belong to whoever runs this.
    fn owner(&self) -> Attributes {
        Attributes {
            mode: 0,
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        }
    }
}

/// An existing file keeps its owner, and its mode as far as that is not looser than it may be.
fn wanted_attributes(access: Access, old: Option<&Contents>, owner: Attributes) -> Attributes {
    match old {
        Some(old) => Attributes {
            mode: old.attributes.mode & access.mode(),
            ..old.attributes
        },
        None => Attributes {
            mode: access.mode(),
            ..owner
        },
    }
}

#[cfg(test)]
mod tests;
