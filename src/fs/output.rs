//! Output files outside a tree.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use memchr::memmem;
use rustix::io::Errno;
use tempfile::{Builder, NamedTempFile};

use super::directory::{Directory, FileKind, NewAttributes};
use super::file::{self, FileError, FileErrorReason};
use super::ownership::{DirectoryUse, judge};
use super::walk::{Destination, Links, Position};
use crate::util::escape::escape;

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
    // A file that cannot be read, or is larger, does not count.
    let contents = file::read_given(file, file::MAX_FILE_SIZE);
    contents.is_ok_and(|contents| memmem::find(&contents.bytes, b"-----BEGIN ").is_some())
}

/// Returns the file that is created. As [`target`], but nothing may be there.
///
/// # Errors
/// If something is there, or the directory cannot be written in.
pub fn new_target(path: &Path) -> Result<PathBuf, FileError> {
    // A link is not followed: its file would be in another directory than the one that is named.
    let is_free = |file: &Path| {
        let status = fs::symlink_metadata(file);
        status.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let taken = |file: &Path| {
        FileError::unexpected("creating", file, "already exists")
            .with_hint("move it away, or choose another name or directory")
    };
    let given = absolute(path).map_err(FileError::io("creating", path))?;
    if fs::symlink_metadata(&given).is_ok() {
        return Err(taken(&given));
    }
    let file = target(path)?;
    match is_free(&file) {
        true => Ok(file),
        false => Err(taken(&file)),
    }
}

/// Returns which other users can change the files in a directory, by the judgement that trees have.
///
/// # Errors
/// If no file may be written there, because everybody can change it.
pub fn other_writers(directory: &Path) -> Result<Option<String>, FileError> {
    let path = absolute(directory).map_err(FileError::io("writing in", directory))?;
    let Destination::Directory(position) = Position::machine()?.resolve(&path, Links::Trusted)?
    else {
        return Ok(None);
    };
    match judge(position.directory()?, DirectoryUse::Written) {
        Some(shared) if shared.writers.is_refused() => Err(shared.refusal()),
        shared => Ok(shared.map(|shared| {
            let path = shared.path.display().to_string();
            format!("`{}`: {}", escape(&path), shared.writers.describe())
        })),
    }
}

/// Replaces a file, as [`target`] returns it, as a whole: a reader sees the old contents or the new ones.
///
/// # Errors
/// If the directory cannot be written in. The file then has its old contents.
pub fn replace(path: &Path, contents: impl Read, mode: u32) -> Result<(), FileError> {
    let staged = StagedOutput::write(path, contents, mode)?;
    let temporary = staged.temporary.path().file_name().unwrap_or_default();
    staged.directory.rename(temporary, &staged.name)?;
    // It has its name, so nothing is left to remove.
    let _path = staged.temporary.into_temp_path().keep();
    Ok(())
}

/// A file that is created.
#[derive(Clone, Copy, Debug)]
pub struct OutputFile<'a> {
    /// The path, as [`new_target`] returns it.
    pub path: &'a Path,
    /// The contents.
    pub contents: &'a [u8],
    /// The mode.
    pub mode: u32,
}

/// Files could not be created.
#[derive(Debug)]
pub struct CreationError {
    /// What failed.
    pub error: FileError,
    /// Files of this run that could not be removed again.
    pub left: Vec<PathBuf>,
}

impl From<FileError> for CreationError {
    fn from(error: FileError) -> CreationError {
        CreationError {
            error,
            left: Vec::new(),
        }
    }
}

