//! Makes certificates: CAs, self-signed or not, and leaves. This module sets every field; no field has a library's default.
//!
//! rcgen is not used: its `DistinguishedName` has one value per attribute type, so a subject or issuer with two
//! organizations would lose one when it is reissued.

use time::OffsetDateTime;
use x509_cert::der::Encode;
use x509_cert::der::asn1::OctetString;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};

use super::algorithm::Algorithm;
use super::ca::{IssuerError, check_ca};
use super::certificate::Certificate;
use super::chain::CaBundle;
use super::der::{encode, tag};
use super::key::random;
use super::public_key::PublicKey;
use super::signer::Signer;
pub use super::template::{CaTemplate, IssueError, LeafTemplate};
use super::validity::Validity;

/// A CA certificate with its signer. It is checked once, in [`Issuer::new`].
#[derive(Clone, Copy)]
pub struct Issuer<'a> {
    certificate: &'a Certificate,
    signer: &'a dyn Signer,
}

impl<'a> Issuer<'a> {
    /// Makes an issuer from a CA and its signer, if the CA may issue at `now`.
    pub fn new(
        bundle: &'a CaBundle,
        signer: &'a dyn Signer,
        now: OffsetDateTime,
    ) -> Result<Issuer<'a>, IssuerError> {
        check_ca(bundle, now)?;
        let certificate = &bundle.signer;
        if let Some(error) = certificate.go_error() {
            return Err(IssuerError::RefusedByGo(error.to_string()));
        }
        match signer.public_key() == certificate.public_key() {
            true => Ok(Issuer {
                certificate,
                signer,
            }),
            false => Err(IssuerError::KeyMismatch),
        }
    }

    /// Signs a leaf certificate for `key`.
    pub fn issue(
        &self,
        template: &LeafTemplate,
        key: &PublicKey,
        algorithm: Algorithm,
        validity: Validity,
    ) -> Result<Certificate, IssueError> {
        let extensions = self.leaf_extensions(template, key, algorithm)?;
        self.sign(&template.subject, key, validity, extensions)
    }

    /// Signs the certificate of another CA, an intermediate.
    pub fn issue_ca(
        &self,
        template: &CaTemplate,
        key: &PublicKey,
        validity: Validity,
    ) -> Result<Certificate, IssueError> {
        let extensions = ca_extensions(template, key, Some(self.authority_key_id()?))?;
        self.sign(&template.subject, key, validity, extensions)
    }

    fn sign(
        &self,
        subject: &x509_cert::name::Name,
        key: &PublicKey,
        validity: Validity,
        extensions: Vec<Extension>,
    ) -> Result<Certificate, IssueError> {
        let fields = Fields {
            issuer: self.certificate.raw_subject().to_vec(),
            subject: subject.to_der()?,
            key,
            validity,
            extensions,
        };
        sign(fields, self.signer)
    }

    /// Returns the CA's certificate.
    pub fn certificate(&self) -> &'a Certificate {
        self.certificate
    }

    fn leaf_extensions(
        &self,
        template: &LeafTemplate,
        key: &PublicKey,
        algorithm: Algorithm,
    ) -> Result<Vec<Extension>, IssueError> {
        let key_usages = template.key_usages_for(algorithm);
        let mut extensions = Vec::new();
        if !key_usages.is_empty() {
            extensions.push(extension(true, &KeyUsage(key_usages))?);
        }
        if !template.usages.is_empty() {
            extensions.push(extension(
                false,
                &ExtendedKeyUsage(template.usages.clone()),
            )?);
        }
        let constraints = BasicConstraints {
            ca: false,
            path_len_constraint: None,
        };
        extensions.push(extension(true, &constraints)?);
        extensions.push(extension(false, &subject_key_id(key)?)?);
        extensions.push(extension(false, &self.authority_key_id()?)?);
        if !template.names.is_empty() {
            // RFC 5280 section 4.2.1.6: without a subject, the names are all there is.
            let is_critical = template.subject.is_empty();
            let names = SubjectAltName(template.names.clone());
            extensions.push(extension(is_critical, &names)?);
        }
        extensions.extend(template.further_extensions.iter().cloned());
        Ok(extensions)
    }

    fn authority_key_id(&self) -> Result<AuthorityKeyIdentifier, IssueError> {
        let id = match self.certificate.subject_key_id() {
            Some(id) => id,
            None => self.certificate.public_key().key_id()?,
        };
        Ok(AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(id)?),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        })
    }
}

/// Makes a self-signed CA certificate.
pub fn self_signed_ca(
    template: &CaTemplate,
    signer: &dyn Signer,
    validity: Validity,
) -> Result<Certificate, IssueError> {
    let key = signer.public_key();
    let subject = template.subject.to_der()?;
    let fields = Fields {
        issuer: subject.clone(),
        subject,
        key,
        validity,
        extensions: ca_extensions(template, key, None)?,
    };
    sign(fields, signer)
}

