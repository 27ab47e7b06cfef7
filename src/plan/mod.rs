//! Compares the desired with the current state at a given time and returns a list of steps. Reads no files and
//! generates no keys.
//!
//! `init`, `renew`, `rollback` and `download` are ways to make a [`Plan`]; `crate::execute` carries it out. `crate::check`
//! judges what there is, and the planners decide by its findings only; [`remedy`] uses the planners to find the
//! commands that remove a finding.

pub mod client;
pub mod csr;
pub mod download;
pub mod infer;
pub mod init;
pub mod readiness;
pub mod remedy;
pub mod renew;
pub mod rollback;

use std::fmt;

use zeroize::Zeroizing;

use crate::catalog::{APISERVER, Row};
use crate::check::finding::{Finding, FindingId, Remedy};
use crate::check::{Change, names, title};
use crate::tree::inventory::{FileState, Inventory, RowFiles};
use crate::tree::layout::{self, Access, TreePath};
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::sign::LeafTemplate;
use crate::x509::validity::Validity;

/// The remedy if the contents of a certificate are unknown.
pub(crate) const GIVE_CONFIG: &str = "give `--config` with the cluster's configuration: `kubectl -n kube-system get configmap kubeadm-config -o yaml` prints it, and `--config -` reads it from standard input";

/// What a command is going to do, in catalog order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One step for each row that the command looked at.
    pub steps: Vec<Step>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Findings about rows that were not selected, and that the command leaves.
    pub elsewhere: Vec<Finding>,
    /// State files that are written with the rows, such as the recorded configuration.
    pub state: Vec<StateFile>,
}

/// A state file with its new contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    /// Where it goes.
    pub file: TreePath,
    /// What it will contain.
    pub contents: String,
}

/// What happens to one row.
#[derive(Clone, Debug)]
pub struct Step {
    /// The row.
    pub row: &'static Row,
    /// What happens to it.
    pub action: Action,
}

/// What happens to a row.
#[derive(Clone, Debug)]
pub enum Action {
    /// It exists and is not changed.
    Keep,
    /// Something is made; `changes` are the differences from the old state.
    Make {
        /// What is made.
        make: Box<Make>,
        /// Field by field; empty if the row did not exist.
        changes: Vec<Change>,
    },
    /// It is selected, but skipped.
    Skip {
        /// Why, for people.
        reason: String,
        /// What to do about it.
        remedy: Remedy,
        /// Whether this is a failure. It is not if `pki` does not manage the row.
        failed: bool,
        /// The findings that prevent it, if findings do.
        findings: Vec<Finding>,
    },
}

/// Something to be made.
#[derive(Clone, Debug)]
pub enum Make {
    /// A self-signed CA.
    Ca {
        /// Subject common name.
        common_name: &'static str,
        /// Algorithm of the new key.
        algorithm: Algorithm,
        /// Validity.
        validity: Validity,
    },
    /// A leaf certificate in a separate file.
    Leaf(Leaf),
    /// A new kubeconfig.
    NewKubeconfig {
        /// Its client certificate.
        leaf: Leaf,
        /// Name of the cluster entry.
        cluster: String,
        /// URL of the API server.
        server: String,
        /// Name of the user entry.
        user: String,
    },
    /// The client certificate of an existing kubeconfig.
    RenewedKubeconfig {
        /// Its client certificate.
        leaf: Leaf,
        /// The CAs that it must trust; `None` keeps its CAs.
        ca: Option<Vec<Certificate>>,
        /// The new server; `None` keeps its server.
        server: Option<String>,
    },
    /// Another server in an existing kubeconfig.
    MovedKubeconfig {
        /// The server that it is to point at.
        server: String,
    },
    /// The service-account key pair.
    ServiceAccount {
        /// Algorithm of the new key.
        algorithm: Algorithm,
    },
    /// `sa.pub`, from the `sa.key` that is there.
    ServiceAccountPublic,
    /// A request for a certificate that an external CA signs.
    Request(RequestPlan),
    /// A certificate that an external CA has signed.
    Import(Box<ImportPlan>),
    /// Files of another node of the cluster.
    Install {
        /// The files with their bytes.
        files: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
    },
    /// Old files that are restored.
    Restore {
        /// The files with their bytes.
        files: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
    },
}

