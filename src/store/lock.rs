//! The lock of a tree: a `flock` on the certificate directory, which the kernel releases when the process ends.
//!
//! The kubeconfig directory is locked, too, because two certificate directories may share it. Locking writes nothing.
//! A run writes a file with its command next to the certificates after its plan is accepted.

use std::cell::Cell;
use std::io::Read;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::outcome::{Busy, TransactionError};
use crate::fs::directory::{Directory, NewAttributes, Opened};
use crate::fs::file::FileError;
use crate::tree::layout::Root;
use crate::tree::places::Places;
use crate::util::escape::{escape, shell_path};
use crate::util::secret;

/// The file that names the run with the lock.
pub(super) const HOLDER: &str = ".pki-lock";

/// How long to wait for another run; most runs hold the lock for less.
const MAX_WAIT: Duration = Duration::from_millis(200);
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// The most bytes of the holder's file that are shown.
const MAX_HOLDER: u64 = 200;

/// The held lock of a tree.
pub(super) struct Lock {
    certificates: Arc<Directory>,
    _kubeconfigs: Arc<Directory>,
    is_announced: Cell<bool>,
}

impl Lock {
    /// Takes the lock of a tree. Creates missing directories.
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
                // The other run may already use the directories that this run created.
                places.keep_created();
                places.forget();
                return Err(LockError::Busy(busy));
            }
        }
        // A refused run may have removed the directory before this run locked it.
        let now = Places::new(places.layout());
        for (root, locked) in [
            (Root::Certificates, &certificates),
            (Root::Kubeconfigs, &kubeconfigs),
        ] {
            let current = now.directory(root)?;
            if current.is_none_or(|current| current.id() != locked.id()) {
                places.forget();
                return Err(LockError::Busy(Busy {
                    holder: String::new(),
                    hint: None,
                }));
            }
        }
        Ok(Lock {
            certificates,
            _kubeconfigs: kubeconfigs,
            is_announced: Cell::new(false),
        })
    }

    /// Names this run for other runs. A failure is ignored.
    pub(super) fn announce(&self, holder: &str) {
        let text = format!("{holder}\n");
        let own = NewAttributes::own(0o600);
        let _created = self.certificates.create(HOLDER, text.as_bytes(), &own);
        self.is_announced.set(true);
    }

    /// Removes the file that [`Lock::announce`] wrote.
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
    /// Returns who holds the lock of a certificate directory, as far as its file tells.
    pub(super) fn announced_in(certificates: &Directory) -> Busy {
        let mut holder = String::new();
        // If the file cannot be read, the holder is unknown.
        if let Ok(Opened::File(file)) = certificates.open_file(HOLDER) {
            let _read = Read::take(file.into_file(), MAX_HOLDER).read_to_string(&mut holder);
        }
        // Any user who can open the directory can lock it.
        let hint = holder.is_empty().then(|| {
            let directory = shell_path(certificates.path());
            format!("`fuser -v {directory}` shows the process")
        });
        Busy {
            holder: escape(&secret::shown(holder.trim_end().to_owned())),
            hint,
        }
    }
}
