//! Plans `download-certs`: puts the files that another control-plane node uploaded in place.
//!
//! kubeadm overwrites whatever is there (`phases/copycerts/copycerts.go`). Here, a CA or a service-account key is replaced
//! only where nothing of another cluster would lose it.

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::renew::{self, RenewRequest, Selection};
use super::{Action, Make, Plan, PlanError, Reason, Step};
use crate::catalog::{CA, CATALOG, Profile, Row};
use crate::check::ca::{CLUSTER_CA_ENCRYPTED, mismatch};
use crate::check::finding::{FindingId, Findings, PkiCommand, Remedy};
use crate::check::{Change, ChangedField, host, time_text, title};
use crate::objects::kubeadm_certs::{EntryError, UploadedCerts};
use crate::tree::inventory::{CaState, Inventory, KeyFile, RowFiles};
use crate::tree::layout::{self, TreePath};
use crate::tree::shared::{SharedEtcd, SharedFile, shared_files};
use crate::x509::certificate::Certificate;
use crate::x509::certificate_key::CertificateKey;
use crate::x509::chain::CaBundle;
use crate::x509::encrypted_key::{Encryption, UnlockError};
use crate::x509::key::{PrivateKey, PublicKey};

/// Files with their new contents.
pub type NewFiles = Vec<(TreePath, Zeroizing<Vec<u8>>)>;

/// What to do about a Secret that cannot be used.
pub const UPLOAD_AGAIN: &str = "upload the files again with `pki upload-certs`";

/// Returns whose certificates for etcd a Secret has; `None` if it has none.
pub fn uploaded_etcd(secret: &UploadedCerts) -> Option<SharedEtcd> {
    let has = |etcd| {
        let files = shared_files(etcd).into_iter();
        files
            .filter(|file| file.row.needs_local_etcd())
            .any(|file| secret.has(&file.entry))
    };
    [SharedEtcd::External, SharedEtcd::Local]
        .into_iter()
        .find(|etcd| has(*etcd))
}

/// Decrypts every file of a Secret, and checks that each is of its kind. A file whose entry is empty is left out.
///
/// # Errors
/// Every entry that is missing, that another key encrypted, or that is something else.
pub fn decrypted(
    secret: &UploadedCerts,
    shared: &[SharedFile],
    key: &CertificateKey,
) -> Result<NewFiles, PlanError> {
    let mut files = NewFiles::new();
    let mut error = PlanError::default();
    let mut refused = 0;
    for SharedFile { row, file, entry } in shared {
        let problem = match secret.file(entry, key) {
            Ok(None) => None,
            Ok(Some(contents)) => {
                let problem = kind_problem(row, file, &contents);
                files.push((file.clone(), contents));
                problem
            }
            Err(problem) => {
                refused += usize::from(matches!(problem, EntryError::Decryption(_)));
                Some(problem.to_string())
            }
        };
        error.reasons.extend(problem.map(|problem| {
            Reason::new(
                format!("{OF_SECRET}: entry `{entry}`: {problem}"),
                UPLOAD_AGAIN,
            )
        }));
    }
    if refused > 1 && files.is_empty() {
        error.reasons = vec![Reason::new(
            format!("{OF_SECRET}: none of its entries can be decrypted with this certificate key"),
            "use the certificate key that encrypted the Secret",
        )];
    }
    match error.reasons.is_empty() {
        true => Ok(files),
        false => Err(error),
    }
}

/// Returns why the contents cannot be those of a file.
fn kind_problem(row: &Row, file: &TreePath, contents: &[u8]) -> Option<String> {
    let is_key = layout::key_file(row).as_ref() == Some(file);
    match row.profile {
        _ if is_key => match KeyFile::from_pem(row, contents) {
            Ok(KeyFile::Encrypted(key)) => match key.encryption() {
                Encryption::Unsupported(how) => {
                    Some(UnlockError::Unsupported(how.clone()).to_string())
                }
                Encryption::Pbes2(_) => None,
            },
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        },
        Profile::ServiceAccount => PublicKey::from_pem(contents)
            .err()
            .map(|error| error.to_string()),
        _ => CaBundle::from_pem(contents)
            .err()
            .map(|error| error.to_string()),
    }
}

