//! Formats what the rest computes, as strings. Nothing here reads, decides or prints.

pub mod json;
pub mod residual;
pub mod text;
