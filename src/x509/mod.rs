//! Keys, certificates and chains: no files, no clock, no printing.
//!
//! `algorithm`, `san`, `usage` and `validity` are the vocabulary; `key` and `public_key` hold keys, `public_key_file` reads those
//! of a file; `certificate` reads one certificate, `chain` those of a file; `go` has the rules by which Go's `crypto/x509` reads a
//! certificate, `path` those by which it accepts a chain, and `verify` judges new certificates with webpki; `ca` judges a CA;
//! `template`, `signer` and `sign` make certificates, `sign_request` makes certification requests; `request` reads certification
//! requests, `crl` revocation lists, `object` whatever a file holds; `certificate_key` encrypts files, `encrypted_key` private
//! keys, and `library` names the library. Only `key`, `public_key`, `certificate_key`, `encrypted_key`, `digest`, `library` and
//! `go::public_key` use AWS-LC, only `verify` uses webpki.

pub mod algorithm;
pub mod attribute;
pub mod ca;
pub mod certificate;
pub mod certificate_key;
pub mod chain;
pub mod crl;
mod der;
pub(crate) mod digest;
pub mod encrypted_key;
mod extension;
mod go;
pub mod key;
mod key_info;
pub mod library;
pub mod object;
mod oid;
mod path;
mod pem;
mod public_key;
mod public_key_file;
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
