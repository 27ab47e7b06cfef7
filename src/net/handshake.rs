//! One TLS handshake with an endpoint.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ClientConnection, InvalidMessage};
use rustls_pki_types::ServerName;

use super::capture::{Capture, Shown};
use crate::x509::certificate::{Certificate, CertificateError};
use crate::x509::chain::Chain;

/// A host and port, as in `--endpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// How to shake hands.
#[derive(Clone, Debug)]
pub struct HandshakeOptions<'a> {
    /// The name to ask for (SNI), which a server may answer with another certificate.
    pub server_name: Option<&'a str>,
    /// Whether to finish the handshake. etcd logs a handshake that is finished without a client certificate; others count
    /// one that is not finished as an error.
    pub finishes: bool,
    /// How long connecting and the handshake may take together, for each address of the host. Looking a name up takes as long
    /// as the system allows.
    pub limit: Duration,
}

/// What a server has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The certificate that it serves, with its intermediates. It has the leaf's key.
    pub chain: Chain,
    /// The names of the CAs whose clients it accepts, DER; `None` if it asks for no client certificate.
    pub accepted_cas: Option<Vec<Vec<u8>>>,
}

/// Why there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// Nothing answers; the system's error.
    Unreachable(String),
    /// It does not answer in time.
    TimedOut,
    /// What answers does not speak TLS.
    NotTls,
    /// The handshake failed; the reason.
    Failed(String),
    /// It serves a certificate that cannot be read.
    Certificate(CertificateError),
}

/// An endpoint to shake hands with.
#[derive(Clone, Debug)]
pub struct Probe<'a> {
    /// The endpoint.
    pub endpoint: HostPort,
    /// How.
    pub options: HandshakeOptions<'a>,
}

/// How many endpoints are asked at once.
const AT_ONCE: usize = 64;

