//! Plans `init`: make what is missing, keep what is there and usable, refuse if anything there is not.
//!
//! Follows kubeadm's joining path (`certlist.go`, `CreateTree`), which checks keys and SANs, and not its init phases, which
//! keep a certificate whose key is lost. See "Differences from kubeadm" in the README.

use time::OffsetDateTime;

use super::soundness::{Unsound, belongs, judge};
use super::{Action, KeySource, Leaf, Make, Plan, Refusal, Step, dates, wanted};
use crate::catalog::{CATALOG, Place, Profile, Row};
use crate::config::cluster::Cluster;
use crate::store::inventory::{
    Broken, ClientFile, Fault, Found, Holding, Inventory, KeyFile, KubeconfigFile,
};
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::issue::{Dates, IssuerError, check_ca};
use crate::x509::san::San;
use crate::x509::verify::VerifyError;

/// Plans what is missing for this cluster at `now`.
///
/// # Errors
/// Everything in the tree that is not usable, at once.
pub fn plan(
    cluster: &Cluster,
    inventory: &Inventory,
    now: OffsetDateTime,
) -> Result<Plan, Refusal> {
    let mut planner = Planner {
        cluster,
        inventory,
        now,
        plan: Plan::default(),
        refusal: Refusal::default(),
    };
    for row in CATALOG
        .iter()
        .copied()
        .filter(|row| wanted::is_wanted(row, cluster))
    {
        if let Some(action) = planner.action(row) {
            planner.plan.steps.push(Step { row, action });
        }
    }
    if planner.refusal.problems.is_empty() {
        Ok(planner.plan)
    } else {
        Err(planner.refusal)
    }
}

struct Planner<'a> {
    cluster: &'a Cluster,
    inventory: &'a Inventory,
    now: OffsetDateTime,
    plan: Plan,
    refusal: Refusal,
}

