//! The commands: each resolves its arguments, calls the library and hands the result to a renderer.
//!
//! Only this module chooses a stream; `main` alone turns an error into an exit code, through [`Console::report`].

mod ca;
mod ca_passphrase;
mod check_expiration;
mod cluster_access;
mod config;
mod console;
mod csr;
mod exit;
mod failure;
mod help;
mod history;
mod init;
mod input;
mod inspection;
mod interrupts;
mod join;
mod judgement;
mod kubeconfig;
mod ledger;
mod named_trees;
mod output_file;
mod paths;
mod recover;
mod renew;
mod rollback;
mod served;
mod session;
mod show;
mod standalone;
mod target;
mod template;
mod terminal;
mod verify;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap::error::ErrorKind;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use self::failure::Invalid;
use crate::cli::{CertsCommand, Cli, Command, WriteArgs};
use crate::report::changes::Changes;
use crate::store::outcome::TreeState;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::Layout;
use crate::tree::overlay::Tree;

pub use console::Console;
pub use exit::Exit;
pub use help::{TOPICS, Topic};

/// Runs a command.
///
/// # Errors
/// The error of the command, for [`Console::report`].
pub fn run(cli: Cli, console: &Console) -> Result<Exit> {
    // Certificates express 1950 to 9999; a time near either end means that the clock is wrong.
    if !(1971..9999).contains(&console.now.year()) {
        let what = format!("the clock shows {}: set the clock", console.now.date());
        return Err(anyhow::Error::new(Invalid::new(what)).context(TreeState::Unchanged));
    }
    // A core dump would hold the keys, and so would the memory that another process reads.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("turning core dumps off")?;
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("turning core dumps off")?;
    match cli.command {
        Command::Init(args) => init::run(&args, console),
        Command::CheckExpiration(args) => check_expiration::run(&args, console),
        Command::Verify(args) => verify::run(&args, console),
        Command::Served(args) => served::run(&args, console),
        Command::Show(args) => show::run(&args, console),
        Command::Renew(args) => renew::run(&args, console),
        Command::Csr(args) => csr::run(&args, console),
        Command::Ca(args) => ca::run(&args, console),
        Command::CertificateKey(args) => join::certificate_key::run(&args, console),
        Command::UploadCerts(args) => join::upload_certs::run(&args, console),
        Command::DownloadCerts(args) => join::download_certs::run(&args, console),
        Command::BootstrapToken(args) => join::bootstrap_token::run(&args, console),
        Command::DiscoveryHash(args) => join::discovery_hash::run(&args, console),
        Command::JoinCommand(args) => join::join_command::run(&args, console),
        Command::Kubeconfig(args) => kubeconfig::run(&args, console),
        Command::History(args) => history::run(&args, console),
        Command::Rollback(args) => rollback::run(&args, console),
        Command::Recover(args) => recover::run(&args, console),
        Command::Ledger(args) => ledger::run(&args, console),
        Command::Config(args) => config::run(&args, console),
        Command::Template(args) => template::run(&args, console),
        Command::Completions(args) => help::completions(&args, console),
        Command::Help(args) => help::run(&args, console),
        Command::Version(args) => help::version(&args, console),
        Command::Certs(args) => match args.0.command {
            CertsCommand::CheckExpiration(args) => check_expiration::run(&args, console),
            CertsCommand::Renew(args) => renew::run(&args, console),
            CertsCommand::GenerateCsr(args) => csr::generate(&args, console),
            CertsCommand::CertificateKey(args) => join::certificate_key::run(&args, console),
        },
    }
}

/// Ends the run with wrong usage of a command, which `names` lead to. The error shows the usage of that command.
fn usage_error(names: &[&str], kind: ErrorKind, message: &str) -> ! {
    let mut command = Cli::command();
    command.build();
    for name in names {
        command = command.find_subcommand(name).cloned().unwrap_or(command);
    }
    command.error(kind, message).exit()
}

/// Prints what a command changes or has changed; nothing if it is to be quiet and nothing was to be done.
///
/// # Errors
/// If it could not be printed; where something was changed, the error says so.
fn report_changes(changes: &Changes, args: &WriteArgs, console: &Console) -> Result<()> {
    if args.quiet && changes.is_empty() {
        return Ok(());
    }
    match changes.dry_run || changes.makes_nothing() {
        true => console.show(changes, args.output),
        false => console.show_done(changes, args.output, TreeState::Changed),
    }
}

/// Reads a tree after a command, whether it has changed it or had nothing to do.
fn read_again(layout: &Layout) -> Result<Inventory> {
    let tree = Tree::open(layout).context("checking the result")?;
    Ok(Inventory::read(&tree, |_| Depth::Certificates))
}

/// Judges a tree that was changed. Whatever fails here fails after the commit, which is then said.
fn judge_changed(
    layout: &Layout,
    console: &Console,
    judge: impl FnOnce(&Inventory) -> Exit,
) -> Result<Exit> {
    let after = read_again(layout).map_err(|error| error.context(TreeState::Changed))?;
    let exit = judge(&after);
    if exit == Exit::Failed {
        console.note(&TreeState::Changed.to_string());
    }
    Ok(exit)
}
