//! The reports of the commands, as plain data. Nothing in this module reads files, decides or prints.
//!
//! Each report is one type. Its fields are the keys of the JSON and YAML (see `render`). Its text is in `render::text`.

pub mod changes;
pub mod client;
pub mod configuration;
pub mod contents;
pub mod expiration;
pub mod findings;
pub mod history;
pub mod join;
pub mod metrics;
pub mod page;
pub mod recovery;
pub mod render;
pub mod served;
pub mod signatures;
pub mod standalone;
pub mod templates;
pub mod time;
pub mod verification;
pub mod version;
