//! Output files outside a tree.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::Builder;

use super::file::FileError;

/// Replaces a file as a whole: a reader sees the old contents or the new ones.
///
/// # Errors
/// If the directory cannot be written in. The file then has its old contents.
pub fn replace(path: &Path, contents: &[u8], mode: u32) -> Result<(), FileError> {
    let write = || {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
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
    // tempfile adds the name of its temporary file.
    write().map_err(|error: std::io::Error| FileError::io("writing", path)(error.kind()))
}