/// Returns the CAs whose key on this host and in the Secret cannot be compared because one of them is encrypted, each with a
/// warning. The key on this host may be the only good one, so it is kept unless `allow_replace`.
pub fn incomparable_keys(
    changed: &[(TreePath, &[u8])],
    present: &Inventory,
    after: &Inventory,
    allow_replace: bool,
) -> Vec<(&'static Row, String)> {
    let is_changed = |row: &Row| {
        let key = layout::key_file(row);
        changed.iter().any(|(file, _)| Some(file) == key.as_ref())
    };
    let cas = CATALOG.iter().copied();
    cas.filter(|row| row.is_ca() && is_changed(row))
        .filter(|row| !is_other(present.row(row), after.row(row)))
        .filter_map(|row| {
            let CaState::Local { bundle, key: here } = present.ca(row) else {
                return None;
            };
            let there = after.encrypted_key(row);
            let encrypted = match (here, there) {
                (KeyFile::Encrypted(_), Some(_)) => "both keys are",
                (KeyFile::Encrypted(_), None) => "the key on this host is",
                (KeyFile::Read(key), Some(_)) if mismatch(row, bundle, key).is_none() => {
                    "the key of the Secret is"
                }
                _ => return None,
            };
            let end = match allow_replace {
                true => "the key of the Secret replaces the one on this host",
                false => "the key on this host is kept, and `--allow-replace` replaces it",
            };
            let warning = format!(
                "{}: {encrypted} encrypted, so the two cannot be compared; {end}",
                title(row)
            );
            Some((row, warning))
        })
        .collect()
}

/// The input of `download-certs`.
pub struct DownloadRequest<'a> {
    /// The files of the Secret that the tree has not, or with other contents.
    pub files: &'a [(TreePath, &'a [u8])],
    /// The rows of all files of the Secret.
    pub rows: &'a [&'static Row],
    /// The tree as it would be with the files.
    pub after: &'a Inventory,
    /// The findings in that tree.
    pub findings_after: &'a Findings,
    /// The findings in the tree as it is.
    pub findings: &'a Findings,
    /// Replace what another cluster needs.
    pub allow_replace: bool,
}

/// Plans to write the files.
///
/// # Errors
/// Every row that would be unusable, and every row of another cluster that would be replaced.
pub fn plan(request: &DownloadRequest<'_>, present: &Inventory) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let mut error = PlanError::default();
    let rows = CATALOG.iter().copied();
    for row in rows.filter(|row| request.rows.contains(row)) {
        let own = layout::files(row);
        let files: Vec<_> = request
            .files
            .iter()
            .filter(|(file, _)| own.iter().any(|(path, _)| path == file))
            .map(|(file, bytes)| (file.clone(), bytes.to_vec().into()))
            .collect();
        if request.after.row(row).is_missing() {
            let what = format!("{OF_SECRET}: {}: it has no files", title(row));
            error.add(Reason::new(what, VERIFY_SOURCE).about(row));
        }
        let action = match files.is_empty() {
            true => Action::Keep,
            false => {
                request.judge(row, present, &mut plan, &mut error);
                plan.warnings
                    .extend(encrypted_warning(row, &files, request.after));
                Action::Make {
                    make: Box::new(Make::Install { files }),
                    changes: changes(present.row(row), request.after.row(row)),
                }
            }
        };
        plan.steps.push(Step { row, action });
    }
    error.into_result(plan)
}

/// Returns the rows of this host that the old CAs signed, and the command that reissues them with the new CAs.
///
/// The findings before the download do not report them: their certificates still match the old CAs.
pub fn to_renew(
    request: &DownloadRequest<'_>,
    present: &Inventory,
    now: OffsetDateTime,
) -> Option<(Vec<&'static Row>, PkiCommand)> {
    let is_replaced = |row: &Row| {
        request.rows.contains(&row) && is_other(present.row(row), request.after.row(row))
    };
    let rows: Vec<_> = CATALOG
        .iter()
        .copied()
        .filter(|leaf| leaf.signer().is_some_and(is_replaced) && !present.row(leaf).is_missing())
        .collect();
    let can_renew = |selection| {
        let renewal = RenewRequest {
            selection,
            declared: None,
            reuse_key: false,
        };
        let plan = renew::plan(&renewal, request.after, request.findings_after, now);
        plan.is_ok_and(|plan| !plan.has_failed())
    };
    let command = match rows.as_slice() {
        [] => return None,
        rows if can_renew(Selection::Rows(rows.to_vec())) => PkiCommand::Renew(rows.to_vec()),
        _ if can_renew(Selection::All) => PkiCommand::RenewAll,
        // Their keys stay where the CAs are.
        rows => PkiCommand::RequestCertificates {
            rows: rows.to_vec(),
            new_key: false,
        },
    };
    Some((rows, command))
}

/// Returns the warning about an encrypted key of a CA that would be written.
fn encrypted_warning(row: &Row, files: &NewFiles, after: &Inventory) -> Option<String> {
    let key = layout::key_file(row);
    let is_written = files.iter().any(|(file, _)| Some(file) == key.as_ref());
    after.encrypted_key(row).filter(|_| is_written)?;
    let effect = match *row == CA {
        true => format!("; {CLUSTER_CA_ENCRYPTED}"),
        false => String::new(),
    };
    Some(format!(
        "{}: its key is encrypted, so it was not compared with its certificate{effect}",
        title(row)
    ))
}

