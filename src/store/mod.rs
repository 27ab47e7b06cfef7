//! Writing a tree: one transaction for all files of a command.
//!
//! `transaction` writes under a `lock`, with a journal and `generations`; `recovery` puts right what a killed one left, and
//! `outcome` says how one ended.

pub mod generations;
pub mod ledger;
pub mod lock;
pub mod outcome;
mod recovery;
pub mod transaction;
