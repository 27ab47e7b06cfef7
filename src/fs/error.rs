//! The error of a file operation, with a readable message.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::util::escape::{escape, escape_line};
use crate::util::secret::is_key;

/// A failed file operation: the operation, the file and the reason.
#[derive(Debug)]
pub struct FileError {
    /// The operation: `reading`, `writing`.
    pub operation: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The reason of the failure.
    pub reason: FileErrorReason,
    /// Advice for the operator.
    pub hint: Option<String>,
}

/// The reason why a file operation failed.
#[derive(Debug)]
pub enum FileErrorReason {
    /// The operating system returned an error.
    Io(io::Error),
    /// The file has an unexpected type or content, as this text says.
    Unexpected(String),
}

impl FileError {
    pub(crate) fn io<E: Into<io::Error>>(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> FileError {
        let path = path.into();
        move |error| FileError {
            operation,
            path,
            reason: FileErrorReason::Io(error.into()),
            hint: None,
        }
    }

    pub(crate) fn unexpected(
        operation: &'static str,
        path: impl Into<PathBuf>,
        what: impl Into<String>,
    ) -> FileError {
        FileError {
            operation,
            path: path.into(),
            // It may quote the file, as errors of parsers do.
            reason: FileErrorReason::Unexpected(escape_line(&what.into())),
            hint: None,
        }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> FileError {
        FileError {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Returns the message without advice.
    pub(crate) fn without_advice(&self) -> String {
        let path = self.path.display().to_string();
        let reason = match &self.reason {
            FileErrorReason::Io(error) => describe(error),
            FileErrorReason::Unexpected(what) => what.clone(),
        };
        // A key may have been given in the place of a file.
        match is_key(&path) {
            true => format!(
                "{} a file whose name looks like a key: {reason}",
                self.operation
            ),
            false => format!("{} `{}`: {reason}", self.operation, escape(&path)),
        }
    }

    /// Returns whether this user lacks permission.
    pub fn is_permission_denied(&self) -> bool {
        matches!(&self.reason, FileErrorReason::Io(error) if error.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Returns whether this process or the system has too many open files.
    pub(crate) fn is_too_many_files(&self) -> bool {
        let codes = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
        matches!(&self.reason, FileErrorReason::Io(error) if error.raw_os_error().is_some_and(|code| codes.contains(&code)))
    }

    /// Returns whether the file does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.reason, FileErrorReason::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns whether it is an error of the operating system.
    pub(crate) fn is_io(&self) -> bool {
        matches!(self.reason, FileErrorReason::Io(_))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_advice())?;
        match &self.reason {
            FileErrorReason::Io(error) if is_for_root(error) => f.write_str("; run as root"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for FileError {}

/// Returns whether the operation may succeed as root.
fn is_for_root(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::ACCESS) && !rustix::process::geteuid().is_root()
}

/// Returns the text of a system error in lower case and without its number.
pub(crate) fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text
        .rfind(" (os error ")
        .and_then(|end| text.get(..end))
        .unwrap_or(&text);
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_are_lower_case_and_have_no_number() {
        for (errno, text) in [
            (Errno::NOSPC, "no space left on device"),
            (Errno::ROFS, "read-only file system"),
            (Errno::PERM, "operation not permitted"),
            (Errno::ACCESS, "permission denied"),
        ] {
            assert_eq!(describe(&errno.into()), text);
        }
    }

    /// A finding about the file has the advice in its remedy instead.
    #[test]
    fn the_advice_can_be_left_out() {
        let error = FileError::io("reading", "ca.key")(Errno::ACCESS);
        let message = "reading `ca.key`: permission denied";
        assert_eq!(error.without_advice(), message);
        assert!(error.to_string().starts_with(message), "{error}");
    }
}