/// A leaf certificate to be signed.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The CA that signs it.
    pub signer: SigningCa,
    /// Subject, usages, names.
    pub contents: LeafTemplate,
    /// The certificates that follow it in its file.
    pub intermediates: Vec<Certificate>,
    /// Where the key comes from.
    pub key: KeySource,
    /// Validity.
    pub validity: Validity,
}

/// The CA that signs a leaf. A row's old and new CA coexist during a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningCa {
    /// The one in the tree.
    Existing(&'static Row),
    /// The one that the same plan makes.
    New(&'static Row),
}

/// Where the key of a leaf comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A new one is generated.
    New(Algorithm),
    /// The existing one is reused.
    Reuse(Algorithm),
}

/// A certification request to be made.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// Subject, usages, names.
    pub contents: LeafTemplate,
    /// Where the key comes from.
    pub key: KeySource,
    /// Where the key is, or will be.
    pub place: KeyPlace,
    /// The fields of a kubeconfig that is made for a new key.
    pub kubeconfig: Option<OpenKubeconfig>,
}

/// A new kubeconfig whose client certificate has still to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenKubeconfig {
    /// Name of the cluster entry.
    pub cluster: String,
    /// URL of the API server.
    pub server: String,
    /// Name of the user entry.
    pub user: String,
}

/// A certificate from elsewhere to be installed.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// The certificate with its intermediates.
    pub chain: Chain,
    /// Where its key is.
    pub place: KeyPlace,
    /// The CAs that a kubeconfig must trust; `None` keeps its CAs.
    pub ca: Option<Vec<Certificate>>,
}

/// Where the key of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In the row's own file.
    Row,
    /// Beside the request, because the row's own file holds a key that is in use.
    Waiting,
}

/// The reasons that prevent a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanError {
    /// In catalog order.
    pub reasons: Vec<Reason>,
}

/// Something that prevents a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The row, if it is about one.
    pub row: Option<&'static Row>,
    /// What kind of finding it is, if it is one.
    pub id: Option<FindingId>,
    /// What was found and what was wanted.
    pub message: String,
    /// What to do about it.
    pub remedy: Remedy,
}

