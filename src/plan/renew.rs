//! Plans `renew`: the same CA signs each certificate again, with what the configuration declares or else with what the old
//! certificate says.

mod besides;
mod kubeconfig;
mod old;

use time::{Duration, OffsetDateTime};

use self::old::{Old, changes, old_pair};
use super::{Action, KeySource, Leaf, Make, Plan, Refusal, Step};
use crate::catalog::Row;
use crate::check::leaf::{belongs, ca_hint, key_hint};
use crate::check::{Change, expected, expiry, validity};
use crate::config::cluster::Cluster;
use crate::config::fields::DEFAULT_CERTIFICATE_VALIDITY;
use crate::tree::inventory::{
    CaState, Fault, FileState, InvalidFile, Inventory, KeyFile, RowFiles,
};
use crate::x509::algorithm::Algorithm;
use crate::x509::ca::IssuerError;
use crate::x509::certificate::Certificate;
use crate::x509::chain::CaBundle;
use crate::x509::key::PrivateKey;
use crate::x509::sign::{Issuer, LeafTemplate};
use crate::x509::verify::is_damaged;

/// What to renew, and how.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Which rows.
    pub selection: Selection,
    /// The declared configuration, if one is known.
    pub declared: Option<&'a Cluster>,
    /// Keep each key instead of making a new one.
    pub reuse_key: bool,
}

/// Which rows are renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All that are there.
    All,
    /// These; each must be renewable.
    Rows(Vec<&'static Row>),
    /// Those that expire within this time.
    Due(Duration),
}

impl Selection {
    /// Returns whether a row may be renewed, or may have to sign one that is.
    pub fn concerns(&self, row: &Row) -> bool {
        match self {
            Selection::All | Selection::Due(_) => true,
            Selection::Rows(rows) => rows
                .iter()
                .any(|selected| *selected == row || selected.signer() == Some(row)),
        }
    }
}

/// Plans a renewal at `now`.
///
/// # Errors
/// A CA that must not issue, and a row asked for by name that cannot be renewed here. A broken row that was not asked for by
/// name does not stop the others.
pub fn plan(
    request: &Request<'_>,
    inventory: &Inventory,
    now: OffsetDateTime,
) -> Result<Plan, Refusal> {
    let mut planner = Planner {
        request,
        inventory,
        now,
        plan: Plan::default(),
        refusal: Refusal::default(),
    };
    let rows = match &request.selection {
        Selection::Rows(rows) => rows.clone(),
        Selection::All | Selection::Due(_) => expiry::rows(request.declared, inventory),
    };
    for row in rows {
        let Some(signer) = row.signer() else { continue };
        if planner.is_selected(row)
            && let Some(action) = planner
                .action(row, signer)
                .unwrap_or_else(|instead| instead)
        {
            planner.plan.steps.push(Step { row, action });
        }
    }
    planner.say_who_is_cut_off();
    planner.say_what_else_lacks_names();
    if planner.refusal.problems.is_empty() {
        Ok(planner.plan)
    } else {
        Err(planner.refusal)
    }
}

const DAMAGED: &str =
    "its signature is not its CA's: it was damaged or changed, or another CA of that name made it";

struct Planner<'a> {
    request: &'a Request<'a>,
    inventory: &'a Inventory,
    now: OffsetDateTime,
    plan: Plan,
    refusal: Refusal,
}

/// What happens to a row that is not renewed: it is left out, or it is an obstacle that was noted.
type Instead = Option<Action>;

impl<'a> Planner<'a> {
    fn is_selected(&self, row: &Row) -> bool {
        match &self.request.selection {
            Selection::All | Selection::Rows(_) => true,
            Selection::Due(within) => {
                let files = self.inventory.row(row);
                match expiry::ends(row, files, self.inventory) {
                    Some(end) => end - self.now <= *within,
                    None => !files.is_missing(),
                }
            }
        }
    }

    fn action(
        &mut self,
        row: &'static Row,
        signer: &'static Row,
    ) -> Result<Option<Action>, Instead> {
        let inventory = self.inventory;
        match inventory.row(row) {
            files if files.is_missing() => {
                Err(self.leave_out(row, "there is none", "`pki init` makes what is missing"))
            }
            RowFiles::Leaf { chain, key } => {
                let old = old_pair(chain, key);
                let (leaf, changes) = self.leaf(row, signer, &old)?;
                self.say_what_was_wrong(row, &old, key.is_missing());
                self.say_what_is_dropped(row, &old, &leaf);
                Ok(Some(make(Make::Leaf(leaf), changes)))
            }
            RowFiles::Kubeconfig(FileState::Valid(file)) => self.kubeconfig(row, signer, file),
            RowFiles::Kubeconfig(FileState::Invalid(broken)) => Err(self.fail(
                row,
                &broken.to_string(),
                "put the file back from a backup, or move it away and run `pki init`",
            )),
            RowFiles::Ca { .. }
            | RowFiles::Kubeconfig(FileState::Missing)
            | RowFiles::ServiceAccount { .. } => Ok(None),
        }
    }

