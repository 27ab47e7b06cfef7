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
//! ([`Tree`]). Directory inodes never change: static pods hold them by hostPath.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::directory::{Directory, Entry, sync_all};
use super::files::{self, Attributes, Contents, FileError, Reason};
use super::generations::{self, Replaced};
use super::journal::{Direction, Journal, JournalFile, is_litter, kept_name, staged_name};
use super::layout::{self, Access, Layout, Root, TreePath};
use super::ledger;
use super::lock::{Busy, Lock, LockError};
use crate::catalog::CATALOG;

/// Generations that are kept unless told otherwise.
pub const DEFAULT_GENERATIONS: usize = 5;

/// A tree as it will be once a pending transaction is finished; reading one needs no lock and no write access.
pub struct Tree {
    /// Where it lies.
    pub layout: Layout,
    pending: Option<(Direction, Journal)>,
    /// Files that are read instead of those on disk.
    instead: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
}

/// An open transaction; dropping it releases the lock and changes nothing.
pub struct Transaction {
    layout: Layout,
    state: Directory,
    command: String,
    now: OffsetDateTime,
    generations: usize,
    writes: Vec<Write>,
    /// What a killed run had promised and this one has finished: its command.
    recovered: Option<String>,
    _lock: Lock,
}

struct Write {
    file: TreePath,
    bytes: Zeroizing<Vec<u8>>,
    access: Access,
}

/// What a transaction did beyond writing the files it was given.
#[derive(Debug, Default)]
pub struct Committed {
    /// The files that were written; one that was already as wanted is not among them.
    pub written: Vec<TreePath>,
    /// Private files whose mode was looser than it may be, with that mode.
    pub tightened: Vec<(TreePath, u32)>,
    /// The generation that keeps the old files.
    pub generation: Option<String>,
}

/// A transaction that did not come to its end.
#[derive(Debug)]
pub enum TransactionError {
    /// Another run holds the lock.
    Busy(Busy),
    /// Something in the tree is not what a transaction may replace; nothing was touched.
    Refused(FileError),
    /// A signal asked to stop before the commit point; nothing was changed.
    Interrupted,
    /// The system refused something.
    Failed {
        /// What failed.
        error: FileError,
        /// What the tree is like now.
        state: TreeState,
    },
}

/// What a failed transaction left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeState {
    /// Every file is as it was.
    Unchanged,
    /// Every new file is in place and durable; only the cleaning up failed.
    Changed,
    /// Some renames could neither be done nor undone; the next run that writes finishes them.
    Pending,
}

impl Tree {
    /// Looks for a pending transaction of the tree.
    pub fn open(layout: &Layout) -> Result<Tree, FileError> {
        for path in [&layout.kubeconfigs, &layout.certificates] {
            if path.exists() && !path.is_dir() {
                return Err(FileError::unexpected(
                    "opening the directory",
                    path,
                    "it is a file, want a directory",
                ));
            }
        }
        let state = layout.directory(Root::State);
        let pending = match state.symlink_metadata() {
            Ok(_) => Journal::read(&Directory::open(&state)?)?,
            Err(_) => None,
        };
        Ok(Tree {
            layout: layout.clone(),
            pending,
            instead: Vec::new(),
        })
    }

    /// Returns the tree as it would be with these files.
    pub fn with_files(self, files: &[(TreePath, &[u8])]) -> Tree {
        let instead = files
            .iter()
            .map(|(file, bytes)| (file.clone(), Zeroizing::new(bytes.to_vec())))
            .collect();
        Tree { instead, ..self }
    }

    /// Returns the command whose transaction is pending.
    pub fn pending_command(&self) -> Option<&str> {
        self.pending
            .as_ref()
            .map(|(_, journal)| journal.command.as_str())
    }

    /// Returns whether there is nothing to finish, to remove or to tighten.
    ///
    /// # Errors
    /// If a directory of the tree cannot be read, or others can write in it.
    pub fn is_settled(&self) -> Result<bool, FileError> {
        if self.pending.is_some() {
            return Ok(false);
        }
        for directory in directories(&self.layout)? {
            if directory.names()?.iter().any(|name| is_litter(name)) {
                return Ok(false);
            }
        }
        Ok(loose(&self.layout)?.is_empty())
    }

