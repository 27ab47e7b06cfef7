//! The only network access: TLS handshakes with the components of a cluster.
//!
//! A handshake needs no credential, because a server shows its certificate, and the names of the CAs whose clients it
//! accepts, before it looks at the client's certificate (RFC 8446 section 4.4.2, RFC 5246 section 7.4.4).

mod capture;
pub mod handshake;
