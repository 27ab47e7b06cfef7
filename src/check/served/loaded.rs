//! Judges whether a component has loaded the files that it reads only when it starts.

use time::OffsetDateTime;

use super::{MARGIN, Served, ServedContext, start_of};
use crate::catalog::Row;
use crate::catalog::components::{Component, READERS, Reload};
use crate::catalog::listeners::Listener;
use crate::check::finding::{Finding, FindingId};
use crate::check::{manifests, time_text};
use crate::tree::layout::{self, Root, TreePath};
use crate::tree::manifests::NamedFile;

/// Judges whether a component has loaded the files that it reads only when it starts.
pub(super) fn check(
    context: &ServedContext<'_>,
    served: &Served<'_>,
    listener: &Listener,
) -> Vec<Finding> {
    // The CAs that it accepts are seen, and two listeners of etcd would say the same.
    let readers = READERS.iter().filter(|reader| {
        reader.component == listener.component
            && reader.reload == Reload::Restart
            && listener.component != Component::Etcd
    });
    let started = start_of(served);
    let mut findings: Vec<Finding> = Vec::new();
    let mut is_unknown = false;
    let mut count = 0;
    let files = readers.flat_map(|reader| {
        let files = reader.files.iter();
        files.map(|usual| (reader.row, file_for(served, usual)))
    });
    let mut absent = Vec::new();
    for (row, file) in files {
        let file = match file {
            Ok(file) => file,
            Err(named) => {
                absent.push(manifests::missing(listener.component, named));
                continue;
            }
        };
        let Some(changed) = (context.changed_at)(&file) else {
            continue;
        };
        count += 1;
        match started {
            Some(started) if changed - started > MARGIN => {
                findings.push(stale(row, &file, started, changed));
            }
            Some(started) if started - changed > MARGIN => {}
            _ => is_unknown = true,
        }
    }
    if findings.is_empty() && is_unknown {
        let text = "it is not known whether it started before or after its files changed";
        findings.push(Finding::new(FindingId::ServedStartUnknown, text));
    } else if findings.is_empty() && count > 0 {
        let text = "it started after its files changed";
        findings.push(Finding::new(FindingId::ServedFilesCurrent, text));
    }
    findings.extend(absent);
    findings
}

/// Returns the file that a component reads in the place of a usual one: that of its manifest, if it is told another.
///
/// # Errors
/// The file of its manifest, if that does not exist.
fn file_for<'a>(served: &Served<'a>, usual: &str) -> Result<TreePath, &'a NamedFile> {
    let named = served.named_files.iter().find(|file| file.usual == usual);
    match named {
        None => Ok(layout::usual_path(usual)),
        Some(named) if !named.exists => Err(named),
        Some(NamedFile {
            file: Some(file), ..
        }) => Ok(file.clone()),
        Some(outside) => Ok(TreePath::new(Root::Kubeconfigs, outside.path.clone())),
    }
}

fn stale(
    row: &'static Row,
    file: &TreePath,
    started: OffsetDateTime,
    changed: OffsetDateTime,
) -> Finding {
    let (started, changed) = (time_text(started), time_text(changed));
    match layout::kubeconfig_file(row).is_some() {
        true => Finding::new(
            FindingId::ServedClientStale,
            format!("it started on {started}, and {file} changed on {changed}: it still uses the old client certificate"),
        ),
        false => Finding::new(
            FindingId::ServedFileStale,
            format!("it started on {started}, and {file} changed on {changed}: it still uses the old contents"),
        ),
    }
    .about(row)
}