impl Plan {
    /// Returns the rows for which something is made.
    pub fn made(&self) -> impl Iterator<Item = (&'static Row, &Make, &[Change])> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Make { make, changes } => Some((step.row, make.as_ref(), changes.as_slice())),
            Action::Keep | Action::Skip { .. } => None,
        })
    }

    /// Returns what is made of a row.
    pub fn made_of(&self, row: &Row) -> Option<&Make> {
        self.made()
            .find(|(made, ..)| *made == row)
            .map(|(_, make, _)| make)
    }

    /// Returns the plan with this algorithm for every new key, for a dry run.
    pub(crate) fn with_new_keys_of(&self, algorithm: Algorithm) -> Plan {
        let mut plan = self.clone();
        for step in &mut plan.steps {
            if let Action::Make { make, .. } = &mut step.action {
                make.set_new_key(algorithm);
            }
        }
        plan
    }

    /// Returns whether nothing is made, except perhaps state files.
    pub fn makes_nothing(&self) -> bool {
        self.made().next().is_none()
    }

    /// Returns whether something selected cannot be done.
    pub fn has_failed(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.action, Action::Skip { failed: true, .. }))
    }

    /// Returns the findings that prevent something that was asked for.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.steps.iter().flat_map(|step| match &step.action {
            Action::Skip {
                failed: true,
                findings,
                ..
            } => findings.as_slice(),
            _ => &[],
        })
    }

    /// Returns whether there is nothing to write at all.
    pub fn is_empty(&self) -> bool {
        self.makes_nothing() && self.state.is_empty()
    }

    /// Writes the configuration, in kubeadm's YAML, as the recorded one.
    pub fn record(&mut self, configuration: String) {
        self.state.push(StateFile {
            file: layout::recorded_configuration(),
            contents: configuration,
        });
    }

    /// Returns whether the recorded configuration is written.
    pub fn records_configuration(&self) -> bool {
        self.state
            .iter()
            .any(|state| state.file == layout::recorded_configuration())
    }

    /// Returns whether the plan removes an error about a row.
    pub fn removes(&self, finding: &Finding, inventory: &Inventory) -> bool {
        let Some(row) = finding.row else {
            return false;
        };
        let is_own = self
            .made_of(row)
            .is_some_and(|make| make.removes(finding.id));
        is_own || self.names_the_server(finding, row, inventory) || self.replaces_all(finding, row)
    }

    /// Returns whether the API server gets a certificate with the name of a kubeconfig's server.
    fn names_the_server(&self, finding: &Finding, row: &Row, inventory: &Inventory) -> bool {
        let (RowFiles::Kubeconfig(FileState::Valid(file)), Some(leaf)) = (
            inventory.row(row),
            self.made_of(&APISERVER).and_then(Make::leaf),
        ) else {
            return false;
        };
        finding.id == FindingId::KubeconfigServerNotInSans
            && names::accepts(&file.kubeconfig, &leaf.contents.sans())
    }

    /// Returns whether the plan reissues everything that a replaced CA should have signed.
    fn replaces_all(&self, finding: &Finding, ca: &Row) -> bool {
        let signs = |step: &&Step| step.row.signer().is_some_and(|signer| signer == ca);
        finding.id == FindingId::CaReplaced
            && self.steps.iter().any(|step| signs(&step))
            && self
                .steps
                .iter()
                .filter(signs)
                .all(|step| matches!(step.action, Action::Make { .. }))
    }
}

impl Make {
    /// Returns the leaf certificate in these contents.
    pub fn leaf(&self) -> Option<&Leaf> {
        match self {
            Make::Leaf(leaf)
            | Make::NewKubeconfig { leaf, .. }
            | Make::RenewedKubeconfig { leaf, .. } => Some(leaf),
            Make::Ca { .. }
            | Make::MovedKubeconfig { .. }
            | Make::ServiceAccount { .. }
            | Make::ServiceAccountPublic
            | Make::Request(_)
            | Make::Import(_)
            | Make::Install { .. }
            | Make::Restore { .. } => None,
        }
    }

    /// Returns the contents of the certificate that is made or asked for.
    pub fn leaf_contents(&self) -> Option<&LeafTemplate> {
        match self {
            Make::Request(request) => Some(&request.contents),
            _ => self.leaf().map(|leaf| &leaf.contents),
        }
    }

    /// Returns the algorithm of the key that has to be generated.
    pub fn new_key(&self) -> Option<Algorithm> {
        match self {
            Make::Ca { algorithm, .. } | Make::ServiceAccount { algorithm } => Some(*algorithm),
            Make::MovedKubeconfig { .. }
            | Make::ServiceAccountPublic
            | Make::Import(_)
            | Make::Install { .. }
            | Make::Restore { .. } => None,
            Make::Leaf(leaf)
            | Make::NewKubeconfig { leaf, .. }
            | Make::RenewedKubeconfig { leaf, .. } => leaf.key.new_key(),
            Make::Request(request) => request.key.new_key(),
        }
    }

