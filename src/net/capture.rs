//! What a TLS client learns from a server that it does not judge.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What a server has shown so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// The certificates, DER, leaf first.
    pub(super) chain: Vec<Vec<u8>>,
    /// Whether the server has proved that it has the leaf's key.
    pub(super) has_proved_key: bool,
    /// The names of the CAs whose clients it accepts, DER; `None` if it asks for no client certificate.
    pub(super) accepted_cas: Option<Vec<Vec<u8>>>,
}

/// Accepts every certificate and notes it; checks only that the server has its key.
pub(super) struct Capture {
    provider: Arc<CryptoProvider>,
    shown: Mutex<Shown>,
}

impl Capture {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Capture {
        Capture {
            provider,
            shown: Mutex::default(),
        }
    }

    /// Returns what was shown.
    pub(super) fn shown(&self) -> Shown {
        self.note(|shown| shown.clone())
    }

    /// Notes that the server has the leaf's key, if the signature on the handshake is valid.
    fn checked(
        &self,
        signature: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature.inspect(|_| self.note(|shown| shown.has_proved_key = true))
    }

    fn note<T>(&self, note: impl FnOnce(&mut Shown) -> T) -> T {
        note(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capture")
    }
}

impl ServerCertVerifier for Capture {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(leaf).chain(intermediates);
        let chain = chain.map(|certificate| certificate.to_vec()).collect();
        self.note(|shown| shown.chain = chain);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.checked(verify_tls12_signature(message, leaf, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.checked(verify_tls13_signature(message, leaf, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ResolvesClientCert for Capture {
    fn resolve(
        &self,
        accepted_cas: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let names = accepted_cas.iter().map(|name| name.to_vec()).collect();
        self.note(|shown| shown.accepted_cas = Some(names));
        None
    }

    fn has_certs(&self) -> bool {
        // rustls passes the names on only to a resolver that may have a certificate.
        true
    }
}
