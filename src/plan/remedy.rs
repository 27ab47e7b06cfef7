//! Finds the commands that remove a finding. Asks the planners, so that a command is advised only if it works.

use std::cell::OnceCell;

use time::{Duration, OffsetDateTime};

use super::init;
use super::renew::{self, RenewRequest, Selection};
use super::{Plan, PlanError};
use crate::catalog::Row;
use crate::check::finding::{Finding, FindingId, Findings, PkiCommand, Remedy, Severity};
use crate::config::cluster::Cluster;
use crate::tree::inventory::Inventory;
use crate::util::duration::Period;

/// The input of the advised commands.
#[derive(Clone, Copy, Debug)]
pub struct RemedyContext<'a> {
    /// What the tree holds.
    pub inventory: &'a Inventory,
    /// The declared or recorded configuration, if there is one.
    pub declared: Option<&'a Cluster>,
    /// The request for `init`, if its configuration is known.
    pub init: Option<init::InitRequest<'a>>,
    /// The time within which something is due, if the command has one.
    pub due: Option<&'a Period>,
    /// The time.
    pub now: OffsetDateTime,
}

/// Completes the remedies of findings with the commands that remove them.
pub fn derive(findings: &mut Findings, situation: &RemedyContext<'_>) {
    let known = findings.clone();
    let mut advisor = Advisor {
        situation,
        findings: &known,
        renewals: Vec::new(),
        creation: OnceCell::new(),
    };
    for finding in findings.iter_mut() {
        // Without a configuration, a renewal keeps a name that works.
        let is_renamed =
            finding.id == FindingId::CertificateOfAnotherRow && situation.declared.is_some();
        let is_advised = finding.severity == Severity::Error
            || is_renamed
            || matches!(
                finding.id,
                FindingId::CertificateExpiresSoon
                    | FindingId::CertificateDiffers
                    | FindingId::CertificateWithoutUsages
                    | FindingId::CertificateWithCaFlag
                    | FindingId::CertificateVersion
                    | FindingId::CertificateExtra
            );
        if let Some(remedy) = is_advised.then(|| advisor.remedy(finding)).flatten() {
            finding.remedy = remedy;
        }
    }
}

struct Advisor<'a> {
    situation: &'a RemedyContext<'a>,
    findings: &'a Findings,
    /// The renewal of each row that was asked about.
    renewals: Vec<(&'static Row, Result<Plan, PlanError>)>,
    /// What `init` would do, once it was asked for.
    creation: OnceCell<Result<Plan, PlanError>>,
}

/// The warning time of commands that have none.
const DEFAULT_WARNING: Duration = Duration::days(30);