    /// Returns the files that are written for a row with these contents.
    pub fn files(&self, row: &Row) -> Vec<(TreePath, Access)> {
        let key = layout::key_file(row);
        let mut written = layout::all_files(row);
        let request = layout::request_file(row);
        let waiting = layout::waiting_key_file(row);
        let own_key = key.clone().or_else(|| layout::kubeconfig_file(row));
        written.retain(|(file, _)| match self {
            Make::Install { files } | Make::Restore { files } => {
                files.iter().any(|(restored, _)| restored == file)
            }
            Make::Request(made) => {
                let is_key = match made.place {
                    KeyPlace::Row => Some(file) == own_key.as_ref(),
                    KeyPlace::Waiting => Some(file) == waiting.as_ref(),
                };
                Some(file) == request.as_ref() || (is_key && made.key.is_new())
            }
            _ if [&request, &waiting].contains(&&Some(file.clone())) => false,
            Make::Import(import) => Some(file) != key.as_ref() || import.place == KeyPlace::Waiting,
            Make::Leaf(_) if self.new_key().is_none() => Some(file) != key.as_ref(),
            Make::ServiceAccountPublic => Some(file) != key.as_ref(),
            _ => true,
        });
        written
    }

    fn set_new_key(&mut self, wanted: Algorithm) {
        match self {
            Make::Ca { algorithm, .. } | Make::ServiceAccount { algorithm } => *algorithm = wanted,
            Make::Leaf(leaf)
            | Make::NewKubeconfig { leaf, .. }
            | Make::RenewedKubeconfig { leaf, .. } => {
                if let KeySource::New(algorithm) = &mut leaf.key {
                    *algorithm = wanted;
                }
            }
            Make::Request(request) => {
                if let KeySource::New(algorithm) = &mut request.key {
                    *algorithm = wanted;
                }
            }
            Make::MovedKubeconfig { .. }
            | Make::ServiceAccountPublic
            | Make::Import(_)
            | Make::Install { .. }
            | Make::Restore { .. } => {}
        }
    }

