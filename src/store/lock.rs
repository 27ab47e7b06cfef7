//! One writer at a time: an OS lock on an open file, which dies with the process that holds it.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::fs::directory::Directory;
use crate::fs::file::{self, FileError};
use crate::util::escape::escaped;

const NAME: &str = "lock";

/// The held lock of a tree.
pub(super) struct Lock {
    /// Closing it releases the lock.
    file: File,
}

impl Drop for Lock {
    /// Takes the name of this run out, so that the next one is never announced by it.
    fn drop(&mut self) {
        let _courtesy = self.file.set_len(0).and_then(|()| self.file.sync_all());
    }
}

/// Another run holds the lock.
#[derive(Debug)]
pub struct Busy {
    /// What that run wrote about itself; empty if it had not come that far.
    pub holder: String,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(super) enum LockError {
    Busy(Busy),
    File(FileError),
}

impl Lock {
    /// Returns who holds the lock of a state directory; none if nobody does, or there is no lock to be seen.
    pub(super) fn holder(state: &Path) -> Option<Busy> {
        let (mut file, _) = file::open_regular(&state.join(NAME)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(Busy::announced_in(&mut file)),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    /// Takes the lock at once or not at all, and writes `holder` into it for whoever comes next.
    pub(super) fn take(state: &Directory, holder: &str) -> Result<Lock, LockError> {
        let path = state.path().join(NAME);
        let mut file = state.open_lock(NAME).map_err(LockError::File)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Busy(Busy::announced_in(&mut file)));
            }
            Err(TryLockError::Error(error)) => {
                return Err(LockError::File(FileError::io("locking", path)(error)));
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{holder}"))
            .and_then(|()| file.sync_all())
            .map_err(FileError::io("writing", path))
            .map_err(LockError::File)?;
        Ok(Lock { file })
    }
}

impl Busy {
    fn announced_in(file: &mut File) -> Busy {
        let mut holder = String::new();
        // Only a courtesy: what cannot be read is not named.
        let _read = Read::take(file, 200).read_to_string(&mut holder);
        Busy {
            holder: escaped(holder.trim_end()),
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
