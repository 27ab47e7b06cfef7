//! Makes certification requests, and installs certificates that an external CA has signed.

use anyhow::{Context, Result, ensure};
use zeroize::Zeroizing;

use super::kubeconfigs::kubeconfig_file;
use super::{IssuedFile, IssuedRow, RowBuilder, pair, verify};
use crate::catalog::{CA, Row};
use crate::check::pending::waiting_key;
use crate::kubeconfig::{Kubeconfig, KubeconfigContents, NewCredentials};
use crate::plan::{ImportPlan, KeyPlace, RequestPlan};
use crate::tree::inventory::{Inventory, RowFiles};
use crate::tree::layout::{self, Access, TreePath};
use crate::x509::certificate::Certificate;
use crate::x509::key::PrivateKey;
use crate::x509::sign_request::sign_request;

impl RowBuilder<'_> {
    pub(super) fn request(
        &self,
        row: &'static Row,
        request: &RequestPlan,
        new_key: Option<&PrivateKey>,
    ) -> Result<IssuedRow> {
        let key = match new_key {
            Some(key) => key,
            None => held_key(self.inventory, row, request.place).context("the key is gone")?,
        };
        let made = sign_request(&request.contents, key)?;
        let mut files = Vec::new();
        if new_key.is_some() {
            files.push(self.new_key_file(row, request, key)?);
        }
        let file = layout::request_file(row).context("no CA signs it")?;
        files.push(private(file, made.to_pem().into_bytes()));
        verify::request(&files, &request.contents, key)?;
        Ok(IssuedRow {
            row,
            certificate: None,
            files,
        })
    }

    /// Returns the file of a new key: a key file, or a kubeconfig whose certificate is left open.
    fn new_key_file(
        &self,
        row: &'static Row,
        request: &RequestPlan,
        key: &PrivateKey,
    ) -> Result<IssuedFile> {
        let pem = key.to_pem()?;
        let file = match (request.place, &request.kubeconfig) {
            (KeyPlace::Waiting, _) => layout::waiting_key_file(row),
            (KeyPlace::Row, None) => layout::key_file(row),
            (KeyPlace::Row, Some(new)) => {
                // The CA of a new cluster may not be here yet; the import adds it.
                let ca = self.inventory.ca_bundle(&CA).map(|bundle| bundle.to_pem());
                let kubeconfig = Kubeconfig::new(&KubeconfigContents {
                    cluster: &new.cluster,
                    server: &new.server,
                    ca: ca.as_deref(),
                    user: &new.user,
                    credentials: NewCredentials::KeyOnly { key: &pem },
                });
                let file = kubeconfig_file(row, &kubeconfig)?;
                verify::same_kubeconfig(&file.bytes, &kubeconfig)?;
                return Ok(file);
            }
        };
        let file = file.context("the row has no key file")?;
        Ok(private(file, pem.as_bytes().to_vec()))
    }

    pub(super) fn import(&self, row: &'static Row, import: &ImportPlan) -> Result<IssuedRow> {
        let ImportPlan {
            chain, place, ca, ..
        } = import;
        let waiting = match place {
            KeyPlace::Row => None,
            KeyPlace::Waiting => Some(waiting_key(self.inventory, row).context("the key is gone")?),
        };
        let pem = waiting.map(PrivateKey::to_pem).transpose()?;
        let files = match self.inventory.row(row) {
            RowFiles::Kubeconfig(_) => {
                let mut kubeconfig = self.existing(row)?;
                kubeconfig.set_client(&chain.to_pem(), pem.as_ref().map(|pem| pem.as_str()));
                if let Some(ca) = ca {
                    kubeconfig.set_ca(&ca.iter().map(Certificate::to_pem).collect::<String>());
                }
                let file = kubeconfig_file(row, &kubeconfig)?;
                let issuer = row.signer().and_then(|ca| self.inventory.ca_bundle(ca));
                let issuer = &issuer.context("its CA is gone")?.signer;
                verify::kubeconfig(&file.bytes, &kubeconfig, chain, issuer)?;
                vec![file]
            }
            _ => {
                let key = held_key(self.inventory, row, *place).context("the key is gone")?;
                ensure!(
                    key.public_key() == chain.leaf.public_key(),
                    "the certificate is not for the key"
                );
                let files = pair(row, chain.to_pem(), pem);
                verify::leaf(&files, chain, waiting)?;
                files
            }
        };
        // It was issued elsewhere, so the ledger does not list it.
        Ok(IssuedRow {
            row,
            certificate: None,
            files,
        })
    }
}

/// Returns the key at this place, if it was read.
fn held_key<'a>(inventory: &'a Inventory, row: &Row, place: KeyPlace) -> Option<&'a PrivateKey> {
    match place {
        KeyPlace::Row => inventory.row(row).key(),
        KeyPlace::Waiting => waiting_key(inventory, row),
    }
}

fn private(file: TreePath, bytes: Vec<u8>) -> IssuedFile {
    IssuedFile {
        file,
        bytes: Zeroizing::new(bytes),
        access: Access::Private,
    }
}
