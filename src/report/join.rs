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

fn text<S: Serializer>(secret: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret)
}
