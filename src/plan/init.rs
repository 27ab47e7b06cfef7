//! Plans `init`: make what is missing, keep what is there and usable, refuse if anything there is not. What only an external
//! CA can make is left out and named.
//!
//! Follows kubeadm's joining path (`certlist.go`, `CreateTree`), which checks keys and SANs, and not its init phases, which
//! keep a certificate whose key is lost. See "Differences from kubeadm" in the README.

mod existing;

use time::OffsetDateTime;

use super::{Action, KeySource, Leaf, Make, Plan, Refusal, Step};
use crate::catalog::{CATALOG, Place, Profile, Row};
use crate::check::leaf::{belongs, ca_hint, key_hint};
use crate::check::{expected, validity};
use crate::config::cluster::Cluster;
use crate::tree::inventory::{
    CaState, FileState, InvalidFile, Inventory, KeyFile, KubeconfigFile, RowFiles,
};
use crate::x509::algorithm::Algorithm;
use crate::x509::ca::{IssuerError, check_ca};
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::validity::Validity;

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
        .filter(|row| expected::is_wanted(row, cluster))
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
        match self.inventory.row(row) {
            RowFiles::Ca { bundle, key } => self.ca(row, bundle, key),
            RowFiles::Leaf { chain, key } => self.leaf(row, chain, key),
            RowFiles::ServiceAccount { public, key } => self.service_account(row, public, key),
            RowFiles::Kubeconfig(file) => self.kubeconfig(row, file),
        }
    }

    fn algorithm(&self) -> Algorithm {
        self.cluster.algorithm.unwrap_or(Algorithm::Rsa2048)
    }

    fn ca(
        &mut self,
        row: &'static Row,
        bundle: &FileState<CaBundle>,
        key: &FileState<KeyFile>,
    ) -> Option<Action> {
        match (bundle, key) {
            (FileState::Missing, FileState::Missing) => self.new_ca(row),
            (FileState::Missing, FileState::Valid(_)) => self.refuse(
                row,
                "its key is there and its certificate is not",
                "put the certificate back; a new CA would not match what the old one signed",
            ),
            (FileState::Invalid(broken), _) | (_, FileState::Invalid(broken)) => {
                self.broken(row, broken)
            }
            (FileState::Valid(bundle), key) => {
                let certificate = &bundle.signer;
                if let Some(other) = crate::check::other_ca(row, certificate) {
                    let what =
                        format!("it is the CA `{other}`: are the files of the two exchanged?");
                    return self.refuse(row, &what, "put each into its place");
                }
                if let Err(error) = check_ca(bundle, self.now) {
                    return self.refuse(row, &error.to_string(), ca_hint(&error));
                }
                match key {
                    FileState::Valid(KeyFile::Read(key)) if !belongs(key, certificate) => self
                        .refuse(
                            row,
                            &IssuerError::KeyMismatch.to_string(),
                            key_hint(key, bundle),
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
            .rows()
            .filter(|(entry, files)| {
                entry.signer() == Some(row)
                    && expected::is_wanted(entry, self.cluster)
                    && files.certificate().is_some()
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
        let validity = validity::ca(self.now, self.cluster.ca_certificate_validity.length());
        Some(made(Make::Ca {
            common_name,
            algorithm: self.algorithm(),
            validity,
        }))
    }

    fn leaf(
        &mut self,
        row: &'static Row,
        chain: &FileState<Chain>,
        key: &FileState<KeyFile>,
    ) -> Option<Action> {
        match (chain, key) {
            (FileState::Invalid(broken), _) | (_, FileState::Invalid(broken)) => self.broken(row, broken),
            (FileState::Missing, key) if self.external_signer(row).is_some() => {
                let what = match key.is_missing() {
                    true => "it is missing",
                    false => "its key is there and its certificate is not",
                };
                Some(self.lack(row, what))
            }
            (FileState::Missing, FileState::Missing) => {
                let leaf = self.new_leaf(row)?;
                Some(made(Make::Leaf(leaf)))
            }
            (FileState::Missing, FileState::Valid(_)) => self.refuse(
                row,
                "its key is there and its certificate is not",
                format!(
                    "have a certificate signed for that key, or run `pki renew {}`, which makes both anew",
                    row.name
                ),
            ),
            (FileState::Valid(_), FileState::Missing) => self.refuse(
                row,
                "its certificate is there and its key is not",
                match self.external_signer(row) {
                    Some(signer) => format!(
                        "put the key back, or have the external CA `{}` sign another one",
                        signer.name
                    ),
                    None => format!(
                        "put the key back, or run `pki renew {}`, which makes both anew",
                        row.name
                    ),
                },
            ),
            (FileState::Valid(chain), FileState::Valid(key)) => {
                self.existing_leaf(row, chain, key)?;
                Some(Action::Keep)
            }
        }
    }

    /// Returns the CA of a row, if its key is elsewhere.
    fn external_signer(&self, row: &Row) -> Option<&'static Row> {
        row.signer()
            .filter(|signer| self.inventory.is_external(signer))
    }

    /// Leaves out a row that only its external CA can make.
    fn lack(&self, row: &'static Row, what: &str) -> Action {
        let signer = row.signer().map_or("", |signer| signer.name);
        let contents = expected::contents(row, self.cluster).and_then(Result::ok);
        let wish = contents.map_or_else(String::new, |contents| {
            let names = contents.san_texts().join(", ");
            let names = if names.is_empty() {
                names
            } else {
                format!(", names {names}")
            };
            let usages = contents.usage_names().join(" and ");
            format!(
                " for `{}`, usages {usages}{names},",
                contents.subject_text()
            )
        });
        let place = match row.place {
            Place::Kubeconfig { .. } => "make the kubeconfig with it",
            Place::Pair { .. } | Place::PublicPair { .. } => "put key and certificate in place",
        };
        Action::Skip {
            reason: format!(
                "{what}, and its CA `{signer}` is external: have that CA sign a certificate{wish} and {place}"
            ),
            failed: true,
        }
    }

    fn new_leaf(&mut self, row: &'static Row) -> Option<Leaf> {
        let signer = row.signer()?;
        let issuer = self.issuer_validity(signer)?;
        let (validity, cut) =
            validity::leaf(self.now, self.cluster.certificate_validity.length(), issuer);
        if cut {
            self.plan
                .warnings
                .push(super::cut_short(row, signer, validity));
        }
        match expected::contents(row, self.cluster)? {
            Ok(contents) => Some(Leaf {
                signer,
                contents,
                intermediates: Vec::new(),
                key: KeySource::New(self.algorithm()),
                validity,
            }),
            Err(error) => self.refuse(row, &error.to_string(), None),
        }
    }

    /// Returns the validity of the CA that is to sign, whether it is there or is made in the same plan.
    fn issuer_validity(&self, signer: &'static Row) -> Option<Validity> {
        if let Some(bundle) = self.inventory.ca_bundle(signer) {
            return Some(bundle.signer.validity());
        }
        match self.inventory.ca(signer) {
            CaState::Missing => Some(validity::ca(
                self.now,
                self.cluster.ca_certificate_validity.length(),
            )),
            // The CA's own row says what is wrong with it.
            _ => None,
        }
    }

    fn service_account(
        &mut self,
        row: &'static Row,
        public: &FileState<Vec<crate::x509::key::PublicKey>>,
        key: &FileState<KeyFile>,
    ) -> Option<Action> {
        match (public, key) {
            (FileState::Invalid(broken), _) | (_, FileState::Invalid(broken)) => {
                self.broken(row, broken)
            }
            (FileState::Missing, FileState::Missing) => Some(made(Make::ServiceAccount {
                algorithm: self.algorithm(),
            })),
            (FileState::Missing, FileState::Valid(_)) => Some(made(Make::ServiceAccountPublic)),
            (FileState::Valid(_), FileState::Missing) => self.refuse(
                row,
                "sa.pub is there and sa.key is not",
                "put sa.key back; a new pair would void every service-account token",
            ),
            (FileState::Valid(public), FileState::Valid(KeyFile::Read(key))) => {
                match key.public_key() {
                    Ok(own) if public.contains(&own) => Some(Action::Keep),
                    _ => self.refuse(
                        row,
                        "sa.pub is not the public half of sa.key",
                        "remove the wrong one of the two; sa.pub is made again from sa.key",
                    ),
                }
            }
            (FileState::Valid(_), FileState::Valid(KeyFile::Unread)) => Some(Action::Keep),
        }
    }

    fn kubeconfig(
        &mut self,
        row: &'static Row,
        file: &FileState<Box<KubeconfigFile>>,
    ) -> Option<Action> {
        match file {
            FileState::Invalid(broken) => self.broken(row, broken),
            FileState::Valid(file) => {
                self.existing_kubeconfig(row, file)?;
                Some(Action::Keep)
            }
            FileState::Missing if self.external_signer(row).is_some() => {
                Some(self.lack(row, "it is missing"))
            }
            FileState::Missing => {
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
                    user: expected::common_name(common_name, self.cluster),
                }))
            }
        }
    }

    fn broken<T>(&mut self, row: &Row, broken: &InvalidFile) -> Option<T> {
        let hint = match row.profile {
            // Another one would void everything that the old one signed.
            Profile::Ca { .. } | Profile::ServiceAccount => {
                "put the file back from a backup".to_owned()
            }
            Profile::Leaf { .. } if broken.is_unreadable() => {
                "see what it is doing there, and move it away".to_owned()
            }
            Profile::Leaf { .. } => match self.external_signer(row) {
                Some(signer) => format!("have the external CA `{}` sign it again", signer.name),
                None => format!(
                    "run `pki renew {}`, which reissues key and certificate",
                    row.name
                ),
            },
            Profile::Client { .. } => {
                "put the file back from a backup, or move it away to have it made again".to_owned()
            }
        };
        self.refusal.add(broken.to_string(), hint);
        None
    }

    fn refuse<T>(&mut self, row: &Row, what: &str, hint: impl Into<Hint>) -> Option<T> {
        self.refusal.add(
            format!("{}: {what}", crate::check::title(row)),
            hint.into().0,
        );
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
