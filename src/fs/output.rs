//! Output files outside a tree.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf, absolute};

use rustix::io::Errno;
use tempfile::Builder;

use super::file::FileError;

/// Returns the file that is replaced: a link is followed.
///
/// # Errors
/// If there is something that is not a regular file, such as a device: replacing it would break the machine.
pub fn target(path: &Path) -> Result<PathBuf, FileError> {
    let error = |error: io::Error| FileError::io("writing", path)(error);
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let what = "it is not a regular file";
            Err(FileError::unexpected("writing", path, what))
        }
        Ok(_) => fs::canonicalize(path).map_err(error),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            let path = absolute(path).map_err(error)?;
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(FileError::unexpected(
                    "writing",
                    path,
                    "it has no file name",
                ));
            };
            Ok(fs::canonicalize(parent).map_err(error)?.join(name))
        }
        Err(other) => Err(error(other)),
    }
}

/// Returns whether a file, as [`target`] returns it, is in a directory or below it. A directory that does not exist holds nothing.
pub fn is_in(file: &Path, directory: &Path) -> bool {
    fs::canonicalize(directory).is_ok_and(|directory| file.starts_with(directory))
}

/// Replaces a file as a whole: a reader sees the old contents or the new ones.
///
/// # Errors
/// If the directory cannot be written in. The file then has its old contents.
pub fn replace(path: &Path, contents: &[u8], mode: u32) -> Result<(), FileError> {
    let write = || {
        let directory = path.parent().unwrap_or(Path::new("/"));
        let permissions = || Permissions::from_mode(mode);
        let mut file = Builder::new()
            .prefix(".pki-output-")
            .permissions(permissions())
            .tempfile_in(directory)?;
        file.write_all(contents)?;
        // The umask decided about the mode until now.
        file.as_file().set_permissions(permissions())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error: io::Error| FileError::io("writing", path)(without_name(error)))
}

/// Takes the name of the temporary file off, which tempfile adds to an error.
fn without_name(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.source());
    let errno = cause
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .and_then(Errno::from_io_error);
    errno.map_or(error, io::Error::from)
}
