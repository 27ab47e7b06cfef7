//! One writer at a time: the lock of the certificate directory itself, which dies with the process that holds it.
//!
//! The kubeconfig directory is locked too: two certificate directories may share one. Nothing is written to take a lock. Once
//! its plan was accepted, a run leaves a file beside the certificates that says who it is.

use std::cell::Cell;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::outcome::TransactionError;
use crate::fs::directory::{Directory, NewAttributes, Opened};
use crate::fs::file::FileError;
use crate::tree::layout::Root;
use crate::tree::places::Places;
use crate::util::escape::escape;

/// The file that says who holds the lock.
pub(super) const HOLDER: &str = ".pki-lock";

/// How long another run is waited for: most hold the lock for less.
const MAX_WAIT: Duration = Duration::from_millis(200);
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// How much of the holder's file is shown.
const MAX_HOLDER: u64 = 200;

/// The held lock of a tree.
pub(super) struct Lock {
    certificates: Arc<Directory>,
    _kubeconfigs: Arc<Directory>,
    is_announced: Cell<bool>,
}

/// Another run holds the lock.
#[derive(Debug)]
pub struct Busy {
    /// What that run wrote about itself; empty if it had not come that far.
    pub holder: String,
}

impl Lock {
    /// Takes the lock of a tree, whose directories are made if they do not exist.
    pub(super) fn take(places: &Places) -> Result<Lock, TransactionError> {
        let started = Instant::now();
        loop {
            let busy = match Lock::attempt(places) {
                Ok(lock) => {
                    places.set_locked();
                    return Ok(lock);
                }
                Err(LockError::File(error)) => return Err(TransactionError::before_commit(error)),
                Err(LockError::Busy(busy)) => busy,
            };
            if started.elapsed() >= MAX_WAIT {
                return Err(TransactionError::Busy(busy));
            }
            sleep(RETRY_INTERVAL);
        }
    }

    fn attempt(places: &Places) -> Result<Lock, LockError> {
        places.judge_roots()?;
        let certificates = places.create(Root::Certificates)?;
        let kubeconfigs = places.create(Root::Kubeconfigs)?;
        let mut directories = vec![&certificates];
        if kubeconfigs.id() != certificates.id() {
            directories.push(&kubeconfigs);
        }
        for directory in directories {
            if !directory.try_lock()? {
                let busy = Busy::announced_in(&certificates);
                // The other run may be using the directories that this one has made.
                places.keep_created();
                places.forget();
                return Err(LockError::Busy(busy));
            }
        }
        // A run that was refused may have removed the directory again before this one had the lock.
        let now = Places::new(places.layout());
        for (root, locked) in [
            (Root::Certificates, &certificates),
            (Root::Kubeconfigs, &kubeconfigs),
        ] {
            let current = now.directory(root)?;
            if current.is_none_or(|current| current.id() != locked.id()) {
                places.forget();
                let holder = String::new();
                return Err(LockError::Busy(Busy { holder }));
            }
        }
        Ok(Lock {
            certificates,
            _kubeconfigs: kubeconfigs,
            is_announced: Cell::new(false),
        })
    }

    /// Says to other runs who holds the lock. That is a courtesy, and its failure stops nothing.
    pub(super) fn announce(&self, holder: &str) {
        let text = format!("{holder}\n");
        let own = NewAttributes::own(0o600);
        let _created = self.certificates.create(HOLDER, text.as_bytes(), &own);
        self.is_announced.set(true);
    }

    /// Removes what [`Lock::announce`] has written, so that the next run is never announced by it.
    pub(super) fn remove_announcement(&self) {
        if self.is_announced.replace(false) {
            let _removed = self.certificates.remove(HOLDER);
        }
    }
}

/// Why an attempt failed.
enum LockError {
    Busy(Busy),
    File(FileError),
}

impl From<FileError> for LockError {
    fn from(error: FileError) -> LockError {
        LockError::File(error)
    }
}

impl Busy {
    fn announced_in(certificates: &Directory) -> Busy {
        let mut holder = String::new();
        // What cannot be read is not named.
        if let Ok(Opened::File(file)) = certificates.open_file(HOLDER) {
            let _read = Read::take(file.into_file(), MAX_HOLDER).read_to_string(&mut holder);
        }
        Busy {
            holder: escape(holder.trim_end()),
        }
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another `pki` run holds the lock of this tree")?;
        if self.holder.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.holder)
        }
    }
}

impl std::error::Error for Busy {}