    fn leaf(
        &mut self,
        row: &'static Row,
        signer: &'static Row,
        old: &Old<'_>,
    ) -> Result<(Leaf, Vec<Change>), Instead> {
        let issuer = self.issuer(row, signer)?;
        let unreadable = [old.broken, old.broken_key]
            .into_iter()
            .flatten()
            .find(|broken| broken.is_unreadable());
        if let Some(broken) = unreadable {
            return Err(self.fail(
                row,
                &broken.to_string(),
                "it is left as it is; see what it is doing there",
            ));
        }
        if old.leaf.is_some_and(Certificate::has_ca_flag) {
            let hint = "move it away and run `pki init`";
            return Err(self.fail(row, "it is a CA certificate, want a leaf", hint));
        }
        let cas = self
            .inventory
            .ca_bundle(signer)
            .map(CaBundle::certificates)
            .unwrap_or_default();
        // What was changed since its CA signed it may say anything.
        let is_damaged = old.leaf.is_some_and(|leaf| is_damaged(leaf, &cas));
        let believed = old.leaf.filter(|_| !is_damaged);
        let Some(contents) = self.contents(row, believed) else {
            let what = match old.broken {
                Some(broken) => broken.to_string(),
                None if is_damaged => DAMAGED.to_owned(),
                None => "its certificate is missing".to_owned(),
            };
            let hint = "give `--config`, which says what names it should have; `pki config show -o kubeadm` writes down what is known of this tree";
            return Err(self.fail(row, &what, hint));
        };
        let usages = contents.usage_names();
        if let Some(usage) = row
            .usages()
            .iter()
            .map(|usage| usage.name())
            .find(|usage| !usages.iter().any(|found| found == usage))
        {
            let what = format!("its extended key usage lacks {usage}, so nothing would accept it");
            return Err(self.fail(
                row,
                &what,
                "give `--config` to have it issued as it should be",
            ));
        }
        if let Some(oid) = contents.unknown_critical() {
            let what = format!(
                "it has a critical extension that is not known here, {oid}, so it cannot be checked"
            );
            return Err(self.fail(
                row,
                &what,
                "have it signed by hand, or move it away and run `pki init`",
            ));
        }
        let key = self.key(row, old)?;
        let validity = self
            .request
            .declared
            .map_or(DEFAULT_CERTIFICATE_VALIDITY, |cluster| {
                cluster.certificate_validity.length()
            });
        let (validity, cut) = validity::leaf(self.now, validity, issuer.certificate().validity());
        if cut {
            self.plan
                .warnings
                .push(super::cut_short(row, signer, validity));
        }
        // Whoever trusts only the root needs the intermediates; they still lead there if the CA is one of them.
        let intermediates = match old.intermediates.contains(issuer.certificate()) {
            true => old.intermediates.to_vec(),
            false => Vec::new(),
        };
        if let Some(leaf) = old.leaf {
            self.say_which_rights_go(row, leaf, &contents);
        }
        let leaf = Leaf {
            signer,
            contents,
            intermediates,
            key,
            validity,
        };
        if is_damaged {
            let what = format!("`{}`: {DAMAGED}; it is made anew", row.name);
            self.plan.warnings.push(what);
        }
        let declared = self.request.declared;
        let validity = declared.map(|cluster| cluster.certificate_validity.length());
        let changes = changes(old, &leaf, issuer.certificate(), validity);
        Ok((leaf, changes))
    }

