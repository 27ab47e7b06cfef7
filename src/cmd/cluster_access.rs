//! What a client needs to reach the cluster of a tree: its API server and its CAs.

use anyhow::{Context, Result};
use zeroize::Zeroizing;

use super::Console;
use super::failure::PlanFailure;
use super::judgement::JudgementContext;
use super::session::{Session, TreeSnapshot};
use super::target::{ConfigSource, Detection, tree_arguments};
use crate::catalog::{CA, Server};
use crate::cli::{ClusterArgs, ConfigArgs, TreeArgs};
use crate::config::Cluster;
use crate::kubeconfig::{Kubeconfig, KubeconfigContents, NewCredentials};
use crate::plan::readiness;
use crate::tree::inventory::Depth;
use crate::tree::layout::Layout;
use crate::x509::chain::CaBundle;

/// The API server and the CAs of a cluster.
pub(super) struct ClusterAccess {
    /// The configuration.
    pub(super) cluster: Cluster,
    /// The CAs that sign the certificate of the API server.
    pub(super) ca: CaBundle,
    /// Where the tree is.
    pub(super) layout: Layout,
}

impl ClusterAccess {
    /// Finds it in a tree, without a private key.
    ///
    /// # Errors
    /// If the cluster CA cannot be used, or the configuration is invalid.
    pub(super) fn read(
        tree: &TreeArgs,
        config: &ConfigArgs,
        flags: &ClusterArgs,
        console: &Console,
    ) -> Result<ClusterAccess> {
        let session = Session::open(tree, config, flags, console)?;
        session.warn_of_record();
        let snapshot = session.read(&|_| Depth::Certificates)?;
        check_ca(&snapshot, tree, config, console)?;
        let target = &session.target;
        for warning in &target.warnings {
            console.warn(&warning.to_string());
        }
        let layers = target.layers(&snapshot.inventory);
        let resolved = layers.resolve(Detection::Allowed)?;
        if target.source() == ConfigSource::Nothing {
            console.note(&format!(
                "no configuration is recorded or given: `{}` is inferred to be the API server",
                resolved.cluster.server_url(Server::ControlPlane)
            ));
        }
        let ca = snapshot.inventory.ca_bundle(&CA);
        Ok(ClusterAccess {
            cluster: resolved.cluster,
            ca: ca.context("CA `ca` is gone")?.clone(),
            layout: target.layout.clone(),
        })
    }

    /// Returns the URL of the API server.
    pub(super) fn server(&self) -> String {
        self.cluster.server_url(Server::ControlPlane)
    }

    /// Returns a kubeconfig of a user with a token (kubeadm `kubeconfig.CreateWithToken`).
    pub(super) fn token_kubeconfig(&self, user: &str, token: &str) -> Result<Zeroizing<String>> {
        let kubeconfig = Kubeconfig::new(&KubeconfigContents {
            cluster: &self.cluster.cluster_name,
            server: &self.server(),
            ca: Some(&self.ca.to_pem()),
            user,
            credentials: NewCredentials::Token(token),
        });
        Ok(kubeconfig.to_yaml()?)
    }
}

/// Checks that the cluster CA can be used.
///
/// # Errors
/// If it is missing, or has an error.
pub(super) fn check_ca(
    snapshot: &TreeSnapshot,
    tree: &TreeArgs,
    config: &ConfigArgs,
    console: &Console,
) -> Result<()> {
    let findings = JudgementContext::nothing(console.now).judge(&snapshot.inventory);
    readiness::check(&[&CA], &snapshot.inventory, &findings).map_err(|error| {
        let arguments = tree_arguments(tree, config);
        PlanFailure { error, arguments }.into()
    })
}