    /// Returns the files that are of no use any more once this is done.
    pub fn obsolete(&self, row: &Row) -> Vec<TreePath> {
        match self {
            Make::Import(_) => {
                let waiting = layout::request_file(row).into_iter();
                waiting.chain(layout::waiting_key_file(row)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the validity of the certificate that is made.
    pub fn validity(&self) -> Option<Validity> {
        match self {
            Make::Ca { validity, .. } => Some(*validity),
            Make::Import(import) => Some(import.chain.leaf.validity()),
            _ => self.leaf().map(|leaf| leaf.validity),
        }
    }

    /// Returns whether making this removes an error about the row.
    fn removes(&self, id: FindingId) -> bool {
        use FindingId as Id;
        match self {
            // With a lost CA, everything that it signed is made too.
            Make::Ca { .. } => matches!(id, Id::CaMissing | Id::CaLost),
            Make::ServiceAccount { .. } => id == Id::ServiceAccountMissing,
            Make::ServiceAccountPublic => id == Id::ServiceAccountPublicMissing,
            Make::NewKubeconfig { .. } => id == Id::KubeconfigMissing,
            Make::Leaf(leaf) => match id {
                Id::FileUnreadable | Id::FileHardLinks | Id::FilePermissionDenied => false,
                Id::FilePrivateKeyExposed
                | Id::CertificateKeyMismatch
                | Id::CertificateKeyMissing => matches!(leaf.key, KeySource::New(_)),
                id => is_about_a_leaf(id) || id == Id::FileInvalid,
            },
            Make::RenewedKubeconfig { leaf, ca, server } => match id {
                Id::KubeconfigWithoutCa
                | Id::KubeconfigOtherCa
                | Id::KubeconfigCaFileMissing
                | Id::KubeconfigCaFileOther => ca.is_some(),
                Id::KubeconfigServerNotInSans | Id::KubeconfigServerInvalid => server.is_some(),
                Id::KubeconfigOtherCluster => ca.is_some() && server.is_some(),
                Id::CertificateKeyMismatch => matches!(leaf.key, KeySource::New(_)),
                // The kubelet's own certificate file is no longer used.
                Id::KubeletCertificateMissing
                | Id::KubeconfigClientCertificateMissing
                | Id::FileInvalid
                | Id::FilePrivateKeyExposed => true,
                id => is_about_a_leaf(id),
            },
            Make::MovedKubeconfig { .. } => {
                matches!(
                    id,
                    Id::KubeconfigServerNotInSans | Id::KubeconfigServerInvalid
                )
            }
            // What waits to be signed is no error.
            Make::Request(_) => matches!(
                id,
                Id::CertificateMissing | Id::CertificateKeyOnly | Id::KubeconfigMissing
            ),
            // The tree with the certificate is judged separately.
            Make::Import(_) => is_about_a_leaf(id) || id == Id::FileInvalid,
            // The resulting tree is judged separately.
            Make::Install { .. } | Make::Restore { .. } => true,
        }
    }
}

/// Returns whether a new certificate removes an error.
fn is_about_a_leaf(id: FindingId) -> bool {
    use FindingId as Id;
    matches!(
        id,
        Id::CertificateMissing
            | Id::CertificateKeyOnly
            | Id::CertificateKeyMissing
            | Id::CertificateKeyMismatch
            | Id::CertificateExpired
            | Id::CertificateNotYetValid
            | Id::CertificateExpiresSoon
            | Id::CertificateOtherIssuer
            | Id::CertificateDamaged
            | Id::CertificateWeakSignature
            | Id::CertificateIntermediate
            | Id::CertificateUsageMissing
            | Id::CertificateIsTheCa
            | Id::CertificateOfAnotherRow
            | Id::CertificateUnusable
            | Id::CertificateRefusedByGo
            | Id::CertificateUnknownCriticalExtension
            | Id::CertificateNamesMissing
            | Id::CertificateDiffers
    )
}

impl SigningCa {
    /// Returns the CA's row.
    pub fn row(self) -> &'static Row {
        match self {
            SigningCa::Existing(row) | SigningCa::New(row) => row,
        }
    }
}

impl KeySource {
    /// Returns whether the key is generated.
    pub fn is_new(self) -> bool {
        matches!(self, KeySource::New(_))
    }

    /// Returns the algorithm of the key that has to be generated.
    pub fn new_key(self) -> Option<Algorithm> {
        match self {
            KeySource::New(algorithm) => Some(algorithm),
            KeySource::Reuse(_) => None,
        }
    }

    /// Returns the key's algorithm.
    pub fn algorithm(self) -> Algorithm {
        match self {
            KeySource::New(algorithm) | KeySource::Reuse(algorithm) => algorithm,
        }
    }
}

impl PlanError {
    fn add(&mut self, reason: Reason) {
        // Each leaf of a bad CA would repeat it.
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Returns the plan, if nothing prevents it.
    fn into_result(self, plan: Plan) -> Result<Plan, PlanError> {
        match self.reasons.is_empty() {
            true => Ok(plan),
            false => Err(self),
        }
    }

    /// Returns whether only missing permissions prevent the plan.
    pub fn is_permission_denied(&self) -> bool {
        self.reasons
            .iter()
            .all(|reason| reason.id == Some(FindingId::FilePermissionDenied))
    }
}

impl From<&Finding> for Reason {
    fn from(finding: &Finding) -> Reason {
        Reason {
            row: finding.row,
            id: Some(finding.id),
            message: message(finding),
            remedy: finding.remedy.clone(),
        }
    }
}

/// Returns a finding as a message that names the row, unless it names its file already.
pub fn message(finding: &Finding) -> String {
    match finding.row {
        Some(row) if finding.file.is_none() => format!("{}: {}", title(row), finding.found),
        _ => finding.found.clone(),
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self
            .reasons
            .iter()
            .map(|reason| reason.message.as_str())
            .collect();
        f.write_str(&messages.join("\n"))
    }
}

impl std::error::Error for PlanError {}

fn cut_short(row: &Row, signer: &Row, validity: Validity) -> String {
    format!(
        "`{}`: valid only until {}, when its CA `{}` expires",
        row.name,
        validity.not_after.date(),
        signer.name
    )
}
