//! A CA made by the library rcgen, for certificates that `pki` never makes.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A CA with its key.
pub(crate) struct Authority {
    pub(crate) params: CertificateParams,
    pub(crate) key: KeyPair,
    pub(crate) pem: String,
}

impl Authority {
    /// Makes one, signed by another one or by itself.
    pub(crate) fn new(name: &str, issuer: Option<&Authority>) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        // Go's `crypto/x509` names the issuer's key in every certificate.
        params.use_authority_key_identifier_extension = issuer.is_some();
        let key = KeyPair::generate().unwrap();
        let pem = match issuer {
            None => params.self_signed(&key).unwrap().pem(),
            Some(issuer) => params.signed_by(&key, &issuer.issuer()).unwrap().pem(),
        };
        Authority { params, key, pem }
    }

    fn issuer(&self) -> rcgen::Issuer<'_, &KeyPair> {
        rcgen::Issuer::from_params(&self.params, &self.key)
    }

    /// Signs a leaf for clients and servers; returns certificate and key, PEM.
    pub(crate) fn leaf(
        &self,
        common_name: &str,
        organization: Option<&str>,
        names: &[String],
    ) -> (String, String) {
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(organization) = organization {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization);
        }
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // A server has names.
        params.extended_key_usages = vec![match names.is_empty() {
            true => ExtendedKeyUsagePurpose::ClientAuth,
            false => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer()).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}
