//! Plans the renewal of a leaf certificate: its contents, key and validity.

use super::current::{Current, changes};
use super::{RenewPlanner, Skip};
use crate::catalog::{CommonName, NODE_USER_PREFIX, Profile, Row};
use crate::check::chain::belongs;
use crate::check::finding::{FindingId, Remedy};
use crate::check::identity::is_of_another_row;
use crate::check::{Change, expected, validity};
use crate::config::fields::DEFAULT_CERTIFICATE_VALIDITY;
use crate::plan::{GIVE_CONFIG, KeySource, Leaf, SigningCa, cut_short, infer};
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::key::PrivateKey;
use crate::x509::sign::LeafTemplate;
use crate::x509::verify;

impl RenewPlanner<'_> {
    pub(super) fn leaf(
        &mut self,
        row: &'static Row,
        signer: &'static Row,
        issuer: &Certificate,
        current: &Current<'_>,
    ) -> Result<(Leaf, Vec<Change>), Skip> {
        let contents = self.contents(row, current)?;
        let key = self.key(row, current)?;
        let declared = self
            .request
            .declared
            .map(|cluster| cluster.certificate_validity.length());
        let period = declared.unwrap_or(DEFAULT_CERTIFICATE_VALIDITY);
        let (validity, is_shortened) = validity::leaf(self.now, period, issuer.validity());
        if is_shortened {
            self.warn(cut_short(row, signer, validity));
        } else if let Some(old) = current
            .leaf
            .filter(|old| old.not_after() > validity.not_after)
        {
            self.warn(format!(
                "`{}`: the new certificate expires on {}, earlier than the old one on {}",
                row.name,
                validity.not_after.date(),
                old.not_after().date()
            ));
        }
        // A verifier that trusts only the root needs the intermediates; they are still valid if the CA is one of
        // them.
        let intermediates = match current.intermediates.contains(issuer) {
            true => current.intermediates.to_vec(),
            false => Vec::new(),
        };
        if current.intermediates.len() > intermediates.len() {
            let removed = match current.intermediates.len() {
                1 => "the intermediate in its file is removed".to_owned(),
                count => format!("the {count} intermediates in its file are removed"),
            };
            self.warn(format!(
                "`{}`: the CA signs it directly, so {removed}",
                row.name
            ));
        }
        if let Some(old) = current.leaf {
            self.warn_of_lost_rights(row, old, &contents);
        }
        let leaf = Leaf {
            signer: SigningCa::Existing(signer),
            contents,
            intermediates,
            key,
            validity,
        };
        let changes = changes(current, &leaf, issuer, declared);
        Ok((leaf, changes))
    }

    /// Returns the contents of the new certificate: the declared ones, else those of the old certificate without what
    /// makes it unusable.
    fn contents(&mut self, row: &'static Row, current: &Current<'_>) -> Result<LeafTemplate, Skip> {
        // A damaged certificate may contain anything. The certificate of a CA or of another row says nothing about this
        // row.
        let is_the_ca = self.findings.has(row, FindingId::CertificateIsTheCa);
        let is_damaged = |leaf: &Certificate| {
            let bundle = row.signer().and_then(|ca| self.inventory.ca_bundle(ca));
            bundle.is_some_and(|bundle| verify::is_damaged(leaf, &bundle.certificates()))
        };
        let is_believed = !is_the_ca
            && !is_of_another_row(self.findings, row)
            && !self.findings.has(row, FindingId::CertificateDamaged)
            && !current.leaf.is_some_and(is_damaged);
        let of_old = current
            .leaf
            .filter(|_| is_believed)
            .and_then(|leaf| readable_contents(row, leaf));
        let declared = match self.request.declared {
            // The client certificate of an external etcd keeps the contents that its owner chose.
            Some(cluster) if expected::is_wanted(row, cluster) => {
                expected::contents(row, cluster).and_then(Result::ok)
            }
            Some(_) => None,
            // Most client certificates have the same contents in every cluster.
            None if of_old.is_none() => expected::constant_contents(row)
                .and_then(Result::ok)
                .or_else(|| self.contents_of_kubelet(row)),
            None => None,
        };
        let is_declared = declared.is_some();
        if of_old.is_some()
            && !is_declared
            && self.findings.has(row, FindingId::CertificateOfAnotherRow)
        {
            self.warn(format!(
                "`{}`: the new certificate keeps the name of another row; `--config` gives it its own",
                row.name
            ));
        }
        let contents = match (of_old, declared) {
            (Some(old), Some(declared)) => old.declared_as(declared),
            (Some(contents), None) | (None, Some(contents)) => contents,
            (None, None) => {
                let errors: Vec<_> = self
                    .findings
                    .errors_of(row)
                    .map(|error| error.found.clone())
                    .collect();
                return Err(Skip::failed(errors.join("; "), Remedy::words(GIVE_CONFIG)));
            }
        };
        Ok(self.repaired(row, contents, is_declared))
    }

    /// Removes what would make the new certificate unusable, and adds missing usages.
    fn repaired(&mut self, row: &Row, contents: LeafTemplate, is_declared: bool) -> LeafTemplate {
        let (contents, dropped) = contents.without_unknown_critical();
        for oid in dropped {
            self.warn(format!(
                "`{}`: removed the critical extension {oid}, which Go does not know",
                row.name
            ));
        }
        let (contents, added) = contents.with_usages(row.usages());
        if !added.is_empty() && !is_declared {
            self.warn(format!(
                "`{}`: added the missing extended key usage {}",
                row.name,
                added.join(" and ")
            ));
        }
        contents
    }

    /// The kubelet's certificate depends only on the name of the node.
    fn contents_of_kubelet(&self, row: &Row) -> Option<LeafTemplate> {
        let Profile::Client {
            common_name: CommonName::NodeUser,
            organization,
            ..
        } = row.profile
        else {
            return None;
        };
        let node = infer::node_name(self.inventory).name?.value;
        LeafTemplate::new(
            &format!("{NODE_USER_PREFIX}{node}"),
            organization,
            row.usages(),
            &[],
        )
        .ok()
    }

    fn key(&mut self, row: &'static Row, current: &Current<'_>) -> Result<KeySource, Skip> {
        let declared = self.request.declared.and_then(|cluster| cluster.algorithm);
        if !self.request.reuse_key {
            let of_leaf = || current.leaf.and_then(|leaf| leaf.public_key().algorithm());
            let found = current.key.map(PrivateKey::algorithm).or_else(of_leaf);
            return Ok(KeySource::New(
                declared
                    .or(found)
                    .map_or(Algorithm::Rsa2048, Algorithm::for_new_key),
            ));
        }
        let stop = |what: &str| {
            let words = "renew it without `--reuse-key`";
            Err(Skip::failed(what.to_owned(), Remedy::words(words)))
        };
        if current.is_key_exposed {
            return stop(
                "its world-readable certificate file contains a private key, so the key must not be reused",
            );
        }
        let Some(key) = current.key else {
            return stop("its key cannot be read, so it cannot be reused");
        };
        if current.leaf.is_some_and(|leaf| !belongs(key, leaf)) {
            return stop(
                "its key does not belong to it (the public keys differ), so it cannot be reused",
            );
        }
        let found = key.algorithm();
        if let Some(declared) = declared.filter(|declared| *declared != found) {
            let name = row.name;
            self.warn(format!(
                "`{name}`: the configuration says {declared}; with `--reuse-key` the key stays {found}"
            ));
        }
        Ok(KeySource::Reuse(found))
    }
}

/// Copies the contents of a certificate without what Go does not read; `None` if its subject is unreadable and unknown.
fn readable_contents(row: &Row, leaf: &Certificate) -> Option<LeafTemplate> {
    let contents = LeafTemplate::of(leaf);
    if leaf.go_error().is_none() {
        return Some(contents);
    }
    let contents = contents.without_further_extensions();
    match contents.has_valid_subject() {
        true => Some(contents),
        false => Some(contents.with_subject_of(expected::constant_subject(row)?)),
    }
}
