//! `pki renew`.

use anyhow::Result;
use clap::error::ErrorKind;

use super::ca_passphrase::CaPassphrase;
use super::failure::{Invalid, PlanFailure};
use super::join::refuse_two_readers;
use super::judgement::{JudgementContext, encrypted_keys_in_use};
use super::session::{CommitOutcome, Session, WriteRun};
use super::target::{ConfigSource, Detection, tree_arguments};
use super::{Console, Exit, judge_changed, read_again, report_changes, usage_error};
use crate::catalog::{self, Row};
use crate::check::Expected;
use crate::check::finding::Findings;
use crate::cli::{ALL, ClusterArgs, RenewArgs};
use crate::config::{self, Cluster};
use crate::plan::renew::{self, RenewRequest, Selection};
use crate::plan::{GIVE_CONFIG, Plan};
use crate::report::changes::Changes;
use crate::report::findings::{TreeArguments, lines};
use crate::tree::inventory::{Depth, Inventory};

pub(super) fn run(args: &RenewArgs, console: &Console) -> Result<Exit> {
    let selection = selection(args);
    refuse_two_readers(
        "`--ca-passphrase-file` and `--config`",
        [args.passphrase.reads_stdin(), args.config.reads_stdin()],
    );
    let mut passphrase = CaPassphrase::read(&args.passphrase, console)?;
    let session = Session::open(&args.tree, &args.config, &args.cluster(), console)?;
    // Keys of other rows are not read.
    let depth = |row: &Row| {
        if selection.concerns(row) {
            Depth::Keys
        } else {
            Depth::Certificates
        }
    };
    let mut run = session.begin(&command(args), &args.write, &args.keep, &depth)?;
    run.target.require_record(console)?;
    let declared = declared(&run, args, console)?;
    let request = RenewRequest {
        selection: selection.clone(),
        declared: declared.as_ref(),
        reuse_key: args.reuse_key,
    };
    let inventory = &run.snapshot.inventory;
    let resolved = run
        .target
        .layers(inventory)
        .resolve(Detection::Allowed)
        .ok();
    let resolved = resolved.map(|resolved| resolved.cluster);
    let closing = ClosingCheck {
        knowledge: JudgementContext {
            expected: declared.as_ref().map(Expected::from),
            init: resolved
                .as_ref()
                .map(|cluster| (cluster, declared.is_some())),
            ..JudgementContext::nothing(console.now)
        },
        rows: match &selection {
            Selection::Rows(rows) => Some(rows.as_slice()),
            Selection::All | Selection::Due(_) => None,
        },
        arguments: tree_arguments(&args.tree, &args.config),
        in_use: Findings::default(),
    };
    let findings = closing.knowledge.judge(inventory);
    let mut plan =
        renew::plan(&request, inventory, &findings, console.now).map_err(|error| PlanFailure {
            error,
            arguments: closing.arguments.clone(),
        })?;
    let is_changed =
        run.target.source() == ConfigSource::File || args.cluster() != ClusterArgs::default();
    let is_recorded = is_changed && !plan.makes_nothing();
    if let Some(cluster) = declared.as_ref().filter(|_| is_recorded) {
        plan.record(cluster.to_record());
    }
    console.warn_of(&plan);
    let elsewhere = Findings::from_iter(plan.elsewhere.clone());
    for line in lines(&elsewhere, &closing.arguments) {
        console.warn(&line);
    }
    let in_use = encrypted_keys_in_use(&run.snapshot.tree, &|row| {
        inventory.encrypted_key(row).is_some()
    });
    for line in lines(&in_use, &closing.arguments) {
        console.warn(&line);
    }
    let closing = ClosingCheck { in_use, ..closing };
    passphrase.unlock(&plan, &mut run)?;
    finish(run, plan, args, &closing, console)
}

/// The check after a renewal: of the selected rows, or of the tree.
struct ClosingCheck<'a> {
    knowledge: JudgementContext<'a>,
    rows: Option<&'a [&'static Row]>,
    arguments: TreeArguments,
    /// What keeps components from starting again, known before the keys are decrypted, and already said.
    in_use: Findings,
}