const OF_SECRET: &str = "the Secret `kubeadm-certs`";
const VERIFY_SOURCE: &str = "run `pki verify` on the node that uploaded it";
const ALLOW: &str = "if this host is to join the other cluster, remove its certificates and kubeconfigs first; `--allow-replace` replaces the files anyway and keeps the old ones, see `pki history`";

impl DownloadRequest<'_> {
    /// Judges a row that would be written.
    fn judge(
        &self,
        row: &'static Row,
        present: &Inventory,
        plan: &mut Plan,
        error: &mut PlanError,
    ) {
        let errors = self.findings_after.errors_of(row);
        // What this host would lose is said below.
        for finding in errors.filter(|error| error.id != FindingId::CaReplaced) {
            error.add(match &finding.file {
                // A file of this host that cannot be replaced.
                Some(_) => Reason::from(finding),
                None => Reason {
                    message: format!("{OF_SECRET}: {}", super::message(finding)),
                    remedy: Remedy::words(VERIFY_SOURCE),
                    ..Reason::from(finding)
                },
            });
        }
        let Some(what) = self.loss(row, present) else {
            return;
        };
        match self.allow_replace {
            true => plan.warnings.push(what),
            false => error.add(Reason {
                row: Some(row),
                id: Some(FindingId::CaReplaced),
                message: what,
                remedy: Remedy::words(ALLOW),
            }),
        }
    }

    /// Returns what this host would lose with the files of a row.
    fn loss(&self, row: &'static Row, present: &Inventory) -> Option<String> {
        if present.row(row).is_missing() {
            return None;
        }
        let is_other = is_other(present.row(row), self.after.row(row));
        let leaves = CATALOG.iter().copied();
        let needing: Vec<_> = leaves
            .filter(|leaf| leaf.signer() == Some(row))
            .filter(|leaf| (is_other && !present.row(leaf).is_missing()) || self.breaks(leaf))
            .map(|leaf| leaf.name)
            .collect();
        let what = format!("{}: this host has another one", title(row));
        match needing.is_empty() {
            false => Some(format!("{what}, which these need: {}", needing.join(", "))),
            true if is_other && host::belongs_to_cluster(present) => {
                Some(format!("{what}, and belongs to a cluster"))
            }
            true => None,
        }
    }

    /// Returns whether a row has an error only with the files. The files of the Secret do not make another file
    /// unreadable.
    fn breaks(&self, row: &'static Row) -> bool {
        let is_known = |id| self.findings.errors_of(row).any(|known| known.id == id);
        let is_unread = |id| {
            matches!(
                id,
                FindingId::FilePermissionDenied | FindingId::FileUnreadable
            )
        };
        let mut errors = self.findings_after.errors_of(row);
        errors.any(|error| !is_known(error.id) && !is_unread(error.id))
    }
}

/// Returns whether a public key that others depend on is no longer there afterwards. A file that is missing or damaged has none.
fn is_other(present: &RowFiles, after: &RowFiles) -> bool {
    let after = public_keys(after);
    public_keys(present).iter().any(|key| !after.contains(key))
}

/// Returns the public keys that are trusted by a row's files: those of `sa.pub`, or that of the CA's signer.
fn public_keys(files: &RowFiles) -> Vec<&[u8]> {
    match files {
        RowFiles::ServiceAccount { public, .. } => {
            let keys = public.valid().into_iter().flatten();
            keys.map(PublicKey::spki).collect()
        }
        files => {
            let certificate = files.certificate().into_iter();
            certificate.map(|ca| ca.public_key().spki()).collect()
        }
    }
}

fn changes(present: &RowFiles, after: &RowFiles) -> Vec<Change> {
    if present.is_missing() {
        return Vec::new();
    }
    let Some(new) = after.certificate() else {
        let algorithm = |files: &RowFiles| {
            let key = files.key().map(PrivateKey::algorithm);
            key.map_or_else(String::new, |algorithm| algorithm.to_string())
        };
        return vec![Change {
            field: ChangedField::Key,
            from: algorithm(present),
            to: algorithm(after),
            drift: false,
        }];
    };
    let change = |field, of: &dyn Fn(&Certificate) -> String| Change {
        field,
        from: present.certificate().map_or_else(String::new, of),
        to: of(new),
        drift: false,
    };
    vec![
        change(ChangedField::Serial, &Certificate::serial),
        change(ChangedField::NotAfter, &|certificate| {
            time_text(certificate.not_after())
        }),
    ]
}
