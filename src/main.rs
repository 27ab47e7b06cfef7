//! The `pki` command: parses, calls the library, prints the error, chooses the exit code.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::thread::{Builder, JoinHandle};

use rustix::process::{Resource, getrlimit};
use time::OffsetDateTime;

use pki::cli;
use pki::cmd::{self, Console};

/// The stack that every command is content with, in bytes.
const ENOUGH_STACK: usize = 2 << 20;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(report_panic));
    let limit = getrlimit(Resource::Stack).current;
    if limit.is_some_and(|bytes| bytes < ENOUGH_STACK as u64) {
        // The limit is that of the first thread. Where no other one can be started, it has to do.
        let thread = Builder::new().stack_size(ENOUGH_STACK).spawn(run);
        if let Ok(exit) = thread.map(JoinHandle::join) {
            return exit.unwrap_or(ExitCode::FAILURE);
        }
    }
    run()
}

fn run() -> ExitCode {
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
