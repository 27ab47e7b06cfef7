//! Decides: what is wanted and what is there, at a given time, make a list of steps. No files, no keys are made here.
//!
//! `init` and `renew` are two ways to make a [`Plan`]; `crate::execute` carries either out. What is there is judged by
//! `crate::check`.

pub mod infer;
pub mod init;
pub mod renew;
pub mod rollback;

use std::fmt;

use zeroize::Zeroizing;

use crate::catalog::Row;
use crate::check::Change;
use crate::tree::layout::TreePath;
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::sign::LeafTemplate;
use crate::x509::validity::Validity;

/// What a command is going to do, in catalog order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One step for each row that the command looked at.
    pub steps: Vec<Step>,
    /// What is worth knowing and stops nothing.
    pub warnings: Vec<String>,
    /// The configuration to be recorded, in kubeadm's YAML; none where it stays as it is.
    pub record: Option<String>,
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
    /// It is there and stays as it is.
    Keep,
    /// Something is made; `changes` says what differs from what was there.
    Make {
        /// What is made.
        make: Box<Make>,
        /// Field by field; empty where nothing was there.
        changes: Vec<Change>,
    },
    /// It is left alone although it was asked for.
    Skip {
        /// Why, for people.
        reason: String,
        /// Whether it should have been done; what is not `pki`'s to do has not failed.
        failed: bool,
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
        /// Validity of its certificate.
        validity: Validity,
    },
    /// A leaf certificate in a file of its own.
    Leaf(Leaf),
    /// A kubeconfig that is not there yet.
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
        /// The CAs that it is to trust; none where its CA data stays as it is.
        ca: Option<Vec<Certificate>>,
    },
    /// The service-account key pair.
    ServiceAccount {
        /// Algorithm of the new key.
        algorithm: Algorithm,
    },
    /// `sa.pub`, from the `sa.key` that is there.
    ServiceAccountPublic,
    /// Old files that come back.
    Restore {
        /// The files with their bytes.
        files: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
    },
}

/// A leaf certificate to be signed.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The CA's row.
    pub signer: &'static Row,
    /// Subject, usages, names.
    pub contents: LeafTemplate,
    /// The certificates that follow it in its file.
    pub intermediates: Vec<Certificate>,
    /// Where the key comes from.
    pub key: KeySource,
    /// Validity of the certificate.
    pub validity: Validity,
}

/// Where the key of a leaf comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A new one is generated.
    New(Algorithm),
    /// The one that is there.
    Reuse(Algorithm),
}

/// A plan cannot be made: everything that stands in the way.
#[derive(Debug, Default)]
pub struct Refusal {
    /// The obstacles, in catalog order.
    pub problems: Vec<Obstacle>,
}

/// Something that stands in the way of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What was found and what was wanted.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Plan {
    /// Returns the rows for which something is made.
    pub fn made(&self) -> impl Iterator<Item = (&'static Row, &Make, &[Change])> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Make { make, changes } => Some((step.row, make.as_ref(), changes.as_slice())),
            Action::Keep | Action::Skip { .. } => None,
        })
    }

    /// Returns the plan with every new key of that algorithm, to be carried out for a dry run: what else is made stays the same.
    pub(crate) fn with_new_keys_of(&self, algorithm: Algorithm) -> Plan {
        let mut plan = self.clone();
        for step in &mut plan.steps {
            if let Action::Make { make, .. } = &mut step.action {
                make.set_new_key(algorithm);
            }
        }
        plan
    }

    /// Returns whether nothing is made; the configuration may be recorded all the same.
    pub fn makes_nothing(&self) -> bool {
        self.made().next().is_none()
    }

    /// Returns whether something that was asked for cannot be done.
    pub fn has_failed(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.action, Action::Skip { failed: true, .. }))
    }

    /// Returns whether there is nothing to write at all.
    pub fn is_empty(&self) -> bool {
        self.makes_nothing() && self.record.is_none()
    }
}

impl Make {
    /// Returns the leaf certificate that is part of it.
    pub fn leaf(&self) -> Option<&Leaf> {
        match self {
            Make::Leaf(leaf)
            | Make::NewKubeconfig { leaf, .. }
            | Make::RenewedKubeconfig { leaf, .. } => Some(leaf),
            Make::Ca { .. }
            | Make::ServiceAccount { .. }
            | Make::ServiceAccountPublic
            | Make::Restore { .. } => None,
        }
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
            Make::ServiceAccountPublic | Make::Restore { .. } => {}
        }
    }

    /// Returns the algorithm of the key that has to be generated.
    pub fn new_key(&self) -> Option<Algorithm> {
        match self {
            Make::Ca { algorithm, .. } | Make::ServiceAccount { algorithm } => Some(*algorithm),
            Make::ServiceAccountPublic | Make::Restore { .. } => None,
            Make::Leaf(leaf)
            | Make::NewKubeconfig { leaf, .. }
            | Make::RenewedKubeconfig { leaf, .. } => match leaf.key {
                KeySource::New(algorithm) => Some(algorithm),
                KeySource::Reuse(_) => None,
            },
        }
    }

    /// Returns the validity of the certificate that is made.
    pub fn validity(&self) -> Option<Validity> {
        match self {
            Make::Ca { validity, .. } => Some(*validity),
            _ => self.leaf().map(|leaf| leaf.validity),
        }
    }
}

impl KeySource {
    /// Returns the key's algorithm.
    pub fn algorithm(self) -> Algorithm {
        match self {
            KeySource::New(algorithm) | KeySource::Reuse(algorithm) => algorithm,
        }
    }
}

impl Refusal {
    fn add(&mut self, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let obstacle = Obstacle {
            message: message.into(),
            hint: hint.into(),
        };
        // Every leaf of a bad CA would repeat it.
        if !self.problems.contains(&obstacle) {
            self.problems.push(obstacle);
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&problem.message)?;
            if let Some(hint) = &problem.hint {
                write!(f, "\nhint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

fn cut_short(row: &Row, signer: &Row, validity: Validity) -> String {
    format!(
        "`{}`: valid only until {}, when its CA `{}` expires",
        row.name,
        validity.not_after.date(),
        signer.name
    )
}
