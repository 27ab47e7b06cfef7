//! Checks without writing whether a transaction can succeed. A dry run uses this, and so does a run before it
//! generates keys.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use crate::catalog::CATALOG;
use crate::fs::directory::{Directory, FileKind, Opened};
use crate::fs::file::FileError;
use crate::store::generations::keep;
use crate::store::outcome::Restricted;
use crate::store::staging::hard_link_error;
use crate::tree::journal::{COMMIT, UNDO, backup_name, staging_name};
use crate::tree::layout::{self, Access, Root, TreePath};
use crate::tree::places::{Location, Places};
use crate::tree::source::{FileVersion, TreeSource};

/// Checks that these files can be written.
///
/// # Errors
/// The first reason why the transaction would fail or be refused.
pub(crate) fn check(places: &Places, files: &[TreePath]) -> Result<(), FileError> {
    places.judge_roots()?;
    check_not_shared(places, files)?;
    // The journal is in the first, the state in the last.
    for root in [Root::Certificates, Root::Kubeconfigs, Root::State] {
        match places.directory(root)? {
            Some(directory) => directory.check_writable()?,
            None => places.check_creatable(root)?,
        }
    }
    if let Some(certificates) = places.directory(Root::Certificates)? {
        for name in [COMMIT.into(), UNDO.into(), staging_name(COMMIT)] {
            check_free(&certificates, &name)?;
        }
    }
    keep::check(places)?;
    let mut writable = BTreeSet::new();
    for file in files {
        if let Some(location) = places.locate_file(file)? {
            places.check_written(&location)?;
            if writable.insert(location.directory.id()) {
                location.directory.check_writable()?;
            }
            check_replaceable(&location)?;
            for name in [staging_name(&location.name), backup_name(&location.name)] {
                check_free(&location.directory, &name)?;
            }
        }
    }
    Ok(())
}

/// Returns the files whose new mode would give fewer users access.
pub(crate) fn restricted(
    places: &Places,
    files: &[(TreePath, Access)],
) -> Result<Vec<Restricted>, FileError> {
    let mut restricted = Vec::new();
    for (file, access) in files {
        let status = places.status(file, FileVersion::Current)?;
        let Some(attributes) = status.and_then(|status| status.attributes) else {
            continue;
        };
        let (from, to) = (attributes.mode, access.mode_replacing(attributes.mode));
        if from & !to != 0 {
            let file = file.clone();
            restricted.push(Restricted { file, from, to });
        }
    }
    Ok(restricted)
}

fn check_replaceable(location: &Location) -> Result<(), FileError> {
    match location.directory.kind(&location.name)? {
        None => return Ok(()),
        Some(FileKind::Directory) => {
            let what = "it is a directory, want a file";
            return Err(FileError::unexpected("replacing", location.path(), what));
        }
        Some(_) => {}
    }
    let Opened::File(file) = location.directory.open_file(&location.name)? else {
        return Ok(());
    };
    let path = location.path();
    if location.directory.is_mount_point(&location.name)? {
        let what = "something is mounted on it, so it cannot be replaced";
        let error = FileError::unexpected("replacing", path, what);
        return Err(error.with_hint("unmount it"));
    }
    // Recovery removes the second name that an interrupted run has made.
    let is_own_name = match location.directory.open_file(backup_name(&location.name))? {
        Opened::File(backup) => backup.is_same(&file),
        Opened::Link | Opened::Missing => false,
    };
    if file.links() > 1 + u64::from(is_own_name) {
        return Err(hard_link_error(&path.display().to_string(), file.links()));
    }
    file.check_mutable("replacing")
}

/// Checks that a name is free, or taken by a file that recovery removes.
fn check_free(directory: &Directory, name: &OsStr) -> Result<(), FileError> {
    match directory.kind(name)? {
        None | Some(FileKind::File | FileKind::Link) => Ok(()),
        Some(_) => {
            let path = directory.path().join(name);
            let what = "`pki` needs this name for a temporary file, and it is not a file";
            Err(FileError::unexpected("writing", path, what).with_hint("move it away"))
        }
    }
}

/// Refuses to replace a file that belongs to two rows.
fn check_not_shared(places: &Places, files: &[TreePath]) -> Result<(), FileError> {
    let mut known = Vec::new();
    for row in CATALOG {
        for (file, _) in layout::all_files(row) {
            // Ignore errors of files that are not written.
            if let Ok(Some(location)) = places.locate_file(&file) {
                known.push((*row, file, location));
            }
        }
    }
    for (row, file, location) in &known {
        if !files.contains(file) {
            continue;
        }
        let shared = known.iter().find(|(other_row, other, at)| {
            other != file && at.is_same(location) && !(row.is_ca() && other_row.is_ca())
        });
        if let Some((_, other, _)) = shared {
            let what = format!("`{file}` and `{other}` are the same file, by a link");
            let error = FileError::unexpected("replacing", location.path(), what);
            return Err(error.with_hint("make them separate files"));
        }
    }
    Ok(())
}
