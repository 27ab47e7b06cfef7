//! Whether `init` can keep what is there: a leaf, or a kubeconfig with the leaf in it.

use super::Planner;
use crate::catalog::{Place, Profile, Row};
use crate::check::drift::{self, Wanted, field};
use crate::check::leaf::{Unsound, judge};
use crate::check::names::{self, covers};
use crate::check::trust::Distrust;
use crate::check::{Change, expected, other_ca};
use crate::tree::inventory::{ClientCertificate, FileState, KeyFile, KubeconfigCa, KubeconfigFile};
use crate::util::escape::escaped;
use crate::x509::ca::check_ca;
use crate::x509::chain::Chain;
use crate::x509::verify::VerifyError;

impl Planner<'_> {
    /// Checks a leaf that is there: chain, usage, dates, key, and the names that the configuration asks for.
    pub(super) fn existing_leaf(
        &mut self,
        row: &'static Row,
        chain: &Chain,
        key: &KeyFile,
    ) -> Option<()> {
        let signer = row.signer()?;
        let Some(bundle) = self.inventory.ca_bundle(signer) else {
            // The CA's own row says what is wrong with it.
            return Some(());
        };
        let is_usable =
            check_ca(bundle, self.now).is_ok() && other_ca(signer, &bundle.signer).is_none();
        if !is_usable {
            return Some(());
        }
        if let Err(unsound) = judge(row, chain, key.read(), bundle, self.now) {
            let hint = match (unsound.clone(), self.external_signer(row)) {
                (Unsound::Chain(VerifyError::LeafIsCa), _) => {
                    "move it away to have it made again".to_owned()
                }
                (Unsound::KeyMismatch, Some(_)) => "put back the key that belongs to it".to_owned(),
                (_, Some(signer)) => {
                    format!("have the external CA `{}` sign it again", signer.name)
                }
                (_, None) => format!("run `pki renew {}`", row.name),
            };
            return self.refuse(row, &unsound.to_string(), hint);
        }
        let contents = expected::contents(row, self.cluster)?.ok()?;
        let wanted = Wanted {
            contents: &contents,
            algorithm: self.cluster.algorithm,
            validity: Some(self.cluster.certificate_validity.length()),
        };
        let present = chain.leaf.sans();
        let missing: Vec<_> = expected::sans(row, self.cluster)
            .into_iter()
            .filter(|wanted| !present.iter().any(|san| covers(san, wanted)))
            .map(|san| san.to_string())
            .collect();
        for change in drift::between(&chain.leaf, Some(&bundle.signer), wanted) {
            // Older releases of kubeadm gave other groups, so a difference is no error as long as all names are covered.
            if change.field != field::SANS_ADDED {
                let remedy = self.external_signer(row).is_none();
                self.plan.warnings.push(difference(row, &change, remedy));
            }
        }
        if !missing.is_empty() {
            let what = format!(
                "it lacks names that the configuration asks for: {}",
                missing.join(", ")
            );
            let hint = match self.external_signer(row) {
                Some(signer) => format!("have the external CA `{}` sign it again", signer.name),
                None => format!(
                    "run `pki renew {} --config FILE` with this configuration; `pki config show -o kubeadm` writes it from flags",
                    row.name
                ),
            };
            return self.refuse(row, &what, hint);
        }
        Some(())
    }

    /// As kubeadm: another CA is an error. Unlike kubeadm, so is another cluster's server, and the client certificate counts too.
    pub(super) fn existing_kubeconfig(
        &mut self,
        row: &'static Row,
        file: &KubeconfigFile,
    ) -> Option<()> {
        let (Profile::Client { server, .. }, Place::Kubeconfig { .. }) = (row.profile, row.place)
        else {
            return None;
        };
        let signer = row.signer()?;
        let Some(bundle) = self.inventory.ca_bundle(signer) else {
            return Some(());
        };
        let trusted = match &file.ca {
            KubeconfigCa::Embedded(embedded) if self.inventory.is_external(signer) => {
                embedded.first().is_some_and(|first| bundle.contains(first))
            }
            KubeconfigCa::Embedded(embedded) => embedded.first() == Some(&bundle.signer),
            KubeconfigCa::File {
                row: Some(named), ..
            } => *named == signer,
            KubeconfigCa::File {
                path,
                is_missing: true,
                ..
            } => {
                let what = Distrust::Missing(path.clone()).to_string();
                return self.refuse(
                    row,
                    &what,
                    "put it there, or move the kubeconfig away to have it made again",
                );
            }
            KubeconfigCa::File { path, .. } => {
                let path = escaped(path);
                self.plan.warnings.push(format!(
                    "{}: it trusts the CA in `{path}`, which was not read",
                    row.name
                ));
                true
            }
            KubeconfigCa::Missing => {
                let what = Distrust::NoCa.to_string();
                return self.refuse(row, &what, "move it away to have it made again");
            }
        };
        if !trusted {
            return self.refuse(
                row,
                "it trusts another CA than this tree's ca.crt",
                "is it another cluster's? move it away to have it made again",
            );
        }
        let wanted = self.cluster.server_url(server);
        let found = file.kubeconfig.server().unwrap_or_default();
        let shown = escaped(found);
        match names::judge(found, &wanted, self.cluster) {
            names::Target::Wanted => {}
            names::Target::SameCluster => self.plan.warnings.push(format!(
                "`{}`: it points at `{shown}`, the configuration says `{wanted}`; it is kept",
                row.name
            )),
            names::Target::Foreign => {
                let what = format!(
                    "it points at `{shown}`, which the API server's certificate is not for; the configuration says `{wanted}`"
                );
                return self.refuse(
                    row,
                    &what,
                    "is it another cluster's? correct the server in it or in the configuration, or move the file away to have it made again",
                );
            }
        }
        match &file.client {
            ClientCertificate::Embedded { chain, key } => self.existing_leaf(row, chain, key),
            ClientCertificate::InTree {
                chain: FileState::Valid(chain),
                ..
            } => self.existing_leaf(row, chain, &KeyFile::Unread),
            ClientCertificate::InTree {
                path,
                chain: FileState::Missing,
            } => self.refuse(
                row,
                &format!(
                    "its client certificate should lie in `{}`, and there is no such file",
                    escaped(path)
                ),
                "put it there, or move the kubeconfig away to have it made again",
            ),
            ClientCertificate::KubeletRotated(FileState::Invalid(broken))
            | ClientCertificate::InTree {
                chain: FileState::Invalid(broken),
                ..
            } => self.broken(row, broken),
            ClientCertificate::KubeletRotated(_)
            | ClientCertificate::OutsideTree(_)
            | ClientCertificate::Unused => Some(()),
        }
    }
}

/// Says in what a certificate that is kept differs from the configuration.
fn difference(row: &Row, change: &Change, is_renewable: bool) -> String {
    let Change {
        field, from, to, ..
    } = change;
    let what = match *field {
        field::SANS_REMOVED => {
            format!("it has names that the configuration does not ask for: `{from}`")
        }
        field::USAGES => format!("its usages are `{from}`, kubeadm 1.36 makes them `{to}`"),
        field if from.is_empty() => format!("it has no {field}, kubeadm 1.36 makes it `{to}`"),
        field::COMMON_NAME | field::ORGANIZATION | field::SUBJECT => match to.is_empty() {
            true => format!("its {field} is `{from}`, kubeadm 1.36 gives it none"),
            false => format!("its {field} is `{from}`, kubeadm 1.36 makes it `{to}`"),
        },
        field => format!("its {field} is `{from}`, the configuration says `{to}`"),
    };
    let name = row.name;
    match is_renewable {
        true => {
            format!("`{name}`: {what}; it is kept, `pki renew {name}` applies the configuration")
        }
        false => format!("`{name}`: {what}; it is kept, only its external CA can change it"),
    }
}
