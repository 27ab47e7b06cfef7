//! The certificates of one file: a leaf with its intermediates, or a CA with other trusted CAs.
//!
//! Both contain at least one certificate. `verify` judges a chain, `ca` a CA.

use super::certificate::{Certificate, CertificateError, Reading};

/// A leaf certificate with the intermediates that follow it in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first certificate of the file.
    pub leaf: Certificate,
    /// The other certificates of the file, in their order.
    pub intermediates: Vec<Certificate>,
}

/// The certificates of a CA file: the one that belongs to the CA's key, and other trusted CAs.
///
/// kubeadm signs with the first certificate only (`pkiutil.TryLoadCertAndKeyFromDisk`); every component trusts all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaBundle {
    /// The first certificate of the file: the issuer of new leaves.
    pub signer: Certificate,
    /// The other certificates in the file, in their order: issuers of the signer, and the CAs of a rotation.
    pub others: Vec<Certificate>,
}

impl Chain {
    /// Reads a world-readable PEM file: the leaf first, then its intermediates.
    pub fn from_pem(text: &[u8]) -> Result<Chain, CertificateError> {
        Certificate::list_from_pem(text).and_then(Chain::of)
    }

    /// Reads the certificates of a private file that also holds their key, such as the kubelet's.
    pub fn from_pem_with_key(text: &[u8]) -> Result<Chain, CertificateError> {
        Certificate::list_from_pem_with_key(text).and_then(Chain::of)
    }

    /// As [`Chain::from_pem_with_key`], for the dates.
    pub fn dates_from_pem_with_key(text: &[u8]) -> Result<Chain, CertificateError> {
        Certificate::list(text, Reading::Dates).and_then(Chain::of)
    }

    /// As [`Chain::from_pem`], for the dates: what says nothing about them need not be readable.
    pub fn dates_from_pem(text: &[u8]) -> Result<Chain, CertificateError> {
        Certificate::list_without_key(text, Reading::Dates).and_then(Chain::of)
    }

    fn of(certificates: Vec<Certificate>) -> Result<Chain, CertificateError> {
        let (leaf, intermediates) = split(certificates)?;
        Ok(Chain {
            leaf,
            intermediates,
        })
    }

    /// Returns all certificates, the leaf first.
    pub fn certificates(&self) -> Vec<&Certificate> {
        std::iter::once(&self.leaf)
            .chain(&self.intermediates)
            .collect()
    }

    /// Returns the certificates as PEM, the leaf first.
    pub fn to_pem(&self) -> String {
        to_pem(&self.certificates())
    }
}

impl CaBundle {
    /// Reads the PEM file of a CA: the signer first, then other trusted CAs.
    pub fn from_pem(text: &[u8]) -> Result<CaBundle, CertificateError> {
        let (signer, others) = split(Certificate::list_from_pem(text)?)?;
        Ok(CaBundle { signer, others })
    }

    /// As [`CaBundle::from_pem`], for the dates: what says nothing about them need not be readable.
    pub fn dates_from_pem(text: &[u8]) -> Result<CaBundle, CertificateError> {
        let (signer, others) = split(Certificate::list_without_key(text, Reading::Dates)?)?;
        Ok(CaBundle { signer, others })
    }

    /// Returns all certificates, the signer first.
    pub fn certificates(&self) -> Vec<&Certificate> {
        std::iter::once(&self.signer).chain(&self.others).collect()
    }

    /// Returns whether the bundle contains a certificate.
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.signer == *certificate || self.others.contains(certificate)
    }

    /// Returns the certificates as PEM, the signer first.
    pub fn to_pem(&self) -> String {
        to_pem(&self.certificates())
    }
}

impl From<Certificate> for Chain {
    fn from(leaf: Certificate) -> Chain {
        Chain {
            leaf,
            intermediates: Vec::new(),
        }
    }
}

impl From<Certificate> for CaBundle {
    fn from(signer: Certificate) -> CaBundle {
        CaBundle {
            signer,
            others: Vec::new(),
        }
    }
}

fn split(
    certificates: Vec<Certificate>,
) -> Result<(Certificate, Vec<Certificate>), CertificateError> {
    let mut certificates = certificates.into_iter();
    match certificates.next() {
        Some(first) => Ok((first, certificates.collect())),
        None => Err(CertificateError::NoCertificate(Vec::new())),
    }
}

fn to_pem(certificates: &[&Certificate]) -> String {
    certificates
        .iter()
        .map(|certificate| certificate.to_pem())
        .collect()
}