/// Returns the extensions of a CA; one that signs itself names no other key.
fn ca_extensions(
    template: &CaTemplate,
    key: &PublicKey,
    authority: Option<AuthorityKeyIdentifier>,
) -> Result<Vec<Extension>, IssueError> {
    let usages = template.further_key_usages | KeyUsages::KeyCertSign | KeyUsages::CRLSign;
    let constraints = BasicConstraints {
        ca: true,
        path_len_constraint: template.path_length,
    };
    let mut extensions = vec![
        extension(true, &KeyUsage(usages))?,
        extension(true, &constraints)?,
        extension(false, &subject_key_id(key)?)?,
    ];
    if let Some(authority) = authority {
        extensions.push(extension(false, &authority)?);
    }
    if !template.names.is_empty() {
        extensions.push(extension(false, &SubjectAltName(template.names.clone()))?);
    }
    Ok(extensions)
}

/// The fields of a TBSCertificate (RFC 5280 section 4.1) except the serial number; the names are DER.
struct Fields<'a> {
    issuer: Vec<u8>,
    subject: Vec<u8>,
    key: &'a PublicKey,
    validity: Validity,
    extensions: Vec<Extension>,
}

fn sign(fields: Fields<'_>, signer: &dyn Signer) -> Result<Certificate, IssueError> {
    /// [0] EXPLICIT INTEGER 2.
    const VERSION_3: &[u8] = b"\xa0\x03\x02\x01\x02";
    let algorithm = signature_algorithm(signer.algorithm());
    let validity = encode(
        tag::SEQUENCE,
        &[
            &encoded_time(fields.validity.not_before)?,
            &encoded_time(fields.validity.not_after)?,
        ],
    );
    let extensions = fields.extensions.to_der()?;
    let tbs = encode(
        tag::SEQUENCE,
        &[
            VERSION_3,
            &encode(tag::INTEGER, &[&serial_number()?]),
            algorithm,
            &fields.issuer,
            &validity,
            &fields.subject,
            fields.key.spki(),
            &encode(tag::constructed(3), &[&extensions]),
        ],
    );
    let signature = encode(tag::BIT_STRING, &[&[0], &signer.sign(&tbs)?]);
    let der = encode(tag::SEQUENCE, &[&tbs, algorithm, &signature]);
    Certificate::from_der(der).map_err(|error| IssueError::Encoding(error.to_string()))
}

/// Returns the DER AlgorithmIdentifier of a key's signatures.
pub(super) fn signature_algorithm(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        // ecdsa-with-SHA256, -SHA384, -SHA512; RFC 5758 section 3.2: no parameters.
        Algorithm::EcdsaP256 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
        Algorithm::EcdsaP384 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03",
        Algorithm::EcdsaP521 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04",
        // sha256WithRSAEncryption; RFC 4055 section 5: the parameters are NULL, not absent.
        Algorithm::Rsa2048
        | Algorithm::Rsa3072
        | Algorithm::Rsa4096
        | Algorithm::Rsa8192
        | Algorithm::OtherRsa(_) => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00",
    }
}

/// Encodes a time: Encodes a time: Encodes a time: UTCTime through 2049, then GeneralizedTime (RFC 5280 section
/// 4.1.2.5).
fn encoded_time(time: OffsetDateTime) -> Result<Vec<u8>, IssueError> {
    let time = time.to_offset(time::UtcOffset::UTC);
    let (tag, year) = match time.year() {
        year @ 1950..2050 => (tag::UTC_TIME, format!("{:02}", year % 100)),
        year @ 2050..=9999 => (tag::GENERALIZED_TIME, year.to_string()),
        year => {
            let what = format!("the year {year} cannot be in a certificate");
            return Err(IssueError::Encoding(what));
        }
    };
    let text = format!(
        "{year}{:02}{:02}{:02}{:02}{:02}Z",
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    Ok(encode(tag, &[text.as_bytes()]))
}

/// Returns a serial number of 20 octets, the most that RFC 5280 section 4.1.2.2 allows: positive, with 158 random
/// bits.
fn serial_number() -> Result<[u8; 20], IssueError> {
    let mut octets: [u8; 20] = random()?;
    if let Some(first) = octets.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    Ok(octets)
}

pub(super) fn extension<T: Encode + AssociatedOid>(
    critical: bool,
    value: &T,
) -> Result<Extension, IssueError> {
    Ok(Extension {
        extn_id: T::OID,
        critical,
        extn_value: OctetString::new(value.to_der()?)?,
    })
}

fn subject_key_id(key: &PublicKey) -> Result<SubjectKeyIdentifier, IssueError> {
    Ok(SubjectKeyIdentifier(OctetString::new(key.key_id()?)?))
}

#[cfg(test)]
mod tests;
