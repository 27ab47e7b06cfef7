//! Output files outside a tree.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf, absolute};

use memchr::memmem;
use rustix::io::Errno;
use tempfile::Builder;

use super::directory::{FileKind, NewAttributes};
use super::file::{self, FileError, FileErrorReason};
use super::walk::{Destination, Links, Position};

/// Returns the file that is replaced. Links are followed if root or this user owns them: another user could lead a run of root
/// to any file.
///
/// # Errors
/// If there is something that is not a regular file, such as a device: replacing it would break the machine; or if its
/// directory cannot be written in.
pub fn target(path: &Path) -> Result<PathBuf, FileError> {
    let path = absolute(path).map_err(FileError::io("writing", path))?;
    let unexpected = |what| Err(FileError::unexpected("writing", &path, what));
    match Position::machine()?.resolve(&path, Links::Trusted)? {
        Destination::File(position, name) => {
            let directory = position.directory()?;
            match directory.kind(&name)? {
                Some(FileKind::File) => {
                    directory.check_writable()?;
                    Ok(directory.path().join(name))
                }
                _ => unexpected("it is not a regular file"),
            }
        }
        Destination::Directory(_) => unexpected("it is not a regular file"),
        Destination::Missing(position, names) => match names.as_slice() {
            [name] => {
                let directory = position.directory()?;
                directory.check_writable()?;
                Ok(directory.path().join(name))
            }
            _ => Err(FileError::io("writing", &path)(Errno::NOENT)),
        },
    }
}

/// Returns whether a file, as [`target`] returns it, is in a directory or below it. A directory that does not exist holds nothing.
pub fn is_in(file: &Path, directory: &Path) -> bool {
    fs::canonicalize(directory).is_ok_and(|directory| file.starts_with(directory))
}

/// As [`is_in`], for any of several directories.
pub fn is_in_any(file: &Path, directories: &[PathBuf]) -> bool {
    directories.iter().any(|directory| is_in(file, directory))
}

/// Returns whether a file holds a key, a certificate or a request, which no report or kubeconfig replaces.
pub fn holds_pem(file: &Path) -> bool {
    // One that cannot be read, or is larger, is none.
    let contents = file::read_given(file, file::MAX_FILE_SIZE);
    contents.is_ok_and(|contents| memmem::find(&contents.bytes, b"-----BEGIN ").is_some())
}

/// Replaces a file, as [`target`] returns it, as a whole: a reader sees the old contents or the new ones.
///
/// # Errors
/// If the directory cannot be written in. The file then has its old contents.
pub fn replace(path: &Path, mut contents: impl Read, mode: u32) -> Result<(), FileError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(FileError::unexpected(
            "writing",
            path,
            "it has no file name",
        ));
    };
    // The directory is held open, so a link that takes its place is not followed.
    let Destination::Directory(position) = Position::machine()?.resolve(parent, Links::Trusted)?
    else {
        return Err(FileError::io("writing", path)(Errno::NOENT));
    };
    let directory = position.directory()?;
    let own = NewAttributes::own(mode);
    let temporary = Builder::new()
        .prefix(".pki-output-")
        .make_in(parent, |path| {
            let created = directory.create(path.file_name().unwrap_or_default(), b"", &own);
            created.map(|created| created.file).map_err(system_error)
        });
    let failed = |error| FileError::io("writing", path)(without_name(error));
    let temporary = temporary.map_err(failed)?;
    let mut file = temporary.as_file();
    io::copy(&mut contents, &mut file)
        .and_then(|_| file.sync_all())
        .map_err(failed)?;
    directory.rename(temporary.path().file_name().unwrap_or_default(), name)?;
    // It has its name, so nothing is left to remove.
    let _path = temporary.into_temp_path().keep();
    Ok(())
}

fn system_error(error: FileError) -> io::Error {
    match error.reason {
        FileErrorReason::Io(error) => error,
        FileErrorReason::Unexpected(what) => io::Error::other(what),
    }
}

/// Takes the name of the temporary file off, which tempfile adds to an error.
fn without_name(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.source());
    let errno = cause
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .and_then(Errno::from_io_error);
    errno.map_or(error, io::Error::from)
}
