//! Compares the desired with the current state at a given time and returns a list of steps. Reads no files and
//! generates no keys.
//!
//! `init`, `renew`, `rollback` and `download` are ways to make a [`Plan`]; `crate::execute` carries it out. `crate::check`
//! judges what there is, and the planners decide by its findings only; `make` has what a step makes; [`remedy`] uses the planners to find the
//! commands that remove a finding. `ca`, `csr::new` and `subject` are about what belongs to no tree.

pub mod ca;
pub mod client;
pub mod csr;
pub mod download;
mod error;
pub mod infer;
pub mod init;
mod make;
pub mod readiness;
pub mod remedy;
pub mod renew;
pub mod rollback;
pub mod subject;

use crate::catalog::{APISERVER, Row};
use crate::check::finding::{Finding, FindingId, Remedy};
use crate::check::{Change, names};
use crate::tree::inventory::{FileState, Inventory, RowFiles};
use crate::tree::layout::{self, TreePath};
use crate::x509::algorithm::Algorithm;
use crate::x509::validity::Validity;

pub use self::error::{PlanError, Reason, message};
pub(crate) use self::make::is_about_a_leaf;
pub use self::make::{
    ImportPlan, KeyPlace, KeySource, Leaf, Make, OpenKubeconfig, RequestPlan, SigningCa,
};

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

    /// Returns the CAs of the tree that sign what is made.
    pub fn signers(&self) -> Vec<&'static Row> {
        let mut signers = Vec::new();
        for leaf in self.made().filter_map(|(_, make, _)| make.leaf()) {
            if let SigningCa::Existing(ca) = leaf.signer
                && !signers.contains(&ca)
            {
                signers.push(ca);
            }
        }
        signers
    }

    /// Returns whether a key is made that is encrypted with a passphrase.
    pub fn encrypts_keys(&self) -> bool {
        self.made().any(|(row, ..)| self.encrypts_key_of(row))
    }

    /// Returns whether the key of this row is made, and encrypted with a passphrase.
    pub fn encrypts_key_of(&self, row: &Row) -> bool {
        matches!(
            self.made_of(row),
            Some(Make::Ca {
                is_encrypted: true,
                ..
            })
        )
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

fn cut_short(row: &Row, signer: &Row, validity: Validity) -> String {
    format!(
        "`{}`: valid only until {}, when its CA `{}` expires",
        row.name,
        validity.not_after.date(),
        signer.name
    )
}
