//! Several certificate directories may share one kubeconfig directory, and with it `.pki`. While a commit of one of them is
//! pending, its files wait in the shared directories: a run for another one would take them for leftovers.
//!
//! The journal is next to the certificates. kubeadm's certificate directory is `pki` in the kubeconfig directory. A
//! transaction for any other certificate directory writes that directory's name to a file in `.pki` until it ends.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::fs::directory::{NewAttributes, Opened};
use crate::fs::file::{FileError, MAX_FILE_SIZE};
use crate::tree::layout::{Layout, Root};
use crate::tree::places::Places;
use crate::tree::source::TreeSource;
use crate::util::escape::{escape, shell_path};

/// The file that names the certificate directory of a transaction, relative to the kubeconfig directory.
const MARKER: &str = "transaction";

/// kubeadm's certificate directory, relative to the kubeconfig directory.
const USUAL: &str = "pki";

/// Refuses to go on while a commit of another certificate directory is pending.
pub(super) fn check(places: &Places) -> Result<(), FileError> {
    let own = places.relative_certificates()?;
    for other in [Some(PathBuf::from(USUAL)), marked(places)?] {
        let Some(other) = other.filter(|other| *other != own) else {
            continue;
        };
        let layout = Layout {
            certificates: places.certificates_at(&other)?,
            ..places.layout().clone()
        };
        let there = Places::new(&layout);
        // By a link it may be the same directory.
        if there.relative_certificates()? != own && is_pending(&there)? {
            return Err(refusal(&layout));
        }
    }
    Ok(())
}

/// Names the certificate directory of this transaction.
pub(super) fn mark(places: &Places) -> Result<(), FileError> {
    let own = places.relative_certificates()?;
    if own == Path::new(USUAL) {
        return Ok(());
    }
    let state = places.create(Root::State)?;
    let bytes = own.as_os_str().as_bytes();
    let created = state.create(MARKER, bytes, &NewAttributes::own(0o600))?;
    let path = state.path().join(MARKER);
    created
        .file
        .sync_all()
        .map_err(FileError::io("syncing", path))?;
    state.sync()
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
    match state.open_file(MARKER)? {
        Opened::File(file) => {
            let bytes = file.contents(MAX_FILE_SIZE)?.bytes;
            Ok(Some(PathBuf::from(std::ffi::OsStr::from_bytes(&bytes))))
        }
        Opened::Missing | Opened::Link => Ok(None),
    }
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
    let certificates = layout.certificates.display().to_string();
    let what = format!(
        "a commit for the certificate directory `{}` is pending",
        escape(&certificates)
    );
    let rootfs = layout.rootfs.as_deref().map_or_else(String::new, |rootfs| {
        format!(" --rootfs {}", shell_path(rootfs))
    });
    let hint = format!(
        "run `pki recover --finish --cert-dir {} --kubeconfig-dir {}{rootfs}` first",
        shell_path(&layout.certificates),
        shell_path(&layout.kubeconfigs)
    );
    FileError::unexpected("writing in", &layout.kubeconfigs, what).with_hint(hint)
}
