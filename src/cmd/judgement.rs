//! Judges a tree for the commands: adds the remedies to the findings, and makes the check at the end of a command.

use time::{Duration, OffsetDateTime};

use super::{Console, Exit};
use crate::catalog::Row;
use crate::check::expiry::{self, Thresholds};
use crate::check::finding::{Findings, Outcome};
use crate::check::host::HostKind;
use crate::check::{Context, Expected, check, manifests};
use crate::config::Cluster;
use crate::plan::remedy::{self, RemedyContext};
use crate::plan::{Plan, init};
use crate::report::findings::{TreeArguments, lines};
use crate::tree::inventory::Inventory;
use crate::tree::manifests::{PodManifest, STATIC_PODS};
use crate::tree::overlay::Tree;
use crate::util::duration::Period;

/// What the judgement of a tree depends on, other than its files.
#[derive(Clone, Copy)]
pub(super) struct JudgementContext<'a> {
    /// The declared or recorded configuration, if there is one.
    pub(super) expected: Option<Expected<'a>>,
    /// The configuration that `init` would use, and whether it is declared instead of inferred.
    pub(super) init: Option<(&'a Cluster, bool)>,
    /// The period of `--due`, if the command has it.
    pub(super) due: Option<&'a Period>,
    /// The time of this run.
    pub(super) now: OffsetDateTime,
}

/// The default thresholds of `check-expiration`.
const DEFAULT_THRESHOLDS: Thresholds = Thresholds {
    warn: Duration::days(30),
    critical: Duration::ZERO,
};

/// Returns the findings for components of this tree that are started with encrypted keys of CAs, and so would not start again.
pub(super) fn encrypted_keys_in_use(tree: &Tree, is_encrypted: &dyn Fn(&Row) -> bool) -> Findings {
    // A manifest that cannot be used is a finding of `verify`.
    let read = |component| PodManifest::read(tree, component).ok().flatten();
    let manifests = STATIC_PODS.into_iter().filter_map(read);
    manifests
        .flat_map(|manifest| manifests::encrypted_keys(&manifest, is_encrypted))
        .collect()
}

impl<'a> JudgementContext<'a> {
    /// Returns a context without a configuration.
    pub(super) fn nothing(now: OffsetDateTime) -> JudgementContext<'a> {
        JudgementContext {
            expected: None,
            init: None,
            due: None,
            now,
        }
    }

    /// Returns the input of the check.
    pub(super) fn context<'i>(&'i self, inventory: &'i Inventory) -> Context<'i> {
        Context {
            inventory,
            expected: self.expected,
            now: self.now,
        }
    }

    /// Judges a tree, and adds the remedies to the findings.
    pub(super) fn judge(&self, inventory: &Inventory) -> Findings {
        self.with_remedies(check(inventory, self.expected, self.now), inventory)
    }

    /// Adds the commands that remove the findings.
    pub(super) fn with_remedies(&self, mut findings: Findings, inventory: &Inventory) -> Findings {
        let is_control_plane = self.context(inventory).host() == HostKind::ControlPlane;
        let init = self
            .init
            .filter(|_| is_control_plane)
            .map(|(cluster, is_declared)| init::InitRequest {
                is_declared,
                ..init::InitRequest::from(cluster)
            });
        let situation = RemedyContext {
            inventory,
            declared: self.expected.map(|expected| expected.cluster),
            init,
            due: self.due,
            now: self.now,
        };
        remedy::derive(&mut findings, &situation);
        findings
    }

    /// Judges the tree after a command, or as it would be after it: the selected rows and their CAs, or the whole tree.
    /// Prints what needs attention and why parts of the plan were skipped, and returns the exit code.
    pub(super) fn closing_check(
        &self,
        inventory: &Inventory,
        plan: &Plan,
        rows: Option<&[&'static Row]>,
        arguments: &TreeArguments,
        console: &Console,
    ) -> Exit {
        let mut found = check(inventory, self.expected, self.now);
        found.extend(expiry::soon(&self.context(inventory), DEFAULT_THRESHOLDS));
        // The plan has read the private keys, the check does not.
        for failure in plan.failures() {
            let is_known = found
                .iter()
                .any(|known| (known.id, known.row) == (failure.id, failure.row));
            if !is_known {
                found.extend([failure.clone()]);
            }
        }
        let is_selected = |row: Option<&'static Row>| match (rows, row) {
            (Some(rows), Some(row)) => rows
                .iter()
                .any(|meant| *meant == row || meant.signer() == Some(row)),
            (Some(_), None) => false,
            (None, _) => true,
        };
        let left = found.filter(|finding| {
            // A warning is not a result of this command.
            let outcome = Findings::from_iter([finding.clone()]).outcome();
            is_selected(finding.row) && outcome > Outcome::Healthy
        });
        let left = self.with_remedies(left, inventory);
        for line in lines(&left, arguments) {
            console.warn(&line);
        }
        left.outcome().into()
    }
}
