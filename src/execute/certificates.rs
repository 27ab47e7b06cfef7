//! Makes CAs and leaves. Checks every signing CA once.

use anyhow::{Context, Result, bail, ensure};
use time::OffsetDateTime;

use super::{IssuedRow, RowBuilder, pair, verify};
use crate::catalog::Row;
use crate::plan::{Leaf, SigningCa};
use crate::tree::inventory::{CaState, Inventory};
use crate::x509::algorithm::Algorithm;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::encrypted_key::Passphrase;
use crate::x509::key::PrivateKey;
use crate::x509::sign::{CaTemplate, Issuer, self_signed_ca};
use crate::x509::validity::Validity;

/// A CA that the plan makes.
pub(super) struct NewCa {
    row: &'static Row,
    bundle: CaBundle,
    key: PrivateKey,
}

impl NewCa {
    pub(super) fn make(
        row: &'static Row,
        common_name: &str,
        key: PrivateKey,
        validity: Validity,
    ) -> Result<NewCa> {
        let contents = CaTemplate::of_row(common_name, key.algorithm())?;
        let certificate = self_signed_ca(&contents, &key, validity)?;
        let bundle = CaBundle::from(certificate);
        Ok(NewCa { row, bundle, key })
    }
}

/// The CAs that sign what a plan makes.
pub(super) struct Issuers<'a> {
    cas: Vec<(SigningCa, &'a CaBundle, Issuer<'a>)>,
    new: &'a [NewCa],
}

impl<'a> Issuers<'a> {
    /// Judges each of these CAs once, including new CAs that sign nothing.
    pub(super) fn new(
        signers: impl Iterator<Item = SigningCa>,
        new: &'a [NewCa],
        inventory: &'a Inventory,
        now: OffsetDateTime,
    ) -> Result<Issuers<'a>> {
        let mut issuers = Issuers {
            cas: Vec::new(),
            new,
        };
        let made = new.iter().map(|ca| SigningCa::New(ca.row));
        for ca in made.chain(signers) {
            if issuers.find(ca).is_none() {
                let (bundle, key) = issuers.files(ca, inventory)?;
                let issuer = Issuer::new(bundle, key, now)
                    .with_context(|| format!("CA `{}`", ca.row().name))?;
                issuers.cas.push((ca, bundle, issuer));
            }
        }
        Ok(issuers)
    }

    /// Returns whether one of the CAs has an RSA key, whose signatures take hundreds of microseconds.
    pub(super) fn sign_slowly(&self) -> bool {
        let mut certificates = self.cas.iter().map(|(_, _, issuer)| issuer.certificate());
        certificates.any(|ca| ca.public_key().algorithm().is_some_and(Algorithm::is_rsa))
    }

    pub(super) fn get(&self, ca: SigningCa) -> Result<(&'a CaBundle, Issuer<'a>)> {
        self.find(ca)
            .with_context(|| format!("CA `{}` is gone", ca.row().name))
    }

    fn find(&self, ca: SigningCa) -> Option<(&'a CaBundle, Issuer<'a>)> {
        self.cas
            .iter()
            .find(|(known, ..)| *known == ca)
            .map(|(_, bundle, issuer)| (*bundle, *issuer))
    }

    fn files(
        &self,
        ca: SigningCa,
        inventory: &'a Inventory,
    ) -> Result<(&'a CaBundle, &'a PrivateKey)> {
        let files = match ca {
            SigningCa::New(row) => {
                let made = self.new.iter().find(|ca| ca.row == row);
                made.map(|ca| (&ca.bundle, &ca.key))
            }
            SigningCa::Existing(row) => match inventory.ca(row) {
                CaState::Local { bundle, key } => key.read().map(|key| (bundle, key)),
                _ => None,
            },
        };
        files.with_context(|| format!("CA `{}` is gone", ca.row().name))
    }
}

impl RowBuilder<'_> {
    /// Returns the files of a new CA, whose key is encrypted if there is a passphrase.
    pub(super) fn ca(
        &self,
        row: &'static Row,
        passphrase: Option<&Passphrase>,
    ) -> Result<IssuedRow> {
        let made = self.issuers.new.iter().find(|ca| ca.row == row);
        let Some(NewCa { bundle, key, .. }) = made else {
            bail!("the CA has not been made");
        };
        let pem = match passphrase {
            Some(passphrase) => key.to_encrypted_pem(passphrase)?,
            None => key.to_pem()?,
        };
        let files = pair(row, bundle.to_pem(), Some(pem));
        verify::ca(&files, bundle, key, passphrase)?;
        Ok(IssuedRow {
            row,
            certificate: Some(bundle.signer.clone()),
            files,
        })
    }

    pub(super) fn leaf(
        &self,
        row: &'static Row,
        leaf: &Leaf,
        new_key: Option<&PrivateKey>,
    ) -> Result<IssuedRow> {
        let key = self.old_or_new_key(row, leaf, new_key)?;
        let chain = self.sign(row, leaf, key)?;
        let pem = new_key.map(PrivateKey::to_pem).transpose()?;
        let files = pair(row, chain.to_pem(), pem);
        verify::leaf(&files, &chain, new_key)?;
        Ok(IssuedRow {
            row,
            certificate: Some(chain.leaf),
            files,
        })
    }

    /// Signs a leaf, verifies it, and returns it with the intermediates that the plan keeps.
    pub(super) fn sign(&self, row: &Row, leaf: &Leaf, key: &PrivateKey) -> Result<Chain> {
        let (_, issuer) = self.issuers.get(leaf.signer)?;
        let public = key.public_key();
        let certificate =
            issuer.issue(&leaf.contents, public, leaf.key.algorithm(), leaf.validity)?;
        verify::signed(row, leaf, &certificate, issuer.certificate(), self.now)?;
        ensure!(
            certificate.public_key() == public,
            "the certificate is not for the key"
        );
        Ok(Chain {
            leaf: certificate,
            intermediates: leaf.intermediates.clone(),
        })
    }
}
