//! `pki renew`.

use anyhow::Result;
use clap::CommandFactory;
use clap::error::ErrorKind;

use super::apply::{Applied, Work, apply, preview};
use super::target::{Detection, Source, Target};
use super::{Console, Exit, verdict};
use crate::catalog::{self, Row};
use crate::cli::{ALL, Cli, ClusterArgs, RenewArgs};
use crate::config::Cluster;
use crate::plan::Plan;
use crate::plan::renew::{self, Request, Selection};
use crate::report::text;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::Layout;
use crate::tree::overlay::Tree;

pub(super) fn run(args: &RenewArgs, console: &Console) -> Result<Exit> {
    let selection = selection(args);
    let target = Target::find(&args.tree, &args.config, &ClusterArgs::default())?;
    let tree = Tree::open(&target.layout)?;
    // A key that is not asked for is not even read.
    let depth = |row: &Row| {
        if selection.concerns(row) {
            Depth::Keys
        } else {
            Depth::Certificates
        }
    };
    let inventory = Inventory::read(&tree, depth);
    let source = target.source();
    let declared = match source {
        Source::File | Source::Recorded => {
            // Said even if the values are refused: a misspelt field may be the cause.
            for warning in &target.warnings {
                console.warn(&warning.to_string());
            }
            let resolved = target.layers(&inventory).resolve(Detection::Forbidden)?;
            if source == Source::File {
                for warning in &resolved.warnings {
                    console.warn(&warning.to_string());
                }
            }
            Some(resolved.cluster)
        }
        Source::Nothing => {
            console.note("no configuration is recorded or given: each certificate is reissued with what the old one says");
            None
        }
    };
    let request = Request {
        selection: selection.clone(),
        declared: declared.as_ref(),
        reuse_key: args.reuse_key,
    };
    let record = declared
        .as_ref()
        .filter(|_| source == Source::File)
        .map(Cluster::to_yaml);
    let decide = |inventory: &Inventory| -> Result<Plan> {
        let plan = renew::plan(&request, inventory, console.now)?;
        let record = record.clone().filter(|_| !plan.makes_nothing());
        Ok(Plan { record, ..plan })
    };
    let command = command(args);
    let work = Work {
        depth: &depth,
        layout: &target.layout,
        command: &command,
        plan: &decide,
        keep: args.write.keep,
    };
    if args.write.dry_run {
        let plan = decide(&inventory)?;
        console.warn_of(&plan);
        console.print(&text::dry_run(&plan, &tree.loose()?, &target.layout))?;
        return Ok(if plan.has_failed() {
            Exit::Critical
        } else {
            Exit::Done
        });
    }
    let plan = preview(&work, &inventory)?;
    console.warn_of(&plan);
    if plan.makes_nothing() && tree.is_settled()? {
        console.print(&text::nothing_renewed(&plan, &target.layout))?;
        return exit(&plan, &target.layout, declared.as_ref(), console);
    }
    let Applied {
        plan,
        issued,
        committed,
    } = apply(&work, console)?;
    console.print_done(&match plan.makes_nothing() {
        true => text::nothing_renewed(&plan, &target.layout),
        false => text::renew(&plan, &issued, &committed, &target.layout),
    })?;
    exit(&plan, &target.layout, declared.as_ref(), console)
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

/// The code of a check over the result; a row that should have been renewed and was not counts as critical.
fn exit(
    plan: &Plan,
    layout: &Layout,
    declared: Option<&Cluster>,
    console: &Console,
) -> Result<Exit> {
    let found = verdict(layout, declared, console)?;
    Ok(if plan.has_failed() {
        Exit::Critical
    } else {
        found
    })
}
