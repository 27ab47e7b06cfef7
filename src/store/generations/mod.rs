//! The old files of the last transactions, one directory with mode 0700 for each, in `.pki/generations`.
//!
//! This module reads them; `keep` writes and removes them, `cursor` has the order of rollbacks. A generation is
//! written under a hidden name and renamed when its transaction is over. Links and unknown names are not opened.

pub mod cursor;
pub(super) mod keep;

use serde::{Deserialize, Serialize};

use crate::fs::directory::{Directory, FileKind, Opened};
use crate::fs::file::{Contents, FileError, MAX_FILE_SIZE};
use crate::tree::journal::is_generation_name;
use crate::tree::layout::{self, GENERATIONS_DIRECTORY, Root, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::places::Places;
use crate::util::secret;

pub use keep::{FileToReplace, Pruned};

const DIRECTORY: &str = GENERATIONS_DIRECTORY;
const UNFINISHED: &str = ".new";
const MANIFEST: &str = "manifest.json";

const VERSION: u32 = 2;

/// The largest sequence number that is read. The next one does not overflow, and JSON readers keep it exact.
const MAX_SEQUENCE: u64 = 1 << 53;

/// The files that one transaction replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its name, which begins with its time.
    pub name: String,
    /// Its position in the order of all generations; unlike the time, it does not depend on the clock.
    pub(crate) sequence: u64,
    /// The command that replaced the files.
    pub command: String,
    /// When, RFC 3339.
    pub time: String,
    /// The certificate directory that the files belong to.
    certificates: String,
    /// The names of the generations that were there when it was made, readable or not.
    earlier: Vec<String>,
    /// What kind of transaction it was.
    pub change: TransactionKind,
    /// The files, in the order in which they were replaced.
    pub files: Vec<GenerationFile>,
}

/// What kind of transaction a generation comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TransactionKind {
    /// It made something new. `after_rollback_to` is the generation before which the tree was, after a rollback.
    New {
        /// The generation.
        after_rollback_to: Option<String>,
    },
    /// It restored the state before the generation `to`; `None` means the state before the first rollback.
    Rollback {
        /// The generation.
        to: Option<String>,
    },
}

/// One file of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationFile {
    /// The file.
    pub file: TreePath,
    /// The name of its old bytes in the generation; `None` if the file is new.
    stored: Option<String>,
}

impl GenerationFile {
    /// Returns whether the file existed before.
    pub fn existed(&self) -> bool {
        self.stored.is_some()
    }
}

impl Generation {
    /// Returns whether a generation is known to be older; the clock may have been set back since.
    pub fn is_after(&self, name: &str) -> bool {
        self.earlier.iter().any(|earlier| earlier == name)
    }

    /// Returns whether it comes from a rollback.
    pub fn is_rollback(&self) -> bool {
        matches!(self.change, TransactionKind::Rollback { .. })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    sequence: u64,
    command: String,
    time: String,
    certificates: String,
    #[serde(default)]
    earlier: Vec<String>,
    change: TransactionKind,
    files: Vec<GenerationFile>,
}

/// The kept generations of a tree.
#[derive(Debug, Default)]
pub struct Generations {
    /// The readable ones, oldest first.
    pub all: Vec<Generation>,
    /// The others.
    pub unreadable: Vec<UnreadableGeneration>,
}

/// A generation that cannot be read.
#[derive(Debug)]
pub struct UnreadableGeneration {
    /// Its name, which begins with its time.
    pub name: String,
    /// Why.
    pub error: FileError,
}

impl Generations {
    /// Reads the kept generations of a tree; one whose transaction is pending counts as kept.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub(crate) fn read(places: &Places, tree: &Tree) -> Result<Generations, FileError> {
        let Some(directory) = open(places)? else {
            return Ok(Generations::default());
        };
        let mut generations = list(&directory)?;
        if let Some(name) = tree.pending_generation() {
            match manifest(&directory, UNFINISHED, name) {
                Ok(Some(generation)) => generations.all.push(generation),
                // It is already renamed.
                Ok(None) => {}
                Err(error) => {
                    let name = name.to_owned();
                    let unreadable = UnreadableGeneration { name, error };
                    generations.unreadable.push(unreadable);
                }
            }
        }
        // Two certificate directories may share their state.
        let own = places.certificates_name()?;
        generations
            .all
            .retain(|generation| generation.certificates == own);
        generations
            .all
            .sort_by_key(|generation| generation.sequence);
        Ok(generations)
    }

    /// Returns what purging would do.
    ///
    /// # Errors
    /// If nothing could be removed.
    pub(crate) fn would_purge(&self, places: &Places) -> Result<Pruned, FileError> {
        keep::check(places)?;
        let mut warnings = keep::stuck(places)?;
        let unreadable = self.unreadable.iter();
        warnings.extend(unreadable.map(|kept| kept.error.to_string()));
        let mut dropped: Vec<_> = self.all.iter().map(|kept| kept.name.clone()).collect();
        dropped.extend(keep::partly_removed(places)?);
        Ok(Pruned { dropped, warnings })
    }
}

