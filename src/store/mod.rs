//! The only file access: where a tree's files lie, reading them, and the one way to write them.
//!
//! `layout` maps catalog rows to paths and modes, `files` opens and reads safely, `tree` and `inventory` read a tree, and
//! `transaction` writes one, in open directories (`directory`, `places`), with a `lock`, a `journal` and `generations`;
//! `recovery` puts right what a killed one left, and `outcome` says how one ended.

mod directory;
pub mod files;
pub mod generations;
pub mod inventory;
pub mod journal;
pub mod layout;
pub mod ledger;
pub mod lock;
pub mod outcome;
mod places;
mod recovery;
pub mod transaction;
pub mod tree;