/// Returns the declared configuration; `None` if each certificate keeps the contents of the old one.
fn declared(run: &WriteRun<'_>, args: &RenewArgs, console: &Console) -> Result<Option<Cluster>> {
    let has_flags = args.cluster() != ClusterArgs::default();
    let source = run.target.source();
    if has_flags && source == ConfigSource::Nothing {
        return Err(Invalid::new(
            "the names and the validity of certificates can only be changed in a configuration, and none is recorded or given",
        )
        .with_hint(GIVE_CONFIG)
        .into());
    }
    if source == ConfigSource::Nothing {
        console.note_unless(args.write.quiet, "no configuration is recorded or given: each certificate keeps the names and usages of the old one");
        return Ok(None);
    }
    // Warn even if values are refused: a misspelt field may be the cause.
    for warning in &run.target.warnings {
        console.warn(&warning.to_string());
    }
    let layers = run.target.layers(&run.snapshot.inventory);
    let resolved = layers.resolve(Detection::Forbidden)?;
    if source == ConfigSource::File || has_flags {
        for warning in &resolved.warnings {
            console.warn(&warning.to_string());
        }
    }
    if has_flags {
        let before = layers.without_flags().resolve(Detection::Forbidden)?;
        for change in config::differences(&before.cluster, &resolved.cluster) {
            console.note_unless(
                args.write.quiet,
                &format!("the configuration changes: {change}"),
            );
        }
    }
    Ok(Some(resolved.cluster))
}

fn finish(
    run: WriteRun<'_>,
    plan: Plan,
    args: &RenewArgs,
    closing: &ClosingCheck<'_>,
    console: &Console,
) -> Result<Exit> {
    let arguments = &closing.arguments;
    let layout = run.target.layout.clone();
    match run.commit(plan)? {
        CommitOutcome::Nothing(plan) => {
            let changes = Changes::nothing("renew", &plan, args.write.dry_run, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
            Ok(closing.exit(&plan, &read_again(&layout)?, console))
        }
        CommitOutcome::DryRun(dry) => {
            let changes = Changes::planned("renew", &dry.plan, &dry.restricted, &layout, arguments)
                .with_obstacles(&closing.in_use);
            report_changes(&changes, &args.write, console)?;
            Ok(closing.exit(&dry.plan, &dry.after, console))
        }
        CommitOutcome::Done(done) => {
            let changes = Changes::done("renew", &done.plan, &done.committed, &layout, arguments)
                .with_obstacles(&closing.in_use);
            report_changes(&changes, &args.write, console)?;
            judge_changed(&layout, console, |after| {
                closing.exit(&done.plan, after, console)
            })
        }
    }
}

fn selection(args: &RenewArgs) -> Selection {
    if let Some(within) = &args.due {
        return Selection::Due(within.span());
    }
    let all = args.names.iter().any(|name| name == ALL);
    if all && args.names.len() > 1 {
        let message = "`all` cannot be combined with other names";
        usage_error(&["renew"], ErrorKind::ArgumentConflict, message);
    }
    if all {
        return Selection::All;
    }
    // In catalog order, without duplicates.
    Selection::Rows(
        catalog::renewable()
            .filter(|row| args.names.iter().any(|name| name == row.name))
            .collect(),
    )
}

fn command(args: &RenewArgs) -> String {
    match &args.due {
        Some(within) => format!("renew --due {within}"),
        None => format!("renew {}", args.names.join(" ")),
    }
}

impl ClosingCheck<'_> {
    /// Returns the code of a check over the result; a row that should have been renewed and was not counts as an error.
    fn exit(&self, plan: &Plan, after: &Inventory, console: &Console) -> Exit {
        let found = self
            .knowledge
            .closing_check(after, plan, self.rows, &self.arguments, console);
        match plan.has_failed() || self.in_use.iter().next().is_some() {
            true => Exit::Critical,
            false => found,
        }
    }
}