impl Planner<'_> {
    /// Returns what to do with a row; none if it is an obstacle, which is then noted.
    fn action(&mut self, row: &'static Row) -> Option<Action> {
        match self.inventory.holding(row)? {
            Holding::Pair { certificate, key } if row.is_ca() => self.ca(row, certificate, key),
            Holding::Pair { certificate, key } => self.leaf(row, certificate, key),
            Holding::PublicPair { public, key } => self.service_account(row, public, key),
            Holding::Kubeconfig(file) => self.kubeconfig(row, file),
        }
    }

    fn algorithm(&self) -> Algorithm {
        self.cluster.algorithm.unwrap_or(Algorithm::Rsa2048)
    }

    fn ca(
        &mut self,
        row: &'static Row,
        certificate: &Found<Vec<Certificate>>,
        key: &Found<KeyFile>,
    ) -> Option<Action> {
        match (certificate, key) {
            (Found::Absent, Found::Absent) => self.new_ca(row),
            (Found::Absent, Found::Present(_)) => self.refuse(
                row,
                "its key is there and its certificate is not",
                "put the certificate back; a new CA would not match what the old one signed",
            ),
            (Found::Broken(broken), _) | (_, Found::Broken(broken)) => self.broken(row, broken),
            (Found::Present(chain), key) => {
                let certificate = chain.first()?;
                if let Some(other) = super::other_ca(row, certificate) {
                    let what =
                        format!("it is the CA `{other}`: are the files of the two exchanged?");
                    return self.refuse(row, &what, "put each into its place");
                }
                if let Err(error) = check_ca(certificate, self.now) {
                    return self.refuse(row, &error.to_string(), ca_hint(&error));
                }
                match key {
                    Found::Present(KeyFile::Read(key)) if !belongs(key, certificate) => self.refuse(
                        row,
                        &IssuerError::KeyMismatch.to_string(),
                        "put back the key that belongs to it, or take the key away if this CA is an external one",
                    ),
                    _ => Some(Action::Keep),
                }
            }
        }
    }

    /// A CA that is gone takes its leaves with it: making another one would leave them with no issuer.
    fn new_ca(&mut self, row: &'static Row) -> Option<Action> {
        let Profile::Ca { common_name } = row.profile else {
            return None;
        };
        let orphans: Vec<_> = self
            .inventory
            .entries()
            .filter(|(entry, holding)| {
                entry.signer() == Some(row)
                    && wanted::is_wanted(entry, self.cluster)
                    && holding.leaf().is_some()
            })
            .map(|(entry, _)| entry.name)
            .collect();
        if !orphans.is_empty() {
            let what = format!(
                "it is missing, and there are certificates that it should have signed: {}",
                orphans.join(", ")
            );
            return self.refuse(
                row,
                &what,
                "put the CA back, or move those files away to start anew",
            );
        }
        let dates = dates::ca(self.now, self.cluster.ca_certificate_validity);
        Some(made(Make::Ca {
            common_name,
            algorithm: self.algorithm(),
            dates,
        }))
    }

    fn leaf(
        &mut self,
        row: &'static Row,
        certificate: &Found<Vec<Certificate>>,
        key: &Found<KeyFile>,
    ) -> Option<Action> {
        match (certificate, key) {
            (Found::Broken(broken), _) | (_, Found::Broken(broken)) => self.broken(row, broken),
            (Found::Absent, Found::Absent) => {
                let leaf = self.new_leaf(row)?;
                Some(made(Make::Leaf(leaf)))
            }
            (Found::Absent, Found::Present(_)) => self.refuse(
                row,
                "its key is there and its certificate is not",
                "have a certificate signed for that key, or reissue both with `pki renew`",
            ),
            (Found::Present(_), Found::Absent) => self.refuse(
                row,
                "its certificate is there and its key is not",
                format!(
                    "put the key back, or run `pki renew {}`, which makes both anew",
                    row.name
                ),
            ),
            (Found::Present(chain), Found::Present(key)) => {
                self.existing_leaf(row, chain, key)?;
                Some(Action::Keep)
            }
        }
    }

    /// Checks a leaf that is there: chain, usage, dates, key, and the names that the configuration asks for.
    fn existing_leaf(
        &mut self,
        row: &'static Row,
        chain: &[Certificate],
        key: &KeyFile,
    ) -> Option<()> {
        let (leaf, signer) = (chain.first()?, row.signer()?);
        let Some(anchors) = self.inventory.ca_certificates(signer) else {
            // The CA's own row says what is wrong with it.
            return Some(());
        };
        let key = match key {
            KeyFile::Read(key) => Some(key),
            KeyFile::Unread => None,
        };
        if let Err(unsound) = judge(row, chain, key, anchors, self.now) {
            let hint = match unsound {
                Unsound::Chain(VerifyError::LeafIsCa) => {
                    "move it away to have it made again".to_owned()
                }
                _ => format!("run `pki renew {}`", row.name),
            };
            return self.refuse(row, &unsound.to_string(), hint);
        }
        let wanted_subject = wanted::contents(row, self.cluster)?.ok()?.subject_text();
        let subject = leaf.subject().to_string();
        if subject != wanted_subject {
            // Older releases of kubeadm gave other groups, so it is no error.
            let name = row.name;
            self.plan.warnings.push(format!(
                "`{name}`: its subject is `{subject}`, kubeadm 1.36 makes it `{wanted_subject}`; it is kept, `pki renew {name}` applies the other"
            ));
        }
        let present = leaf.sans();
        let missing: Vec<_> = wanted::sans(row, self.cluster)
            .into_iter()
            .filter(|wanted| !present.iter().any(|san| covers(san, wanted)))
            .map(|san| san.to_string())
            .collect();
        if !missing.is_empty() {
            let what = format!(
                "it lacks names that the configuration asks for: {}",
                missing.join(", ")
            );
            return self.refuse(
                row,
                &what,
                format!("run `pki renew {}` with this configuration", row.name),
            );
        }
        Some(())
    }

    fn new_leaf(&mut self, row: &'static Row) -> Option<Leaf> {
        let signer = row.signer()?;
        let issuer = self.issuer_dates(row, signer)?;
        let (dates, cut) = dates::leaf(self.now, self.cluster.certificate_validity, issuer);
        if cut {
            self.plan
                .warnings
                .push(super::cut_short(row, signer, dates));
        }
        match wanted::contents(row, self.cluster)? {
            Ok(contents) => Some(Leaf {
                signer,
                contents,
                key: KeySource::New(self.algorithm()),
                dates,
            }),
            Err(error) => self.refuse(row, &error.to_string(), None),
        }
    }

    /// Returns the validity of the CA that is to sign, whether it is there or is made in the same plan.
    fn issuer_dates(&mut self, row: &'static Row, signer: &'static Row) -> Option<Dates> {
        match self.inventory.holding(signer)? {
            Holding::Pair {
                certificate: Found::Present(chain),
                key: Found::Present(_),
            } => chain.first().map(dates::of),
            Holding::Pair {
                certificate: Found::Present(_),
                key: Found::Absent,
            } => {
                let what = format!(
                    "it is missing, and its CA `{}` is external: there is no key to sign with",
                    signer.name
                );
                self.refuse(
                    row,
                    &what,
                    "have the CA sign it, and put key and certificate in place",
                )
            }
            Holding::Pair {
                certificate: Found::Absent,
                key: Found::Absent,
            } => Some(dates::ca(self.now, self.cluster.ca_certificate_validity)),
            // The CA's own row says what is wrong with it.
            _ => None,
        }
    }

    fn service_account(
        &mut self,
        row: &'static Row,
        public: &Found<Vec<crate::x509::key::PublicKey>>,
        key: &Found<KeyFile>,
    ) -> Option<Action> {
        match (public, key) {
            (Found::Broken(broken), _) | (_, Found::Broken(broken)) => self.broken(row, broken),
            (Found::Absent, Found::Absent) => Some(made(Make::ServiceAccount {
                algorithm: self.algorithm(),
            })),
            (Found::Absent, Found::Present(_)) => Some(made(Make::ServiceAccountPublic)),
            (Found::Present(_), Found::Absent) => self.refuse(
                row,
                "sa.pub is there and sa.key is not",
                "put sa.key back; a new pair would void every service-account token",
            ),
            (Found::Present(public), Found::Present(KeyFile::Read(key))) => {
                match key.public_key() {
                    Ok(own) if public.contains(&own) => Some(Action::Keep),
                    _ => self.refuse(
                        row,
                        "sa.pub is not the public half of sa.key",
                        "remove the wrong one of the two; sa.pub is made again from sa.key",
                    ),
                }
            }
            (Found::Present(_), Found::Present(KeyFile::Unread)) => Some(Action::Keep),
        }
    }

    fn kubeconfig(
        &mut self,
        row: &'static Row,
        file: &Found<Box<KubeconfigFile>>,
    ) -> Option<Action> {
        match file {
            Found::Broken(broken) => self.broken(row, broken),
            Found::Present(file) => {
                self.existing_kubeconfig(row, file)?;
                Some(Action::Keep)
            }
            Found::Absent => {
                let Profile::Client {
                    common_name,
                    server,
                    ..
                } = row.profile
                else {
                    return None;
                };
                Some(made(Make::NewKubeconfig {
                    leaf: self.new_leaf(row)?,
                    cluster: self.cluster.cluster_name.clone(),
                    server: self.cluster.server_url(server),
                    user: wanted::common_name(common_name, self.cluster),
                }))
            }
        }
    }

    /// As kubeadm: another CA is an error, another server only a warning. Unlike kubeadm, the client certificate counts too.
    fn existing_kubeconfig(&mut self, row: &'static Row, file: &KubeconfigFile) -> Option<()> {
        let (Profile::Client { server, .. }, Place::Kubeconfig { .. }) = (row.profile, row.place)
        else {
            return None;
        };
        let signer = row.signer()?;
        let Some(anchors) = self.inventory.ca_certificates(signer) else {
            return Some(());
        };
        let trusted = match &file.ca {
            Some(embedded) if self.inventory.is_external(signer) => embedded
                .first()
                .is_some_and(|first| anchors.contains(first)),
            Some(embedded) => embedded.first() == anchors.first(),
            None => match (file.ca_row, file.kubeconfig.ca_file()) {
                (Some(named), _) => named == signer,
                (None, Some(path)) => {
                    let path = path.escape_debug();
                    self.plan.warnings.push(format!(
                        "{}: it trusts the CA in `{path}`, which was not read",
                        row.name
                    ));
                    true
                }
                (None, None) => false,
            },
        };
        if file.ca.is_none() && file.kubeconfig.ca_file().is_none() {
            let what = "it names no CA, so nothing that it connects to can be trusted";
            return self.refuse(row, what, "move it away to have it made again");
        }
        if !trusted {
            return self.refuse(
                row,
                "it trusts another CA than this tree's ca.crt",
                "is it another cluster's? move it away to have it made again",
            );
        }
        let wanted = self.cluster.server_url(server);
        let found = file.kubeconfig.server().unwrap_or_default();
        if found != wanted {
            self.plan.warnings.push(format!(
                "{}: it points at `{}`, the configuration says `{wanted}`; it is kept",
                row.name,
                found.escape_debug()
            ));
        }
        match &file.client {
            ClientFile::Embedded { chain, key } => self.existing_leaf(row, chain, key),
            ClientFile::Rotating(Found::Broken(broken)) => self.broken(row, broken),
            ClientFile::Rotating(_) | ClientFile::Elsewhere(_) | ClientFile::Other => Some(()),
        }
    }

    fn broken<T>(&mut self, row: &Row, broken: &Broken) -> Option<T> {
        let hint = match row.profile {
            // Another one would void everything that the old one signed.
            Profile::Ca { .. } | Profile::ServiceAccount => {
                "put the file back from a backup".to_owned()
            }
            Profile::Leaf { .. } if broken.fault == Fault::Unreadable => {
                "see what it is doing there, and move it away".to_owned()
            }
            Profile::Leaf { .. } => format!(
                "run `pki renew {}`, which reissues key and certificate",
                row.name
            ),
            Profile::Client { .. } => {
                "put the file back from a backup, or move it away to have it made again".to_owned()
            }
        };
        self.refusal.add(broken.message.clone(), hint);
        None
    }

    fn refuse<T>(&mut self, row: &Row, what: &str, hint: impl Into<Hint>) -> Option<T> {
        self.refusal
            .add(format!("{}: {what}", super::title(row)), hint.into().0);
        None
    }
}

