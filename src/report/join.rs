//! What the commands for joining nodes print. These secrets are printed because somebody asked for them.

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// A new certificate key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewCertificateKey {
    /// 64 hexadecimal digits.
    #[serde(serialize_with = "text")]
    pub certificate_key: Zeroizing<String>,
}

/// The hashes of the cluster CA that `kubeadm join` verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiscoveryHashes {
    /// One for each CA in the file.
    pub hashes: Vec<String>,
}

/// The commands with which nodes join.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinCommands {
    /// On a worker.
    #[serde(serialize_with = "text")]
    pub worker: Zeroizing<String>,
    /// On a control-plane node; kubeadm accepts none without a control-plane endpoint.
    #[serde(
        serialize_with = "optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub control_plane: Option<Zeroizing<String>>,
}

fn optional_text<S: Serializer>(
    secret: &Option<Zeroizing<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(|secret| secret.as_str())
        .serialize(serializer)
}

fn text<S: Serializer>(secret: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret)
}
