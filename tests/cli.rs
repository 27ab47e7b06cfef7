//! The command line: what is typed, what is printed where, and how it ends.

mod config;
mod environment;
mod exit;
pub(crate) mod help;
mod output;
mod paths;
mod show;
mod streams;
mod templates;
