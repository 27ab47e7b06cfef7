//! Formats what the rest computes, as strings. Nothing here reads, decides or prints.

pub mod config;
pub mod history;
pub mod json;
pub mod residual;
pub mod text;
