//! What commands report: plain data, made from what the rest computes. Nothing here reads, decides or prints.
//!
//! Each report is one type. Its fields are the JSON and YAML, see `render`; its text is in `render::text`.

pub mod changes;
pub mod configuration;
pub mod contents;
pub mod expiration;
pub mod findings;
pub mod history;
pub mod metrics;
pub mod page;
pub mod recovery;
pub mod render;
pub mod templates;
pub mod time;
pub mod verification;