impl Advisor<'_> {
    fn remedy(&mut self, finding: &Finding) -> Option<Remedy> {
        let row = finding.row.filter(|row| !row.is_observed())?;
        match finding.id {
            FindingId::CaReplaced => {
                let plan = self.renewal(Selection::All).ok()?;
                let is_removed = plan.removes(finding, self.situation.inventory);
                is_removed.then(|| Remedy {
                    commands: vec![PkiCommand::RenewAll],
                    ..finding.remedy.clone()
                })
            }
            FindingId::CaMissing
            | FindingId::CertificateMissing
            | FindingId::KubeconfigMissing
            | FindingId::ServiceAccountMissing
            | FindingId::ServiceAccountPublicMissing => self.creation(finding),
            // Its CA signs nothing that lasts longer.
            FindingId::CertificateExpired | FindingId::CertificateExpiresSoon
                if self.ends_with_its_ca(finding.id, row) =>
            {
                Some(Remedy::words(FindingId::CaExpired.kind().advice))
            }
            _ if row.signer().is_some() => self.reissue(finding, row),
            _ => None,
        }
    }

    /// Returns whether the CA of a leaf has expired, or expires soon as the leaf does.
    fn ends_with_its_ca(&self, id: FindingId, row: &Row) -> bool {
        let of_ca = |id| row.signer().is_some_and(|ca| self.findings.has(ca, id));
        of_ca(FindingId::CaExpired) || (id == FindingId::CertificateExpiresSoon && of_ca(id))
    }

    fn renewal(&self, selection: Selection) -> Result<Plan, PlanError> {
        let request = RenewRequest {
            selection,
            declared: self.situation.declared,
            reuse_key: false,
        };
        let RemedyContext { inventory, now, .. } = *self.situation;
        renew::plan(&request, inventory, self.findings, now)
    }

    /// Returns the renewal of a row, if it removes the finding, else the planner's remedy.
    fn reissue(&mut self, finding: &Finding, row: &'static Row) -> Option<Remedy> {
        if !self.renewals.iter().any(|(known, _)| *known == row) {
            let plan = self.renewal(Selection::Rows(vec![row]));
            self.renewals.push((row, plan));
        }
        let (_, plan) = self.renewals.iter().find(|(known, _)| *known == row)?;
        let is_about_time = matches!(
            finding.id,
            FindingId::CertificateExpired | FindingId::CertificateExpiresSoon
        );
        match plan {
            // A new certificate would be due as well.
            Ok(plan)
                if finding.id == FindingId::CertificateExpiresSoon
                    && self.is_soon_due_again(plan, row) =>
            {
                Some(Remedy::words(
                    "the configured validity period is shorter than the warning time: use a shorter `--warn` or a longer period",
                ))
            }
            Ok(plan) => {
                let is_removed = finding.severity != Severity::Error
                    || plan.removes(finding, self.situation.inventory);
                is_removed.then(|| {
                    Remedy::command(match self.situation.due.filter(|_| is_about_time) {
                        Some(due) => PkiCommand::RenewDue(due.clone()),
                        None => PkiCommand::Renew(vec![row]),
                    })
                })
            }
            Err(error) => {
                // A finding already has advice.
                let reason = error.reasons.iter().find(|reason| reason.id.is_none())?;
                Some(reason.remedy.clone()).filter(|remedy| !remedy.is_empty())
            }
        }
    }

    /// Returns whether what a renewal makes of a row expires within the warning time.
    fn is_soon_due_again(&self, plan: &Plan, row: &Row) -> bool {
        let within = self.situation.due.map_or(DEFAULT_WARNING, Period::span);
        let made = plan.made().find(|(made, ..)| *made == row);
        let leaf = made.and_then(|(_, make, _)| make.leaf());
        leaf.is_some_and(|leaf| leaf.validity.not_after - self.situation.now <= within)
    }

    /// Returns `init`, if it creates the missing row: at once, or after the renewals that other findings advise.
    fn creation(&self, finding: &Finding) -> Option<Remedy> {
        let request = self.situation.init?;
        let RemedyContext { inventory, now, .. } = *self.situation;
        let plan = || init::plan(&request, inventory, self.findings, now);
        match self.creation.get_or_init(plan) {
            Ok(plan) if plan.removes(finding, inventory) => Some(Remedy::command(PkiCommand::Init)),
            // What an external CA has to make.
            Ok(plan) => plan.steps.iter().find_map(|step| match &step.action {
                super::Action::Skip { remedy, .. } if Some(step.row) == finding.row => {
                    Some(remedy.clone())
                }
                _ => None,
            }),
            Err(error) => {
                let own = error
                    .reasons
                    .iter()
                    .find(|reason| reason.row == finding.row);
                if let Some(own) = own {
                    return Some(own.remedy.clone());
                }
                let is_renewable = |row: &'static Row| {
                    row.signer().is_some() && self.renewal(Selection::Rows(vec![row])).is_ok()
                };
                error
                    .reasons
                    .iter()
                    .all(|reason| reason.row.is_some_and(is_renewable))
                    .then(|| Remedy::command(PkiCommand::Init))
            }
        }
    }
}