    /// Reads a file as it will be once the pending transaction is finished; `None` if it does not exist.
    pub fn read(&self, file: &TreePath) -> Result<Option<Contents>, FileError> {
        if let Some((_, bytes)) = self.instead.iter().find(|(instead, _)| instead == file) {
            return Ok(Some(Contents::in_memory(bytes.clone())));
        }
        if let Some((direction, journal)) = &self.pending
            && journal.files.iter().any(|pending| pending.file == *file)
        {
            let waiting = match direction {
                Direction::Commit => file.sibling(&staged_name(file.file_name())),
                Direction::Undo => file.sibling(&kept_name(file.file_name())),
            };
            if let Some(contents) = files::read(&self.layout, &waiting)? {
                return Ok(Some(contents));
            }
        }
        files::read(&self.layout, file)
    }

    /// Returns whether anything lies at the path, without reading it.
    pub fn exists(&self, file: &TreePath) -> bool {
        let staged = file.sibling(&staged_name(file.file_name()));
        files::exists(&self.layout, file)
            || matches!(&self.pending, Some((Direction::Commit, journal))
                if journal.files.iter().any(|pending| pending.file == *file) && files::exists(&self.layout, &staged))
    }
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
        let mut made = Made::default();
        Transaction::take(layout, command, now, &mut made)
            .inspect_err(|_| made.remove_directories())
    }

    fn take(
        layout: &Layout,
        command: &str,
        now: OffsetDateTime,
        made: &mut Made,
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
        })
    }

    /// Returns the command of a killed run whose transaction this one has finished.
    pub fn recovered(&self) -> Option<&str> {
        self.recovered.as_deref()
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
        let prepared = self.stage(&mut staging, interrupted).and_then(|committed| {
            if staging.files.is_empty() {
                return Ok((committed, None));
            }
            let journal = self.journal(&staging, &committed);
            journal
                .write(&self.state, staging.owner())
                .map_err(refused_or(TreeState::Unchanged))?;
            Ok((committed, Some(journal)))
        });
        match prepared {
            Ok((committed, None)) => Ok(committed),
            Ok((committed, Some(_))) => {
                self.publish(&staging, &committed)?;
                Ok(committed)
            }
            Err(error) => {
                self.discard(&staging);
                Err(error)
            }
        }
    }

    /// Makes every file that the commit needs and lets it be durable.
    fn stage(
        &self,
        staging: &mut Staging,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Committed, TransactionError> {
        let failed = refused_or(TreeState::Unchanged);
        let mut committed = Committed {
            tightened: tighten(&self.layout).map_err(&failed)?,
            ..Committed::default()
        };
        for write in &self.writes {
            if interrupted() {
                return Err(TransactionError::Interrupted);
            }
            let (directory, name) = staging.locate(&self.layout, &write.file).map_err(&failed)?;
            let old = match staging
                .made
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
            if let Some(old) = &old {
                if old.bytes == write.bytes && old.attributes == attributes {
                    continue;
                }
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
                &self.command,
                self.now,
                &replaced,
                staging.owner(),
            )
            .map_err(&failed)?;
            committed.generation = Some(name);
        }
        staging.made.sync().map_err(&failed)?;
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
        let renamed = staging.rename_all().and_then(|()| staging.made.sync());
        if let Err(error) = renamed {
            let undone = Journal::turn_round(&self.state)
                .and_then(|()| staging.undo())
                .and_then(|()| staging.made.sync())
                .and_then(|()| generations::discard(&self.state))
                .and_then(|()| Journal::remove(&self.state));
            let state = if undone.is_ok() {
                TreeState::Unchanged
            } else {
                TreeState::Pending
            };
            if undone.is_ok() {
                staging.made.remove_directories();
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
        staging.made.sync().map_err(changed)
    }

    /// Removes everything that was made before the commit point. What cannot be removed is litter for the next run.
    fn discard(&self, staging: &Staging) {
        for staged in &staging.files {
            if let Ok(directory) = staging.made.open(&staged.directory) {
                let _litter = directory.remove(&staged_name(&staged.name));
                let _litter = directory.remove(&kept_name(&staged.name));
            }
        }
        let _litter = self.state.remove(&staged_name("journal.commit"));
        let _litter = generations::discard(&self.state);
        let _unsynced = staging.made.sync();
        staging.made.remove_directories();
    }
}

/// New files beside their targets.
#[derive(Default)]
struct Staging {
    made: Made,
    files: Vec<Staged>,
    /// The new files, not yet synced.
    open: Vec<(File, PathBuf)>,
}

struct Staged {
    file: TreePath,
    directory: PathBuf,
    name: String,
    old: Option<Box<Contents>>,
}

impl Staging {
    /// Returns the directory and name that a file really has, following a link that stays inside the tree.
    fn locate(&mut self, layout: &Layout, file: &TreePath) -> Result<(PathBuf, String), FileError> {
        let path = layout.path(file);
        let parent = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        self.made.directory(&parent)?;
        let real_parent = parent
            .canonicalize()
            .map_err(FileError::io("opening the directory", &parent))?;
        if !files::is_inside(layout, &real_parent) {
            let what = format!(
                "a symbolic link leads from it to `{}`, which is outside the tree",
                real_parent.display()
            );
            return Err(FileError::unexpected("opening the directory", parent, what));
        }
        let real = match files::follow(layout, &path) {
            Ok(real) => real,
            Err(error) if error.is_not_found() => path.clone(),
            Err(error) => return Err(error),
        };
        let parent = real.parent().unwrap_or(Path::new("/")).to_path_buf();
        self.made.directory(&parent)?;
        let name = real
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or(file.file_name())
            .to_owned();
        Ok((parent, name))
    }

    fn stage(
        &mut self,
        file: &TreePath,
        directory: PathBuf,
        name: String,
        bytes: &[u8],
        attributes: Attributes,
        old: Option<Box<Contents>>,
    ) -> Result<(), FileError> {
        let opened = self.made.open(&directory)?;
        let (staged, kept) = (staged_name(&name), kept_name(&name));
        let existed = old.is_some();
        let old_copy = old.as_ref().map(|old| (old.bytes.clone(), old.attributes));
        // Entered first, so that a failure below finds what it has to remove.
        self.files.push(Staged {
            file: file.clone(),
            directory: directory.clone(),
            name: name.clone(),
            old,
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
            self.made
                .open(&staged.directory)?
                .rename(&staged_name(&staged.name), &staged.name)?;
        }
        Ok(())
    }

    fn undo(&self) -> Result<(), FileError> {
        for staged in self.files.iter().rev() {
            undo_one(
                self.made.open(&staged.directory)?,
                &staged.name,
                staged.old.is_some(),
            )?;
        }
        Ok(())
    }

    fn remove_kept(&self) -> Result<(), FileError> {
        for staged in self.files.iter().filter(|staged| staged.old.is_some()) {
            self.made
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

/// The directories in use, and which of them did not exist before.
#[derive(Default)]
struct Made {
    open: BTreeMap<PathBuf, Directory>,
    /// The parent and the name of each.
    created: Vec<(Directory, String)>,
}

impl Made {
    /// Opens a directory of the tree, making it and what is missing above it with mode 0755, as kubeadm does.
    fn directory(&mut self, path: &Path) -> Result<&Directory, FileError> {
        if !self.open.contains_key(path) {
            self.create(path, 0o755)?;
            self.open.insert(path.to_path_buf(), Directory::open(path)?);
        }
        self.open(path)
    }

    /// Makes a directory with this mode, and what is missing above it with mode 0755.
    fn create(&mut self, path: &Path, mode: u32) -> Result<(), FileError> {
        let (Some(parent), Some(name)) = (
            path.parent(),
            path.file_name().and_then(|name| name.to_str()),
        ) else {
            return Ok(());
        };
        let missing = path
            .symlink_metadata()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        if missing {
            self.create(parent, 0o755)?;
            let parent = Directory::open_any(parent)?;
            if parent.create_directory(name, mode)? {
                parent.sync()?;
                self.created.push((parent, name.to_owned()));
            }
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> Result<&Directory, FileError> {
        self.open
            .get(path)
            .ok_or_else(|| FileError::unexpected("opening the directory", path, "it is not open"))
    }

    /// Makes all names in all directories durable.
    fn sync(&self) -> Result<(), FileError> {
        self.open.values().try_for_each(Directory::sync)
    }

    /// Removes the directories that were made, as far as they are empty.
    fn remove_directories(&self) {
        for (parent, name) in self.created.iter().rev() {
            let _occupied = parent.remove_directory(name);
            let _unsynced = parent.sync();
        }
    }
}

/// Finishes what the journal promises, or removes the litter of a run that promised nothing.
fn recover(layout: &Layout, state: &Directory) -> Result<Option<String>, TransactionError> {
    let pending = |error| TransactionError::Failed {
        error,
        state: TreeState::Pending,
    };
    let Some((direction, journal)) = Journal::read(state).map_err(TransactionError::Refused)?
    else {
        remove_litter(layout, state).map_err(refused_or(TreeState::Unchanged))?;
        return Ok(None);
    };
    if journal.certificates != layout.certificates_name() {
        let what = format!(
            "it is pending for the certificates directory `{}`: run again with that one",
            journal.certificates
        );
        return Err(TransactionError::Refused(FileError::unexpected(
            "finishing the transaction of",
            state.path(),
            what,
        )));
    }
    let mut staging = Staging::default();
    for file in &journal.files {
        let (directory, name) = staging.locate(layout, &file.file).map_err(pending)?;
        let opened = staging.made.open(&directory).map_err(pending)?;
        match direction {
            Direction::Commit if opened.contains(&staged_name(&name)).map_err(pending)? => {
                opened.rename(&staged_name(&name), &name).map_err(pending)?;
            }
            // Its rename had been done.
            Direction::Commit => {}
            Direction::Undo => undo_one(opened, &name, file.existed).map_err(pending)?,
        }
    }
    staging.made.sync().map_err(pending)?;
    match (direction, &journal.generation) {
        (Direction::Commit, Some(generation)) => {
            generations::finish(state, generation).map_err(pending)?
        }
        _ => generations::discard(state).map_err(pending)?,
    }
    Journal::remove(state).map_err(pending)?;
    remove_litter(layout, state).map_err(refused_or(TreeState::Changed))?;
    Ok(Some(journal.command))
}

/// Gives the old file its name back, or takes the name away from the new one where there was no old one.
fn undo_one(directory: &Directory, name: &str, existed: bool) -> Result<(), FileError> {
    let (staged, kept) = (staged_name(name), kept_name(name));
    let renamed = !directory.contains(&staged)?;
    if !renamed {
        directory.remove(&staged)?;
    }
    if existed {
        if directory.contains(&kept)? {
            // Where the file was not renamed, both names are the same file and rename would do nothing.
            if renamed {
                directory.rename(&kept, name)?;
            }
            directory.remove(&kept)?;
        }
    } else if renamed {
        directory.remove(name)?;
    }
    Ok(())
}

/// Returns the directories of a tree in which a transaction makes files, as far as they exist.
fn directories(layout: &Layout) -> Result<Vec<Directory>, FileError> {
    let etcd = layout.certificates.join("etcd");
    [
        layout.kubeconfigs.clone(),
        layout.certificates.clone(),
        etcd,
        layout.directory(Root::State),
    ]
    .iter()
    .filter(|path| path.is_dir())
    .map(|path| Directory::open(path))
    .collect()
}

fn remove_litter(layout: &Layout, state: &Directory) -> Result<(), FileError> {
    for directory in directories(layout)? {
        let mut removed = false;
        for name in directory.names()?.iter().filter(|name| is_litter(name)) {
            removed |= directory.remove(name)?;
        }
        if removed {
            directory.sync()?;
        }
    }
    generations::discard(state)
}

/// Returns the private files that others can open, with their modes.
fn loose(layout: &Layout) -> Result<Vec<(TreePath, u32)>, FileError> {
    let private = CATALOG
        .iter()
        .flat_map(|row| layout::files(row))
        .filter(|(_, access)| *access == Access::Private);
    let mut loose = Vec::new();
    for (file, access) in private {
        match files::attributes_of(layout, &file) {
            Ok(Some(Attributes { mode, .. })) if mode & 0o7777 & !access.mode() & 0o077 != 0 => {
                loose.push((file, mode))
            }
            Ok(_) => {}
            // Whoever wants to use it finds out what is wrong with it.
            Err(FileError {
                reason: Reason::Unexpected(_),
                ..
            }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(loose)
}

/// Takes the private files that others can open away from them, whether or not they are replaced: a CA's key is not.
fn tighten(layout: &Layout) -> Result<Vec<(TreePath, u32)>, FileError> {
    let loose = loose(layout)?;
    for (file, mode) in &loose {
        files::restrict(layout, file, mode & Access::Private.mode())?;
    }
    Ok(loose)
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

/// A tree that is not what it should be is refused; a system that does not do as it is told is a failure.
fn refused_or(state: TreeState) -> impl Fn(FileError) -> TransactionError {
    move |error| match error.reason {
        Reason::Unexpected(_) if state == TreeState::Unchanged => TransactionError::Refused(error),
        _ => TransactionError::Failed { error, state },
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransactionError::Busy(busy) => busy.fmt(f),
            TransactionError::Refused(error) => write!(f, "{error}\nnote: no file was changed"),
            TransactionError::Interrupted => {
                f.write_str("interrupted by a signal\nnote: no file was changed")
            }
            TransactionError::Failed { error, state } => write!(f, "{error}\nnote: {state}"),
        }
    }
}

impl std::error::Error for TransactionError {}

impl fmt::Display for TreeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TreeState::Unchanged => "no file was changed",
            TreeState::Changed => "the new files are all in place; only the cleaning up failed, and the next run does it",
            TreeState::Pending => {
                "some files are in place and some are not yet: the next `pki` command that writes finishes this transaction"
            }
        })
    }
}

#[cfg(test)]
mod tests;
