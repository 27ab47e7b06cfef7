//! Keys, certificates and chains: no files, no clock, no printing.
//!
//! `algorithm` and `san` are the vocabulary, `key` holds private keys, `certificate` reads, `issue` signs and `verify` judges
//! a chain. Only `key` names AWS-LC, only `verify` names webpki.

pub mod algorithm;
pub mod certificate;
pub mod issue;
pub mod key;
pub mod san;
pub mod verify;
