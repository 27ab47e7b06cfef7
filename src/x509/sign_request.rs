//! Makes certification requests (PKCS#10, RFC 2986); `request` reads them.

use x509_cert::attr::Attributes;
use x509_cert::der::asn1::BitString;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::request::CertificateRequest;
use super::sign::{IssueError, LeafTemplate, extension, signature_algorithm};
use super::signer::Signer;

/// Makes a request for a certificate with these contents: subject, key usage, extended key usages and alternative names.
///
/// # Errors
/// If the library cannot encode or sign it.
pub fn sign_request(
    template: &LeafTemplate,
    signer: &dyn Signer,
) -> Result<CertificateRequest, IssueError> {
    let mut attributes = Attributes::new();
    let extensions = requested(template, signer)?;
    // RFC 5280 section 4.1: a list of extensions has at least one.
    if !extensions.is_empty() {
        attributes.insert(ExtensionReq(extensions).try_into()?)?;
    }
    let info = CertReqInfo {
        version: Version::V1,
        subject: template.subject.clone(),
        public_key: SubjectPublicKeyInfoOwned::from_der(signer.public_key().spki())?,
        attributes,
    };
    let signature = signer.sign(&info.to_der()?)?;
    let request = CertReq {
        info,
        algorithm: AlgorithmIdentifierOwned::from_der(signature_algorithm(signer.algorithm()))?,
        signature: BitString::from_bytes(&signature)?,
    };
    CertificateRequest::from_der(request.to_der()?)
        .map_err(|error| IssueError::Encoding(error.to_string()))
}

/// Returns the extensions in the order in which certificates have them.
fn requested(template: &LeafTemplate, signer: &dyn Signer) -> Result<Vec<Extension>, IssueError> {
    let key_usages = template.key_usages_for(signer.algorithm());
    let mut extensions = Vec::new();
    if !key_usages.is_empty() {
        extensions.push(extension(true, &KeyUsage(key_usages))?);
    }
    if !template.usages.is_empty() {
        let usages = ExtendedKeyUsage(template.usages.clone());
        extensions.push(extension(false, &usages)?);
    }
    if !template.names.is_empty() {
        extensions.push(extension(false, &SubjectAltName(template.names.clone()))?);
    }
    Ok(extensions)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::x509::algorithm::Algorithm;
    use crate::x509::key::PrivateKey;
    use crate::x509::san::San;
    use crate::x509::usage::Usage;

    #[test]
    fn a_request_asks_for_what_the_template_has_and_proves_the_key() {
        let names = [
            San::Dns("api.example".to_owned()),
            San::Ip([192, 0, 2, 1].into()),
        ];
        let template = LeafTemplate::new(
            "kube-apiserver",
            Some("a group"),
            &[Usage::ServerAuth],
            &names,
        );
        let template = template.unwrap();
        for algorithm in [
            Algorithm::Rsa2048,
            Algorithm::EcdsaP256,
            Algorithm::EcdsaP384,
            Algorithm::EcdsaP521,
        ] {
            let key = PrivateKey::generate(algorithm).unwrap();
            let request = sign_request(&template, &key).unwrap();
            request.check_proof().unwrap();
            assert!(template.is_requested_by(&request));
            assert_eq!(request.subject().to_string(), "CN=kube-apiserver,O=a group");
            assert_eq!(request.san_texts(), ["DNS:api.example", "IP:192.0.2.1"]);
            assert_eq!(request.usage_names(), ["serverAuth"]);
            let key_usages: &[&str] = match algorithm.is_rsa() {
                true => &["digitalSignature", "keyEncipherment"],
                false => &["digitalSignature"],
            };
            assert_eq!(request.key_usage_names(), key_usages);
            assert!(!request.has_ca_flag());
            let pem = request.to_pem();
            assert_eq!(CertificateRequest::parse(pem.as_bytes()), Ok(request));
        }
    }

    #[test]
    fn a_request_without_usages_and_names_has_only_key_usages() {
        let template = LeafTemplate::new("someone", None, &[], &[]).unwrap();
        let key = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
        let request = sign_request(&template, &key).unwrap();
        assert_eq!(request.san_texts(), [""; 0]);
        assert_eq!(request.usage_names(), [""; 0]);
        assert!(request.other_extensions().is_empty());
    }
}
