//! The report of a new kubeconfig that does not belong to the tree.

use serde::Serialize;

use super::time::Time;

/// A new kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewClient {
    /// Whether nothing was made.
    pub dry_run: bool,
    /// The user.
    pub user: String,
    /// The groups in the certificate.
    pub groups: Vec<String>,
    /// `certificate` or `token`.
    pub credential: &'static str,
    /// When the certificate expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_date: Option<Time>,
    /// Its serial number, once it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The URL of the API server.
    pub server: String,
    /// The file that the kubeconfig was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}