/// Reads the old bytes of a file of a generation; `None` if there was no such file before.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn read(
    places: &Places,
    generation: &Generation,
    file: &GenerationFile,
) -> Result<Option<Contents>, FileError> {
    let Some(stored) = &file.stored else {
        return Ok(None);
    };
    let path = places.layout().directory(Root::State).join(DIRECTORY);
    let gone = || {
        let path = path.join(&generation.name).join(stored);
        FileError::unexpected(
            "reading",
            path,
            "the manifest lists it, but it does not exist",
        )
    };
    let directory = open(places)?.ok_or_else(gone)?;
    let name = match directory.kind(&generation.name)? {
        Some(_) => &generation.name,
        None => UNFINISHED,
    };
    match directory.open_directory(name)?.open_file(stored)? {
        Opened::File(file) => file.contents(MAX_FILE_SIZE).map(Some),
        Opened::Missing | Opened::Link => Err(gone()),
    }
}

/// Opens the directory of the generations; `None` if it does not exist.
fn open(places: &Places) -> Result<Option<Directory>, FileError> {
    let Some(state) = places.directory(Root::State)? else {
        return Ok(None);
    };
    match state.kind(DIRECTORY)? {
        Some(_) => state.open_directory(DIRECTORY).map(Some),
        None => Ok(None),
    }
}

/// Reads the manifest of every finished generation, whatever certificate directory it belongs to.
fn list(directory: &Directory) -> Result<Generations, FileError> {
    let mut generations = Generations::default();
    for name in directory.names()? {
        let Some(name) = name.to_str().filter(|name| is_generation_name(name)) else {
            continue;
        };
        let error = match manifest(directory, name, name) {
            Ok(Some(generation)) => {
                generations.all.push(generation);
                continue;
            }
            Ok(None) => {
                let path = directory.path().join(name);
                let what = "it has no manifest: its removal was interrupted";
                FileError::unexpected("reading", path, what)
            }
            // Another run may be removing it.
            Err(error) if error.is_not_found() => continue,
            Err(error) => error,
        };
        let name = name.to_owned();
        generations
            .unreadable
            .push(UnreadableGeneration { name, error });
    }
    Ok(generations)
}

/// Reads the manifest of a generation; `None` if it does not exist.
fn manifest(
    generations: &Directory,
    directory: &str,
    name: &str,
) -> Result<Option<Generation>, FileError> {
    if directory == UNFINISHED && generations.kind(UNFINISHED)? != Some(FileKind::Directory) {
        return Ok(None);
    }
    let directory = generations.open_directory(directory)?;
    let path = directory.path().join(MANIFEST);
    let bytes = match directory.open_file(MANIFEST)? {
        Opened::Missing => return Ok(None),
        Opened::Link => {
            return Err(FileError::unexpected(
                "reading",
                path,
                "it is a symbolic link",
            ));
        }
        Opened::File(file) => file.contents(MAX_FILE_SIZE)?.bytes,
    };
    let refuse = |what: String| FileError::unexpected("reading", &path, what);
    let mut manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| {
        let reason = secret::shown(error.to_string());
        refuse(format!(
            "it is not a manifest of this version of `pki`: {reason}"
        ))
    })?;
    manifest.command = secret::shown(manifest.command);
    manifest.time = secret::shown(manifest.time);
    manifest.check().map_err(refuse)?;
    Ok(Some(manifest.named(name)))
}

impl Manifest {
    /// Checks the names in a manifest, which may come from an archive.
    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("it has version {}, want {VERSION}", self.version));
        }
        if self.sequence > MAX_SEQUENCE {
            return Err("its sequence number is too large".to_owned());
        }
        for GenerationFile { file, stored } in &self.files {
            let is_own = layout::is_known(file)
                && stored
                    .as_ref()
                    .is_none_or(|stored| *stored == layout::stored_name(file));
            if !is_own {
                let name = secret::quote(&file.relative);
                return Err(format!("it names {name}, which is not a file of a tree"));
            }
        }
        let (TransactionKind::New {
            after_rollback_to: name,
        }
        | TransactionKind::Rollback { to: name }) = &self.change;
        match name {
            Some(name) if !is_generation_name(name) => Err(format!(
                "it names {}, which is not a generation",
                secret::quote(name)
            )),
            _ => Ok(()),
        }
    }

    fn named(self, name: &str) -> Generation {
        Generation {
            name: name.to_owned(),
            sequence: self.sequence,
            command: self.command,
            time: self.time,
            certificates: self.certificates,
            earlier: self.earlier,
            change: self.change,
            files: self.files,
        }
    }
}
