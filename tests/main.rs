//! The only integration test target: runs the binary, and judges its files with programs of other projects.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod cases;
mod cli;
mod csr;
mod encrypted;
mod faults;
mod files;
mod inputs;
mod mutations;
mod peers;
mod properties;
mod readme;
mod support;
mod trees;
