//! The `pki` command: parses, calls the library, prints the error, chooses the exit code.

use std::process::ExitCode;

use clap::Parser;
use time::OffsetDateTime;

use pki::cli::Cli;
use pki::cmd::{self, Console};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One run has one time, in whole seconds as certificates count.
    let now = cli
        .now
        .unwrap_or_else(OffsetDateTime::now_utc)
        .truncate_to_second();
    let console = Console::new(now);
    match cmd::run(cli, &console) {
        Ok(exit) => exit.into(),
        Err(error) => console.report(&error).into(),
    }
}
