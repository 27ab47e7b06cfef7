//! The command line: arguments, output streams and exit codes.

mod config;
mod environment;
mod exit;
pub(crate) mod help;
mod join;
mod kubeconfig;
mod output;
mod paths;
mod show;
mod streams;
mod templates;