/// Creates files and replaces none. Each appears as a whole, after the ones before it are on the disk.
///
/// # Errors
/// If one exists by now, or cannot be written. The others are removed again; the error names those that stay.
pub fn create_all(files: &[OutputFile<'_>]) -> Result<(), CreationError> {
    let staged = files
        .iter()
        .map(|file| StagedOutput::write(file.path, file.contents, file.mode))
        .collect::<Result<Vec<_>, _>>()?;
    let mut made = Vec::new();
    for (file, one) in files.iter().zip(&staged) {
        let created = one.appear(file.path).and_then(|()| {
            made.push((file.path, one));
            one.directory.sync()
        });
        if let Err(error) = created {
            // The last one first: a certificate needs its key.
            let left = made
                .iter()
                .rev()
                .filter(|(_, one)| one.directory.remove(&one.name).is_err())
                .map(|(path, _)| path.to_path_buf())
                .collect();
            return Err(CreationError { error, left });
        }
    }
    // The temporary names go, also from the disk: one of them is another name of a key.
    let directories: Vec<_> = staged.into_iter().map(|one| one.directory).collect();
    for directory in directories {
        // All files are on the disk already.
        drop(directory.sync());
    }
    Ok(())
}

/// A file with a temporary name beside its own; it is removed when dropped.
struct StagedOutput {
    directory: Arc<Directory>,
    temporary: NamedTempFile,
    name: OsString,
}

impl StagedOutput {
    fn write(path: &Path, mut contents: impl Read, mode: u32) -> Result<StagedOutput, FileError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(FileError::unexpected(
                "writing",
                path,
                "it has no file name",
            ));
        };
        // The directory is held open, so a link that takes its place is not followed.
        let Destination::Directory(position) =
            Position::machine()?.resolve(parent, Links::Trusted)?
        else {
            return Err(FileError::io("writing", path)(Errno::NOENT));
        };
        let directory = Arc::clone(position.directory()?);
        let own = NewAttributes::own(mode);
        let temporary = Builder::new()
            .prefix(".pki-output-")
            .make_in(parent, |path| {
                let name = path.file_name().unwrap_or_default();
                let created = directory.create(name, b"", &own).map_err(system_error);
                let created = created.inspect_err(|error| {
                    // Its attributes could not be set; another file of that name stays.
                    if error.kind() != io::ErrorKind::AlreadyExists {
                        drop(directory.remove(name));
                    }
                });
                created.map(|created| created.file)
            });
        let failed = |error| FileError::io("writing", path)(without_name(error));
        let temporary = temporary.map_err(failed)?;
        let mut file = temporary.as_file();
        io::copy(&mut contents, &mut file)
            .and_then(|_| file.sync_all())
            .map_err(failed)?;
        Ok(StagedOutput {
            directory,
            temporary,
            name: name.to_owned(),
        })
    }

    /// Gives the file its name, which must be free.
    fn appear(&self, path: &Path) -> Result<(), FileError> {
        let temporary = self.temporary.path().file_name().unwrap_or_default();
        // A link fails if the name is taken, on every file system that has links.
        let linked = match self.directory.link(temporary, &self.name) {
            Err(error) if has_no_links(&error) => {
                self.directory.rename_to_free(temporary, &self.name)
            }
            linked => linked,
        };
        linked.map_err(|error| FileError::io("creating", path)(system_error(error)))
    }
}

/// Returns whether a file system has no hard links, such as FAT.
fn has_no_links(error: &FileError) -> bool {
    let codes = [Errno::PERM, Errno::OPNOTSUPP].map(|code| Some(code.raw_os_error()));
    matches!(&error.reason, FileErrorReason::Io(error) if codes.contains(&error.raw_os_error()))
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn new_file<'a>(path: &'a Path, contents: &'a [u8]) -> OutputFile<'a> {
        OutputFile {
            path,
            contents,
            mode: 0o600,
        }
    }

    /// Returns the names in a directory.
    fn names(directory: &TempDir) -> Vec<OsString> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn all_files_are_created_with_their_modes() {
        let directory = TempDir::new().unwrap();
        let [key, certificate] = ["a.key", "a.crt"].map(|name| directory.path().join(name));
        create_all(&[new_file(&key, b"key"), new_file(&certificate, b"crt")]).unwrap();
        assert_eq!(fs::read(&key).unwrap(), b"key");
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(names(&directory), ["a.crt", "a.key"]);
    }

    #[test]
    fn no_file_is_overwritten_and_the_others_are_removed_again() {
        let directory = TempDir::new().unwrap();
        let [key, certificate] = ["a.key", "a.crt"].map(|name| directory.path().join(name));
        fs::write(&certificate, "old").unwrap();
        assert!(new_target(&certificate).is_err());
        let error = create_all(&[new_file(&key, b"key"), new_file(&certificate, b"crt")]);
        let wanted = format!("creating `{}`: file exists", certificate.display());
        assert_eq!(error.unwrap_err().error.to_string(), wanted);
        assert_eq!(fs::read(&certificate).unwrap(), b"old");
        assert_eq!(names(&directory), ["a.crt"]);
    }

    /// The way of file systems without links.
    #[test]
    fn a_rename_to_a_name_that_is_taken_fails() {
        let directory = TempDir::new().unwrap();
        let [from, taken, free] = ["from", "taken", "free"].map(|name| directory.path().join(name));
        fs::write(&from, "new").unwrap();
        fs::write(&taken, "old").unwrap();
        let resolved = Position::machine()
            .unwrap()
            .resolve(directory.path(), Links::Trusted);
        let Ok(Destination::Directory(position)) = resolved else {
            panic!("it is no directory");
        };
        let opened = position.directory().unwrap();
        assert!(opened.rename_to_free("from", "taken").is_err());
        assert_eq!(fs::read(&taken).unwrap(), b"old");
        opened.rename_to_free("from", "free").unwrap();
        assert_eq!(fs::read(&free).unwrap(), b"new");
        assert_eq!(names(&directory), ["free", "taken"]);
    }
}
