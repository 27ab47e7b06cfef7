//! The only file access: where a tree's files lie, reading them, and the one way to write them.
//!
//! `layout` maps catalog rows to paths and modes, `files` opens and reads safely, `inventory` reads a tree, and
//! `transaction` writes one; `lock` and `journal` are its parts.

mod directory;
pub mod files;
pub mod generations;
pub mod inventory;
mod journal;
pub mod layout;
pub mod ledger;
pub mod lock;
pub mod transaction;
