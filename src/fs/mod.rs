//! The only file access: opens directories and files without being led astray, reads, writes and syncs them.

pub(crate) mod directory;
pub mod file;
