//! The commands: each resolves its arguments, calls the library and hands the result to a renderer.
//!
//! Only this module chooses a stream; `main` alone turns an error into an exit code, through [`Console::report`].

mod apply;
mod check_expiration;
mod config;
mod console;
mod exit;
mod history;
mod init;
mod ledger;
mod renew;
mod rollback;
mod target;
mod template;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};
use time::Duration;

use crate::check::expiry::{self, Thresholds};
use crate::cli::{Cli, Command};
use crate::config::Cluster;
use crate::report::text;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::Layout;
use crate::tree::overlay::Tree;

pub use console::Console;
pub use exit::Exit;

/// What a failure outside the transaction leaves; context of an error, printed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It came before the commit.
    Unchanged,
    /// It came after the commit, and must not look as if the change had failed.
    Changed,
}

/// What the command line or standard input asks for is not possible; nothing was touched.
#[derive(Debug)]
struct Invalid(String);

/// Runs a command.
///
/// # Errors
/// Whatever went wrong, for [`Console::report`].
pub fn run(cli: Cli, console: &Console) -> Result<Exit> {
    // Certificates express 1950 to 9999; whoever is near either end has no working clock.
    if !(1971..9999).contains(&console.now.year()) {
        let what = format!(
            "the clock says {}: is it right?\nnote: no file was changed",
            console.now.date()
        );
        return Err(Invalid(what).into());
    }
    // A core dump would hold the keys.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("turning core dumps off")?;
    match cli.command {
        Command::Init(args) => init::run(&args, console),
        Command::CheckExpiration(args) => check_expiration::run(&args, console),
        Command::Renew(args) => renew::run(&args, console),
        Command::History(args) => history::run(&args, console),
        Command::Rollback(args) => rollback::run(&args, console),
        Command::Ledger(args) => ledger::run(&args, console),
        Command::Config(args) => config::run(&args, console),
        Command::Template(args) => template::run(&args, console),
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Standing::Unchanged => "note: no file was changed",
            Standing::Changed => "note: the new files are all in place",
        })
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// Checks what a command has left: says what needs attention, and returns the exit code.
///
/// # Errors
/// If the tree cannot be read any more, which must not look as if the change had failed.
fn verdict(layout: &Layout, declared: Option<&Cluster>, console: &Console) -> Result<Exit> {
    let tree = Tree::open(layout)
        .context("checking the result")
        .context(Standing::Changed)?;
    let inventory = Inventory::read(&tree, |_| Depth::Certificates);
    let thresholds = Thresholds {
        warn: Duration::days(30),
        critical: Duration::ZERO,
    };
    let expiry = expiry::check(&expiry::rows(declared, &inventory), &inventory, console.now);
    for line in text::verdicts(&expiry, thresholds) {
        console.warn(&line);
    }
    Ok(expiry.urgency(thresholds).into())
}
