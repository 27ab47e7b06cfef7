//! Several certificate directories may share one kubeconfig directory, and with it `.pki`. While a commit of one of them is
//! pending, its files wait in the shared directories: a run for another one would take them for leftovers.
//!
//! The journal is next to the certificates. kubeadm's certificate directory is `pki` in the kubeconfig directory. A
//! transaction for any other certificate directory writes that directory's name to a file in `.pki` until it ends.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::fs::directory::{NewAttributes, Opened};
use crate::fs::file::{FileError, MAX_FILE_SIZE};
use crate::fs::sync::Unsynced;
use crate::tree::layout::{Layout, Root};
use crate::tree::places::Places;
use crate::tree::source::TreeSource;
use crate::util::escape::{escape, shell_path};
use crate::util::secret;

/// The file that names the certificate directory of a transaction, relative to the kubeconfig directory.
const MARKER: &str = "transaction";

/// kubeadm's certificate directory, relative to the kubeconfig directory.
const USUAL: &str = "pki";

/// Refuses to go on while a commit of another certificate directory is pending.
pub(super) fn check(places: &Places) -> Result<(), FileError> {
    let own = places.relative_certificates()?;
    match pending_at(places, &own, Path::new(USUAL)) {
        Ok(Pending::No | Pending::NotThere(_)) => {}
        Ok(Pending::At(layout)) => return Err(refusal(&layout)),
        Err(error) if error.is_io() => return Err(error),
        // Something else has that name, and so there is no journal.
        Err(_) => {}
    }
    let Some(marked) = marked(places)? else {
        return Ok(());
    };
    match pending_at(places, &own, &marked) {
        Ok(Pending::No) => Ok(()),
        Ok(Pending::At(layout)) => Err(refusal(&layout)),
        Ok(Pending::NotThere(layout)) => Err(absent(places, &layout)),
        Err(error) if error.is_permission_denied() => Err(error),
        Err(_) => Err(damaged(places)),
    }
}

/// Whether a commit for another certificate directory is pending.
enum Pending {
    No,
    At(Layout),
    /// The directory does not exist, or is not mounted.
    NotThere(Layout),
}

fn pending_at(places: &Places, own: &Path, other: &Path) -> Result<Pending, FileError> {
    if other == own {
        return Ok(Pending::No);
    }
    let layout = Layout {
        certificates: places.certificates_at(other)?,
        ..places.layout().clone()
    };
    let there = Places::new(&layout);
    // By a link it may be the same directory.
    if there.relative_certificates()? == own {
        return Ok(Pending::No);
    }
    if there.directory(Root::Certificates)?.is_none() {
        return Ok(Pending::NotThere(layout));
    }
    Ok(match is_pending(&there)? {
        true => Pending::At(layout),
        false => Pending::No,
    })
}

/// Names the certificate directory of this transaction. It has to be durable before the journal is.
pub(super) fn mark(places: &Places, unsynced: &mut Unsynced) -> Result<(), FileError> {
    let own = places.relative_certificates()?;
    if own == Path::new(USUAL) {
        return Ok(());
    }
    let state = places.create(Root::State)?;
    let bytes = own.as_os_str().as_bytes();
    let created = state.create(MARKER, bytes, &NewAttributes::own(0o600))?;
    unsynced.add_file(created.file, &state, MARKER);
    Ok(())
}

/// Removes the name again. Without a journal it has no effect, so this need not be durable.
pub(super) fn unmark(places: &Places) -> Result<(), FileError> {
    match places.directory(Root::State)? {
        // Not even tried where there is nothing to remove: the file system may be read-only.
        Some(state) if state.kind(MARKER)?.is_some() => state.remove(MARKER).map(|_| ()),
        _ => Ok(()),
    }
}

/// Returns the certificate directory that an unfinished transaction has named.
fn marked(places: &Places) -> Result<Option<PathBuf>, FileError> {
    let Some(state) = places.directory(Root::State)? else {
        return Ok(None);
    };
    let Opened::File(file) = state.open_file(MARKER)? else {
        return Ok(None);
    };
    let bytes = file.contents(MAX_FILE_SIZE)?.bytes;
    let path = Path::new(OsStr::from_bytes(&bytes));
    let is_name = path.is_relative()
        && !bytes.is_empty()
        && !bytes.contains(&0)
        && !secret::is_key(&path.to_string_lossy());
    match is_name {
        true => Ok(Some(path.to_path_buf())),
        false => Err(damaged(places)),
    }
}

/// Returns the error for a directory that is not there: its journal may be in it.
fn absent(places: &Places, layout: &Layout) -> FileError {
    let certificates = secret::shown(layout.certificates.display().to_string());
    let what = format!(
        "a commit for the certificate directory `{}` may be pending, and that directory is not there",
        escape(&certificates)
    );
    let marker = places.layout().directory(Root::State).join(MARKER);
    let hint = format!(
        "mount it or move it back; if it is gone for good, remove `{}`",
        escape(&marker.display().to_string())
    );
    FileError::unexpected("writing in", &places.layout().kubeconfigs, what).with_hint(hint)
}

/// Returns the error for a file that names no directory. Which one it named is not known, so nothing is guessed.
fn damaged(places: &Places) -> FileError {
    let path = places.layout().directory(Root::State).join(MARKER);
    FileError::unexpected("reading", path, "it names no certificate directory").with_hint(
        "remove it, unless a commit for another certificate directory with these kubeconfigs is pending",
    )
}

fn is_pending(places: &Places) -> Result<bool, FileError> {
    match places.journal() {
        Ok(Some((_, journal))) => places.owns(&journal),
        Ok(None) => Ok(false),
        // There is one, and it may be of these directories.
        Err(_) => Ok(true),
    }
}

fn refusal(layout: &Layout) -> FileError {
    let certificates = secret::shown(layout.certificates.display().to_string());
    let what = format!(
        "a commit for the certificate directory `{}` is pending",
        escape(&certificates)
    );
    let rootfs = layout.rootfs.as_deref().map_or_else(String::new, |rootfs| {
        format!(" --rootfs {}", shell_path(rootfs))
    });
    let hint = format!(
        "run `pki recover --finish --cert-dir {} --kubeconfig-dir {}{rootfs}` first",
        secret::shell_path(&layout.certificates),
        shell_path(&layout.kubeconfigs)
    );
    FileError::unexpected("writing in", &layout.kubeconfigs, what).with_hint(hint)
}