/// A hint that may be literal, made up, or absent.
struct Hint(Option<String>);

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Hint(Some(text.to_owned()))
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Hint(Some(text))
    }
}

impl From<Option<String>> for Hint {
    fn from(text: Option<String>) -> Self {
        Hint(text)
    }
}

fn made(make: Make) -> Action {
    Action::Make {
        make: Box::new(make),
        changes: Vec::new(),
    }
}

/// Returns whether a certificate's name serves for a wanted one: the same, or its wildcard (RFC 6125 section 6.4.3).
fn covers(present: &San, wanted: &San) -> bool {
    match (present, wanted) {
        (San::Dns(present), San::Dns(wanted)) => {
            present.eq_ignore_ascii_case(wanted)
                || present.strip_prefix("*.").is_some_and(|parent| {
                    wanted.split_once('.').is_some_and(|(label, rest)| {
                        label != "*" && rest.eq_ignore_ascii_case(parent)
                    })
                })
        }
        (present, wanted) => present == wanted,
    }
}

fn ca_hint(error: &IssuerError) -> &'static str {
    match error {
        IssuerError::Expired(_) => "the CA has to be replaced, and everything it signed with it",
        IssuerError::NotYetValid(_) => "set the clock",
        IssuerError::WeakSignature | IssuerError::UnknownCritical(_) => {
            "replace the CA by one that Kubernetes components accept"
        }
        IssuerError::NotCa | IssuerError::KeyMismatch | IssuerError::Damaged => {
            "put the file back from a backup"
        }
    }
}