/// Shakes hands with all of these at once, and returns the results in their order.
pub fn all(probes: &[Probe<'_>]) -> Vec<Result<Handshake, HandshakeError>> {
    let mut results = Vec::new();
    for chunk in probes.chunks(AT_ONCE) {
        results.extend(thread::scope(|scope| {
            let threads: Vec<_> = chunk
                .iter()
                .map(|probe| {
                    let work = || shake_hands(&probe.endpoint, &probe.options);
                    thread::Builder::new().spawn_scoped(scope, work)
                })
                .collect();
            let results = threads
                .into_iter()
                .zip(chunk)
                .map(|(thread, probe)| match thread {
                    Ok(thread) => thread.join().unwrap_or_else(|_| {
                        Err(HandshakeError::Failed("internal error".to_owned()))
                    }),
                    // The system allows no more threads.
                    Err(_) => shake_hands(&probe.endpoint, &probe.options),
                });
            results.collect::<Vec<_>>()
        }));
    }
    results
}

/// Shakes hands, and returns what the server has shown, even if it refuses the client afterwards.
///
/// # Errors
/// If no address of the endpoint shows a certificate; the last error.
pub fn shake_hands(
    endpoint: &HostPort,
    options: &HandshakeOptions<'_>,
) -> Result<Handshake, HandshakeError> {
    let unreachable = |error: io::Error| HandshakeError::Unreachable(error.to_string());
    let addresses = (endpoint.host.as_str(), endpoint.port)
        .to_socket_addrs()
        .map_err(unreachable)?;
    let mut last = HandshakeError::Unreachable("its name has no address".to_owned());
    for address in addresses {
        match with_address(address, options) {
            Ok(handshake) => return Ok(handshake),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn with_address(
    address: SocketAddr,
    options: &HandshakeOptions<'_>,
) -> Result<Handshake, HandshakeError> {
    let deadline = Instant::now() + options.limit;
    let stream = TcpStream::connect_timeout(&address, options.limit).map_err(unreachable)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let capture = Arc::new(Capture::new(Arc::clone(&provider)));
    let config = config(provider, &capture, options)?;
    let name = server_name(address, options)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(failed)?;
    let mut run = HandshakeRun {
        stream,
        connection,
        deadline,
    };
    let outcome = run.shake_hands(&capture, options.finishes);
    let shown = capture.shown();
    match outcome {
        Err(error) if !shown.has_proved_key => Err(error),
        _ => read(shown),
    }
}

fn config(
    provider: Arc<rustls::crypto::CryptoProvider>,
    capture: &Arc<Capture>,
    options: &HandshakeOptions<'_>,
) -> Result<ClientConfig, HandshakeError> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(capture) as Arc<_>)
        .with_client_cert_resolver(Arc::clone(capture) as Arc<_>);
    // A resumed session shows no certificate.
    config.resumption = Resumption::disabled();
    config.enable_sni = options.server_name.is_some();
    Ok(config)
}

fn server_name(
    address: SocketAddr,
    options: &HandshakeOptions<'_>,
) -> Result<ServerName<'static>, HandshakeError> {
    match options.server_name {
        // A name that TLS does not allow is not asked for.
        Some(name) => Ok(ServerName::try_from(name.to_owned()).unwrap_or(address.ip().into())),
        None => Ok(ServerName::from(address.ip())),
    }
}

/// A handshake that is under way.
struct HandshakeRun {
    stream: TcpStream,
    connection: ClientConnection,
    deadline: Instant,
}

impl HandshakeRun {
    /// Goes on until the server has shown everything, or until the end.
    fn shake_hands(&mut self, capture: &Capture, finishes: bool) -> Result<(), HandshakeError> {
        while self.connection.is_handshaking() {
            // Once the key is proved, the next thing to write would answer the request for a client certificate. Everything
            // that the server sent has been read by then.
            let has_shown_all = capture.shown().has_proved_key && self.connection.wants_write();
            if has_shown_all && !finishes {
                return Ok(());
            }
            match self.connection.wants_write() {
                true => self.write()?,
                false => self.read()?,
            }
        }
        // With TLS 1.3 the handshake is over for the client before it has answered.
        if !finishes {
            return Ok(());
        }
        self.connection.send_close_notify();
        while self.connection.wants_write() {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), HandshakeError> {
        let limit = self.remaining()?;
        self.stream
            .set_write_timeout(Some(limit))
            .map_err(unreachable)?;
        self.connection
            .write_tls(&mut self.stream)
            .map_err(unreachable)?;
        Ok(())
    }

    fn read(&mut self) -> Result<(), HandshakeError> {
        let limit = self.remaining()?;
        self.stream
            .set_read_timeout(Some(limit))
            .map_err(unreachable)?;
        let count = self
            .connection
            .read_tls(&mut self.stream)
            .map_err(unreachable)?;
        if count == 0 {
            let what = "it closes the connection during the handshake";
            return Err(HandshakeError::Failed(what.to_owned()));
        }
        match self.connection.process_new_packets() {
            Ok(_) => Ok(()),
            Err(error) => {
                // The alert tells the server why; without it, it would log an unexpected end.
                _ = self.connection.write_tls(&mut self.stream);
                Err(failed(error))
            }
        }
    }

    fn remaining(&self) -> Result<Duration, HandshakeError> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        match remaining.is_zero() {
            true => Err(HandshakeError::TimedOut),
            false => Ok(remaining),
        }
    }
}

fn read(shown: Shown) -> Result<Handshake, HandshakeError> {
    let mut certificates = shown
        .chain
        .into_iter()
        .map(Certificate::from_der)
        .collect::<Result<Vec<_>, _>>()
        .map_err(HandshakeError::Certificate)?
        .into_iter();
    let no_certificate = || HandshakeError::Failed("it shows no certificate".to_owned());
    Ok(Handshake {
        chain: Chain {
            leaf: certificates.next().ok_or_else(no_certificate)?,
            intermediates: certificates.collect(),
        },
        accepted_cas: shown.accepted_cas,
    })
}

fn unreachable(error: io::Error) -> HandshakeError {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => HandshakeError::TimedOut,
        _ => HandshakeError::Unreachable(error.to_string()),
    }
}

fn failed(error: rustls::Error) -> HandshakeError {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => HandshakeError::NotTls,
        error => HandshakeError::Failed(error.to_string()),
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Unreachable(error) => write!(f, "it cannot be reached: {error}"),
            HandshakeError::TimedOut => f.write_str("it does not answer in time"),
            HandshakeError::NotTls => f.write_str("it does not speak TLS"),
            HandshakeError::Failed(error) => write!(f, "the TLS handshake fails: {error}"),
            HandshakeError::Certificate(error) => {
                write!(f, "it serves a certificate that cannot be read: {error}")
            }
        }
    }
}

impl std::error::Error for HandshakeError {}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for HostPort {
    type Err = &'static str;

    /// Reads `HOST:PORT`, with an IPv6 address in brackets.
    fn from_str(text: &str) -> Result<HostPort, &'static str> {
        const WANTED: &str = "want HOST:PORT, with an IPv6 address in brackets";
        let (host, port) = text.rsplit_once(':').ok_or(WANTED)?;
        let port = port.parse().map_err(|_| WANTED)?;
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').ok_or(WANTED)?,
            None if host.contains([':', ']']) => return Err(WANTED),
            None => host,
        };
        let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
        match is_host && port != 0 {
            true => Ok(HostPort {
                host: host.to_owned(),
                port,
            }),
            false => Err(WANTED),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_they_are_printed() {
        for text in [
            "127.0.0.1:6443",
            "[::1]:2379",
            "cp-1.example:10250",
            "localhost:1",
        ] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        for text in [
            "localhost",
            ":6443",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "::1:6443",
            "[::1]",
            "[::1:6443",
            "https://localhost:6443",
            "local host:6443",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
