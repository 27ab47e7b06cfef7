//! The `pki` command: parses, calls the library, prints the error, chooses the exit code.

use std::process::ExitCode;

use time::OffsetDateTime;

use pki::cli;
use pki::cmd::{self, Console};

fn main() -> ExitCode {
    let cli = cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
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