    fn issuer(&mut self, row: &'static Row, signer: &'static Row) -> Result<Issuer<'a>, Instead> {
        let inventory = self.inventory;
        let (message, hint) = match inventory.ca(signer) {
            CaState::External(_) => {
                let what = format!(
                    "its CA `{}` is external: there is no key to sign with",
                    signer.name
                );
                return Err(self.leave_out(
                    row,
                    &what,
                    "have that CA sign it, and put key and certificate in place",
                ));
            }
            CaState::Local {
                bundle,
                key: KeyFile::Read(key),
            } => match (
                crate::check::other_ca(signer, &bundle.signer),
                Issuer::new(bundle, key, self.now),
            ) {
                (None, Ok(issuer)) => return Ok(issuer),
                (Some(other), _) => (
                    format!(
                        "{}: it is the CA `{other}`: are the files of the two exchanged?",
                        crate::check::title(signer)
                    ),
                    "put each into its place",
                ),
                (None, Err(error)) => (
                    format!("{}: {error}", crate::check::title(signer)),
                    match &error {
                        IssuerError::KeyMismatch => key_hint(key, bundle),
                        _ => ca_hint(&error),
                    },
                ),
            },
            CaState::Invalid(broken) => (broken.to_string(), "put the file back from a backup"),
            CaState::Missing | CaState::KeyOnly(_) | CaState::Local { .. } => (
                format!(
                    "{}: its certificate is missing",
                    crate::check::title(signer)
                ),
                "put it back from a backup",
            ),
        };
        self.refusal.add(
            message,
            format!("{hint}; nothing is renewed while a CA cannot be relied on"),
        );
        Err(None)
    }

    fn contents(&self, row: &Row, old: Option<&Certificate>) -> Option<LeafTemplate> {
        let of_old = old.map(LeafTemplate::of);
        let declared = match self.request.declared {
            // The copied client certificate of an external etcd is what its owner made it.
            Some(cluster) if expected::is_wanted(row, cluster) => {
                expected::contents(row, cluster)?.ok()
            }
            Some(_) => None,
            // Most client certificates say the same in every cluster.
            None if old.is_none() => expected::constant_contents(row)?.ok(),
            None => None,
        };
        match (of_old, declared) {
            (Some(old), Some(declared)) => Some(old.declared_as(declared)),
            (old, declared) => declared.or(old),
        }
    }

    fn key(&mut self, row: &'static Row, old: &Old<'_>) -> Result<KeySource, Instead> {
        let declared = self.request.declared.and_then(|cluster| cluster.algorithm);
        if !self.request.reuse_key {
            let of_leaf = || old.leaf.and_then(|leaf| leaf.public_key().algorithm());
            let found = old.key.map(PrivateKey::algorithm).or_else(of_leaf);
            return Ok(KeySource::New(
                declared.or(found).unwrap_or(Algorithm::Rsa2048),
            ));
        }
        if old
            .broken
            .is_some_and(|broken| broken.fault() == Fault::LeakedKey)
        {
            let what = "there is a private key in its certificate file, where everybody can read it, so the key must not be kept";
            return Err(self.fail(row, what, "renew it without `--reuse-key`"));
        }
        let Some(key) = old.key else {
            return Err(self.fail(
                row,
                "its key cannot be read, so it cannot be kept",
                "renew it without `--reuse-key`",
            ));
        };
        if old.leaf.is_some_and(|leaf| {
            key.public_key()
                .is_ok_and(|public| public != leaf.public_key())
        }) {
            let what =
                "its key does not belong to it (the public keys differ), so it cannot be kept";
            return Err(self.fail(row, what, "renew it without `--reuse-key`"));
        }
        let found = key.algorithm();
        if let Some(declared) = declared.filter(|declared| *declared != found) {
            let name = row.name;
            self.plan.warnings.push(format!("`{name}`: the configuration says {declared}; with `--reuse-key` the key stays {found}"));
        }
        Ok(KeySource::Reuse(found))
    }

    /// A renewal mends more than dates; an operator has to know what had been wrong, and since when nobody had noticed.
    fn say_what_was_wrong(&mut self, row: &Row, old: &Old<'_>, key_is_absent: bool) {
        let mut wrong = Vec::new();
        wrong.extend(
            [old.broken, old.broken_key]
                .into_iter()
                .flatten()
                .map(InvalidFile::to_string),
        );
        if let (Some(leaf), Some(key)) = (old.leaf, old.key)
            && !belongs(key, leaf)
        {
            wrong.push(format!("`{}`: its key does not belong to it", row.name));
        }
        if old.leaf.is_none() && old.broken.is_none() {
            wrong.push(format!("`{}`: its certificate is missing", row.name));
        }
        if key_is_absent {
            wrong.push(format!(
                "`{}`: its certificate is there and its key is not",
                row.name
            ));
        }
        self.plan.warnings.extend(
            wrong
                .into_iter()
                .map(|what| format!("{what}; it is made anew")),
        );
    }

    fn say_what_is_dropped(&mut self, row: &Row, old: &Old<'_>, new: &Leaf) {
        if old.intermediates.len() > new.intermediates.len() {
            let what = format!(
                "`{}`: the CA signs it directly; what lies behind it in its file ({} more) is dropped",
                row.name,
                old.intermediates.len()
            );
            self.plan.warnings.push(what);
        }
    }

    /// Leaves out a row that is not `pki`'s to renew.
    fn leave_out<'h>(
        &mut self,
        row: &Row,
        what: &str,
        hint: impl Into<Option<&'h str>>,
    ) -> Instead {
        self.instead(row, what, hint.into(), false)
    }

    /// Leaves out a row that should have been renewed and could not be.
    fn fail<'h>(&mut self, row: &Row, what: &str, hint: impl Into<Option<&'h str>>) -> Instead {
        self.instead(row, what, hint.into(), true)
    }

    /// A row that was asked for by name and cannot be renewed stops the command; another one is left out and named.
    fn instead(&mut self, row: &Row, what: &str, hint: Option<&str>, failed: bool) -> Instead {
        match self.request.selection {
            Selection::Rows(_) => {
                self.refusal.add(
                    format!("cannot renew `{}`: {what}", row.name),
                    hint.map(str::to_owned),
                );
                None
            }
            Selection::All | Selection::Due(_) => {
                let reason = hint
                    .filter(|_| failed)
                    .map_or_else(|| what.to_owned(), |hint| format!("{what}; {hint}"));
                Some(Action::Skip { reason, failed })
            }
        }
    }
}

fn make(make: Make, changes: Vec<Change>) -> Action {
    Action::Make {
        make: Box::new(make),
        changes,
    }
}
