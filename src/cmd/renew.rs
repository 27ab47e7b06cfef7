//! `pki renew`.

use anyhow::Result;
use clap::CommandFactory;
use clap::error::ErrorKind;

use super::session::{Outcome, Run, Session};
use super::target::{Detection, Source};
use super::{Console, Exit, read_again, report_changes, verdict};
use crate::catalog::{self, Row};
use crate::cli::{ALL, Cli, ClusterArgs, RenewArgs};
use crate::config::Cluster;
use crate::plan::Plan;
use crate::plan::renew::{self, Request, Selection};
use crate::report::changes::Changes;
use crate::tree::inventory::{Depth, Inventory};

pub(super) fn run(args: &RenewArgs, console: &Console) -> Result<Exit> {
    let selection = selection(args);
    let session = Session::open(&args.tree, &args.config, &ClusterArgs::default(), console)?;
    // A key that is not asked for is not even read.
    let depth = |row: &Row| {
        if selection.concerns(row) {
            Depth::Keys
        } else {
            Depth::Certificates
        }
    };
    let mut run = session.begin(&command(args), &args.write, &depth)?;
    run.target.require_record(console)?;
    let declared = declared(&run, args.write.quiet, console)?;
    let request = Request {
        selection: selection.clone(),
        declared: declared.as_ref(),
        reuse_key: args.reuse_key,
    };
    let plan = renew::plan(&request, &run.reading.inventory, console.now)?;
    let record = declared
        .as_ref()
        .filter(|_| run.target.source() == Source::File && !plan.makes_nothing())
        .map(Cluster::to_yaml);
    let plan = Plan { record, ..plan };
    console.warn_of(&plan);
    finish(run, plan, args, declared.as_ref(), console)
}

/// Returns the declared configuration; none if each certificate is reissued with what the old one says.
fn declared(run: &Run<'_>, quiet: bool, console: &Console) -> Result<Option<Cluster>> {
    let source = run.target.source();
    if source == Source::Nothing {
        console.note_unless(quiet, "no configuration is recorded or given: each certificate is reissued with what the old one says");
        return Ok(None);
    }
    // Said even if the values are refused: a misspelt field may be the cause.
    for warning in &run.target.warnings {
        console.warn(&warning.to_string());
    }
    let layers = run.target.layers(&run.reading.inventory);
    let resolved = layers.resolve(Detection::Forbidden)?;
    if source == Source::File {
        for warning in &resolved.warnings {
            console.warn(&warning.to_string());
        }
    }
    Ok(Some(resolved.cluster))
}

fn finish(
    run: Run<'_>,
    plan: Plan,
    args: &RenewArgs,
    declared: Option<&Cluster>,
    console: &Console,
) -> Result<Exit> {
    let layout = run.target.layout.clone();
    match run.commit(plan)? {
        Outcome::Nothing(plan) => {
            let changes = Changes::nothing("renew", &plan, args.write.dry_run, &layout);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&plan, &read_again(&layout)?, declared, console))
        }
        Outcome::DryRun(dry) => {
            let changes = Changes::planned("renew", &dry.plan, &dry.restricted, &layout);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&dry.plan, &dry.after, declared, console))
        }
        Outcome::Done(done) => {
            let changes = Changes::done("renew", &done.plan, &done.committed, &layout);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&done.plan, &read_again(&layout)?, declared, console))
        }
    }
}

fn selection(args: &RenewArgs) -> Selection {
    if let Some(within) = args.due {
        return Selection::Due(within);
    }
    let all = args.names.iter().any(|name| name == ALL);
    if all && args.names.len() > 1 {
        let message = "`all` stands alone: it includes every other name";
        renew_command()
            .error(ErrorKind::ArgumentConflict, message)
            .exit();
    }
    if all {
        return Selection::All;
    }
    // In catalog order and each once, however they were typed.
    Selection::Rows(
        catalog::renewable()
            .filter(|row| args.names.iter().any(|name| name == row.name))
            .collect(),
    )
}

/// Returns clap's `renew`, so that its usage is the one that an error shows.
fn renew_command() -> clap::Command {
    let mut cli = Cli::command();
    cli.build();
    cli.find_subcommand("renew").cloned().unwrap_or(cli)
}

fn command(args: &RenewArgs) -> String {
    match args.due {
        Some(within) => format!("renew --due {}h", within.whole_hours()),
        None => format!("renew {}", args.names.join(" ")),
    }
}

/// Returns the code of a check over the result; a row that should have been renewed and was not counts as critical.
fn exit(plan: &Plan, after: &Inventory, declared: Option<&Cluster>, console: &Console) -> Exit {
    let found = verdict(after, declared, console);
    if plan.has_failed() {
        Exit::Critical
    } else {
        found
    }
}
