//! Makes kubeconfigs: new ones, and existing ones with another client certificate.

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

use super::{IssuedFile, IssuedRow, RowBuilder, verify};
use crate::catalog::Row;
use crate::kubeconfig::{self, Kubeconfig};
use crate::plan::Leaf;
use crate::tree::inventory::{FileState, RowFiles};
use crate::tree::layout::{self, Access};
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::key::PrivateKey;

/// The contents of a new kubeconfig, except certificates and keys.
pub(super) struct NewKubeconfig<'a> {
    pub(super) cluster: &'a str,
    pub(super) server: &'a str,
    pub(super) user: &'a str,
}

/// The changes to a renewed kubeconfig, except its client certificate.
pub(super) struct RenewedKubeconfig<'a> {
    pub(super) ca: Option<&'a [Certificate]>,
    pub(super) server: Option<&'a str>,
}

impl RowBuilder<'_> {
    pub(super) fn new_kubeconfig(
        &self,
        row: &'static Row,
        leaf: &Leaf,
        new: &NewKubeconfig<'_>,
        key: Option<&PrivateKey>,
    ) -> Result<IssuedRow> {
        let key = key.context("there is no key")?;
        let chain = self.sign(row, leaf, key)?;
        let (bundle, _) = self.issuers.get(leaf.signer)?;
        let kubeconfig = Kubeconfig::new(&kubeconfig::KubeconfigContents {
            cluster: new.cluster,
            server: new.server,
            ca: Some(&bundle.to_pem()),
            user: new.user,
            credentials: kubeconfig::NewCredentials::Certificate {
                certificate: &chain.to_pem(),
                key: &key.to_pem()?,
            },
        });
        self.kubeconfig(row, leaf, &kubeconfig, chain)
    }

    pub(super) fn renewed_kubeconfig(
        &self,
        row: &'static Row,
        leaf: &Leaf,
        renewed: &RenewedKubeconfig<'_>,
        new_key: Option<&PrivateKey>,
    ) -> Result<IssuedRow> {
        let mut kubeconfig = self.existing(row)?;
        let key = self.old_or_new_key(row, leaf, new_key)?;
        let chain = self.sign(row, leaf, key)?;
        let pem = new_key.map(PrivateKey::to_pem).transpose()?;
        kubeconfig.set_client(&chain.to_pem(), pem.as_ref().map(|pem| pem.as_str()));
        if let Some(ca) = renewed.ca {
            kubeconfig.set_ca(&ca.iter().map(Certificate::to_pem).collect::<String>());
        }
        if let Some(server) = renewed.server {
            kubeconfig.set_server(server);
        }
        self.kubeconfig(row, leaf, &kubeconfig, chain)
    }

    /// Changes the server of an existing kubeconfig.
    pub(super) fn moved_kubeconfig(&self, row: &'static Row, server: &str) -> Result<IssuedRow> {
        let mut kubeconfig = self.existing(row)?;
        kubeconfig.set_server(server);
        let file = kubeconfig_file(row, &kubeconfig)?;
        verify::same_kubeconfig(&file.bytes, &kubeconfig)?;
        Ok(IssuedRow {
            row,
            certificate: None,
            files: vec![file],
        })
    }

    pub(super) fn existing(&self, row: &Row) -> Result<Kubeconfig> {
        match self.inventory.row(row) {
            RowFiles::Kubeconfig(FileState::Valid(old)) => Ok(old.kubeconfig.clone()),
            _ => bail!("the kubeconfig is gone"),
        }
    }

    fn kubeconfig(
        &self,
        row: &'static Row,
        leaf: &Leaf,
        kubeconfig: &Kubeconfig,
        chain: Chain,
    ) -> Result<IssuedRow> {
        let file = kubeconfig_file(row, kubeconfig)?;
        let (_, issuer) = self.issuers.get(leaf.signer)?;
        verify::kubeconfig(&file.bytes, kubeconfig, &chain, issuer.certificate())?;
        Ok(IssuedRow {
            row,
            certificate: Some(chain.leaf),
            files: vec![file],
        })
    }
}

pub(super) fn kubeconfig_file(row: &Row, kubeconfig: &Kubeconfig) -> Result<IssuedFile> {
    Ok(IssuedFile {
        file: layout::kubeconfig_file(row).context("it is not a kubeconfig")?,
        bytes: Zeroizing::new(kubeconfig.to_yaml()?.as_bytes().to_vec()),
        access: Access::Private,
    })
}
