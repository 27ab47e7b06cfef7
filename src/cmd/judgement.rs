//! The judgement of a tree as the commands use it: findings with the commands that remove them, and the check at the end.

use time::{Duration, OffsetDateTime};

use super::{Console, Exit};
use crate::catalog::Row;
use crate::check::expiry::{self, Thresholds};
use crate::check::finding::{Findings, Outcome};
use crate::check::host::HostKind;
use crate::check::{Context, Expected, check};
use crate::config::Cluster;
use crate::plan::remedy::{self, Situation};
use crate::plan::{Plan, init};
use crate::report::findings::{TreeArguments, lines};
use crate::tree::inventory::Inventory;
use crate::util::duration::Period;

/// What a command knows about a tree when it judges it.
#[derive(Clone, Copy)]
pub(super) struct Knowledge<'a> {
    /// The declared or recorded configuration, if there is one.
    pub(super) expected: Option<Expected<'a>>,
    /// The configuration that `init` would use, and whether it is more than inferred.
    pub(super) init: Option<(&'a Cluster, bool)>,
    /// The time within which something is due, if the command has one.
    pub(super) due: Option<&'a Period>,
    /// The time.
    pub(super) now: OffsetDateTime,
}

/// The thresholds of `check-expiration`, where none are given.
const DEFAULT_THRESHOLDS: Thresholds = Thresholds {
    warn: Duration::days(30),
    critical: Duration::ZERO,
};

impl<'a> Knowledge<'a> {
    /// Knows nothing but the time.
    pub(super) fn nothing(now: OffsetDateTime) -> Knowledge<'a> {
        Knowledge {
            expected: None,
            init: None,
            due: None,
            now,
        }
    }

    /// Returns what is to be judged.
    pub(super) fn context<'i>(&'i self, inventory: &'i Inventory) -> Context<'i> {
        Context {
            inventory,
            expected: self.expected,
            now: self.now,
        }
    }

    /// Judges a tree, and completes the findings with the commands that remove them.
    pub(super) fn judge(&self, inventory: &Inventory) -> Findings {
        self.with_remedies(check(inventory, self.expected, self.now), inventory)
    }

    /// Completes findings with the commands that remove them.
    pub(super) fn with_remedies(&self, mut findings: Findings, inventory: &Inventory) -> Findings {
        let is_control_plane = self.context(inventory).host() == HostKind::ControlPlane;
        let init = self
            .init
            .filter(|_| is_control_plane)
            .map(|(cluster, is_declared)| init::InitRequest {
                is_declared,
                ..init::InitRequest::from(cluster)
            });
        let situation = Situation {
            inventory,
            declared: self.expected.map(|expected| expected.cluster),
            init,
            due: self.due,
            now: self.now,
        };
        remedy::derive(&mut findings, &situation);
        findings
    }

    /// Judges what a command leaves, or would leave: the rows that it was asked for and their CAs, or the whole tree. Says what
    /// needs attention, what prevented a part of the plan included, and returns the exit code.
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
        // The check reads no private key, the plan did.
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
            // A warning says nothing about this command.
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
