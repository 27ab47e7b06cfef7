//! Compares the files that the manifests of static pods name with kubeadm's.

use super::finding::{Finding, FindingId, Severity};
use super::{Context, host};
use crate::catalog::components::Component;
use crate::catalog::{APISERVER_ETCD_CLIENT, CATALOG, ETCD_CA, Row};
use crate::config::cluster::Etcd;
use crate::tree::layout;
use crate::tree::manifests::{ManifestError, NamedFile, PodManifest};
use crate::util::secret::quote;

/// Compares the files that a manifest names with those of the tree.
pub fn check(context: &Context<'_>, manifest: &PodManifest) -> Vec<Finding> {
    let files = manifest.files.iter();
    let others = files
        .filter(|file| !is_of_external_etcd(context, file))
        .filter_map(|file| judge(manifest.component, file));
    let is_encrypted = |row: &Row| context.inventory.encrypted_key(row).is_some();
    let mut findings = encrypted_keys(manifest, &is_encrypted);
    findings.extend(others);
    findings
}

/// Returns the findings for a component that is started with encrypted keys of CAs.
pub fn encrypted_keys(manifest: &PodManifest, is_encrypted: &dyn Fn(&Row) -> bool) -> Vec<Finding> {
    let files = manifest.files.iter().chain(&manifest.signer_keys);
    files
        .filter_map(|file| encrypted_key(manifest.component, file, is_encrypted))
        .collect()
}

fn encrypted_key(
    component: Component,
    file: &NamedFile,
    is_encrypted: &dyn Fn(&Row) -> bool,
) -> Option<Finding> {
    let named = file.file.as_ref()?;
    let key = |row: &&&Row| row.is_ca() && layout::key_file(row).as_ref() == Some(named);
    let row = CATALOG.iter().find(key).copied()?;
    if !is_encrypted(row) {
        return None;
    }
    let (name, option, path) = (component.name(), file.option, quote(&file.path));
    let text = format!(
        "{name} is started with `{option}` {path}; this key is encrypted, so {name} will exit the next time it starts"
    );
    let finding = Finding::new(FindingId::ManifestEncryptedKey, text).about(row);
    Some(finding.in_file(PodManifest::file(component)))
}

/// Returns the finding for a manifest that cannot be used.
pub fn unreadable(component: Component, error: &ManifestError) -> Finding {
    let name = component.name();
    let id = match error {
        ManifestError::File(error) if error.is_permission_denied() => {
            FindingId::FilePermissionDenied
        }
        _ => FindingId::ManifestUnreadable,
    };
    let text = match error {
        ManifestError::File(_) => format!("the manifest of {name}: {error}"),
        ManifestError::Invalid(_) => format!("the manifest of {name} cannot be used: {error}"),
    };
    Finding::new(id, text).in_file(PodManifest::file(component))
}

/// Returns the finding for a configuration of the kubelet that cannot be used.
pub fn unreadable_kubelet(error: &ManifestError) -> Finding {
    let id = match error {
        ManifestError::File(error) if error.is_permission_denied() => {
            FindingId::FilePermissionDenied
        }
        _ => FindingId::ManifestUnreadable,
    };
    Finding::new(id, format!("the configuration of the kubelet: {error}"))
        .advice("correct the configuration")
}

fn judge(component: Component, file: &NamedFile) -> Option<Finding> {
    if !file.exists {
        return Some(missing(component, file));
    }
    let finding = Finding::new(
        FindingId::ManifestOtherFile,
        format!(
            "{} is started with `{}` {}, which is not {}",
            component.name(),
            file.option,
            quote(&file.path),
            file.usual
        ),
    );
    (!file.is_usual()).then(|| about(component, file, finding))
}

/// Returns the finding for a file that a manifest names and that does not exist.
pub(super) fn missing(component: Component, file: &NamedFile) -> Finding {
    let finding = Finding::new(
        FindingId::ManifestFileMissing,
        format!(
            "{} is started with `{}` {}, which does not exist on this host",
            component.name(),
            file.option,
            quote(&file.path)
        ),
    );
    let finding = Finding {
        // A path elsewhere may be one in the container only.
        severity: match file.file.is_some() {
            true => Severity::Error,
            false => Severity::Warning,
        },
        ..finding
    };
    about(component, file, finding)
}

fn about(component: Component, file: &NamedFile, finding: Finding) -> Finding {
    let finding = finding.wanted(file.usual).about(file.row);
    finding.in_file(PodManifest::file(component))
}

/// Returns whether a file belongs to an etcd elsewhere, whose files may have any path.
fn is_of_external_etcd(context: &Context<'_>, file: &NamedFile) -> bool {
    let is_external = match context.expected {
        Some(expected) => !matches!(expected.cluster.etcd, Etcd::Local),
        None => !host::has_local_etcd(context.inventory),
    };
    is_external && [&ETCD_CA, &APISERVER_ETCD_CLIENT].contains(&file.row)
}
