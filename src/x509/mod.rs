//! Keys, certificates and chains: no files, no clock, no printing.
//!
//! `algorithm` and `san` are the vocabulary, `key` holds private keys, `certificate` reads, `chain` holds the certificates of a file, `sign` signs,
//! `ca` judges a CA and `verify` a chain; `request` reads what others ask for, and holds it against a row. Only `key` names AWS-LC, only `verify` names webpki.

pub mod algorithm;
pub mod ca;
pub mod certificate;
pub mod chain;
pub mod key;
mod pem;
pub mod request;
pub mod san;
pub mod sign;
pub mod usage;
pub mod validity;
pub mod verify;
