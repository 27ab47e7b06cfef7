//! What certificates are good for: key usages and extended key usages.

use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::KeyUsages;

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
pub(super) const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// An extended key usage (RFC 5280 section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Usage {
    /// id-kp-serverAuth.
    ServerAuth,
    /// id-kp-clientAuth.
    ClientAuth,
}

impl Usage {
    /// Returns the RFC 5280 name of this usage.
    pub fn name(self) -> &'static str {
        match self {
            Usage::ServerAuth => "serverAuth",
            Usage::ClientAuth => "clientAuth",
        }
    }
}

/// A purpose of a certificate: a bit of the key usage (RFC 5280 section 4.2.1.3), or an extended key usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// digitalSignature.
    DigitalSignature,
    /// nonRepudiation, which X.509 now calls contentCommitment.
    ContentCommitment,
    /// keyEncipherment.
    KeyEncipherment,
    /// keyAgreement.
    KeyAgreement,
    /// dataEncipherment.
    DataEncipherment,
    /// keyCertSign.
    CertSign,
    /// cRLSign.
    CrlSign,
    /// encipherOnly.
    EncipherOnly,
    /// decipherOnly.
    DecipherOnly,
    /// anyExtendedKeyUsage.
    Any,
    /// id-kp-serverAuth.
    ServerAuth,
    /// id-kp-clientAuth.
    ClientAuth,
    /// id-kp-codeSigning.
    CodeSigning,
    /// id-kp-emailProtection.
    EmailProtection,
    /// id-kp-ipsecEndSystem.
    IpsecEndSystem,
    /// id-kp-ipsecTunnel.
    IpsecTunnel,
    /// id-kp-ipsecUser.
    IpsecUser,
    /// id-kp-timeStamping.
    TimeStamping,
    /// id-kp-OCSPSigning.
    OcspSigning,
    /// Microsoft's server-gated cryptography.
    MicrosoftSgc,
    /// Netscape's server-gated cryptography.
    NetscapeSgc,
}

/// How a certificate expresses a purpose.
pub(super) enum PurposeField {
    Key(KeyUsages),
    Extended(ObjectIdentifier),
}

impl Purpose {
    /// Returns how a certificate expresses it.
    pub(super) fn field(self) -> PurposeField {
        let key = PurposeField::Key;
        let extended = |oid| PurposeField::Extended(ObjectIdentifier::new_unwrap(oid));
        match self {
            Purpose::DigitalSignature => key(KeyUsages::DigitalSignature),
            Purpose::ContentCommitment => key(KeyUsages::NonRepudiation),
            Purpose::KeyEncipherment => key(KeyUsages::KeyEncipherment),
            Purpose::KeyAgreement => key(KeyUsages::KeyAgreement),
            Purpose::DataEncipherment => key(KeyUsages::DataEncipherment),
            Purpose::CertSign => key(KeyUsages::KeyCertSign),
            Purpose::CrlSign => key(KeyUsages::CRLSign),
            Purpose::EncipherOnly => key(KeyUsages::EncipherOnly),
            Purpose::DecipherOnly => key(KeyUsages::DecipherOnly),
            Purpose::Any => extended("2.5.29.37.0"),
            Purpose::ServerAuth => extended("1.3.6.1.5.5.7.3.1"),
            Purpose::ClientAuth => extended("1.3.6.1.5.5.7.3.2"),
            Purpose::CodeSigning => extended("1.3.6.1.5.5.7.3.3"),
            Purpose::EmailProtection => extended("1.3.6.1.5.5.7.3.4"),
            Purpose::IpsecEndSystem => extended("1.3.6.1.5.5.7.3.5"),
            Purpose::IpsecTunnel => extended("1.3.6.1.5.5.7.3.6"),
            Purpose::IpsecUser => extended("1.3.6.1.5.5.7.3.7"),
            Purpose::TimeStamping => extended("1.3.6.1.5.5.7.3.8"),
            Purpose::OcspSigning => extended("1.3.6.1.5.5.7.3.9"),
            Purpose::MicrosoftSgc => extended("1.3.6.1.4.1.311.10.3.3"),
            Purpose::NetscapeSgc => extended("2.16.840.1.113730.4.1"),
        }
    }

    /// Returns the usage that chains are verified for, if it is one.
    pub fn usage(self) -> Option<Usage> {
        match self {
            Purpose::ServerAuth => Some(Usage::ServerAuth),
            Purpose::ClientAuth => Some(Usage::ClientAuth),
            _ => None,
        }
    }
}

impl From<Usage> for Purpose {
    fn from(usage: Usage) -> Purpose {
        match usage {
            Usage::ServerAuth => Purpose::ServerAuth,
            Usage::ClientAuth => Purpose::ClientAuth,
        }
    }
}

/// Returns the object identifier of a usage.
pub(super) fn usage_oid(usage: Usage) -> ObjectIdentifier {
    match usage {
        Usage::ServerAuth => SERVER_AUTH,
        Usage::ClientAuth => CLIENT_AUTH,
    }
}

/// Returns the name of an extended key usage, or its object identifier.
pub(super) fn usage_text(oid: &ObjectIdentifier) -> String {
    match *oid {
        SERVER_AUTH => Usage::ServerAuth.name().to_owned(),
        CLIENT_AUTH => Usage::ClientAuth.name().to_owned(),
        other => other.to_string(),
    }
}

/// Returns the name in RFC 5280 section 4.2.1.3.
pub(super) fn key_usage_name(usage: KeyUsages) -> &'static str {
    match usage {
        KeyUsages::DigitalSignature => "digitalSignature",
        KeyUsages::NonRepudiation => "nonRepudiation",
        KeyUsages::KeyEncipherment => "keyEncipherment",
        KeyUsages::DataEncipherment => "dataEncipherment",
        KeyUsages::KeyAgreement => "keyAgreement",
        KeyUsages::KeyCertSign => "keyCertSign",
        KeyUsages::CRLSign => "cRLSign",
        KeyUsages::EncipherOnly => "encipherOnly",
        KeyUsages::DecipherOnly => "decipherOnly",
    }
}
