//! Keys, certificates and chains: no files, no clock, no printing.
//!
//! `algorithm` and `san` are the vocabulary, `key` holds private keys, `certificate` reads, `issue` signs, `authority` judges
//! a CA and `verify` a chain; `request` reads what others ask for, and holds it against a row. Only `key` names AWS-LC, only `verify` names webpki.

pub mod algorithm;
pub mod authority;
mod block;
pub mod certificate;
pub mod issue;
pub mod key;
pub mod request;
pub mod san;
pub mod verify;
