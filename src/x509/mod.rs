//! Keys, certificates and chains: no files, no clock, no printing.
//!
//! `algorithm`, `san`, `usage` and `validity` are the vocabulary; `key` and `public_key` hold keys; `certificate` reads one
//! certificate, `chain` those of a file; `go` has the rules of Go's `crypto/x509`; `template`, `signer` and `sign` make
//! certificates, `sign_request` makes certification requests; `ca` judges a CA and `verify` a chain; `request` reads certification
//! requests, `crl` revocation lists, `object` whatever a file holds; `certificate_key` encrypts files, `encrypted_key` private keys,
//! and `library` names the library. Only `key`, `public_key`, `certificate_key`, `encrypted_key`, `library` and `go::public_key`
//! use AWS-LC, only `verify` uses webpki.

pub mod algorithm;
pub mod attribute;
pub mod ca;
pub mod certificate;
pub mod certificate_key;
pub mod chain;
pub mod crl;
mod der;
pub mod encrypted_key;
mod go;
pub mod key;
pub mod library;
pub mod object;
mod oid;
mod pem;
mod public_key;
pub mod request;
pub mod san;
pub mod sign;
pub mod sign_request;
mod signature;
pub mod signer;
mod template;
pub mod usage;
pub mod validity;
pub mod verify;
