//! The `pki` command: parses, calls the library, prints the error, chooses the exit code.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use time::OffsetDateTime;

use pki::cli;
use pki::cmd::{self, Console};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(report_panic));
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

/// Reports a defect of `pki`, or of a library, in one line. The standard hook prints a backtrace while it holds a lock that
/// a failed allocation takes too: a run with too little memory to start a thread then waits for itself and never ends.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let _closed = writeln!(io::stderr(), "error: internal error: {panic}");
}
