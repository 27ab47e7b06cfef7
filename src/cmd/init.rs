//! `pki init`.

use anyhow::Result;

use super::ca_passphrase::CaPassphrase;
use super::failure::PlanFailure;
use super::join::refuse_two_readers;
use super::judgement::{JudgementContext, encrypted_keys_in_use};
use super::session::{CommitOutcome, Session, WriteRun};
use super::target::{ConfigSource, Detection, Layers, tree_arguments};
use super::{Console, Exit, report_changes};
use crate::check::Expected;
use crate::check::finding::Findings;
use crate::cli::{ClusterArgs, InitArgs};
use crate::config::Resolved;
use crate::plan::{Plan, init};
use crate::report::changes::Changes;
use crate::report::findings::{TreeArguments, lines};
use crate::tree::inventory::Depth;

pub(super) fn run(args: &InitArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "`--ca-passphrase-file` and `--config`",
        [args.passphrase.reads_stdin(), args.config.reads_stdin()],
    );
    let mut passphrase = CaPassphrase::read(&args.passphrase, console)?;
    let session = Session::open(&args.tree, &args.config, &args.cluster, console)?;
    // `init` checks that every key belongs to its certificate.
    let mut run = session.begin("init", &args.write, &args.keep, &|_| Depth::Keys)?;
    run.target.require_record(console)?;
    let target = &run.target;
    let layers = target.layers(&run.snapshot.inventory);
    // Warn even if values are refused: a misspelt field may be the cause.
    for warning in &target.warnings {
        console.warn(&warning.to_string());
    }
    let resolved = layers.resolve(Detection::Allowed)?;
    let source = target.source();
    warn_of_configuration(args, source, &layers, &resolved, console);
    let text = resolved.cluster.to_record();
    let record = target
        .recorded
        .as_ref()
        .is_none_or(|recorded| recorded.text != text.as_bytes())
        // Guesses must not be recorded as if they were declared.
        .then_some(text)
        .filter(|_| layers.guesses.is_empty());
    let request = init::InitRequest {
        cluster: &resolved.cluster,
        is_declared: source != ConfigSource::Nothing,
        new_ca: args.new_ca,
        join: args.join,
        external_ca: args.external_ca,
        encrypt_ca_keys: args.encrypt_ca_keys,
    };
    let arguments = tree_arguments(&args.tree, &args.config);
    let knowledge = JudgementContext {
        expected: Some(Expected::from(&resolved.cluster)),
        init: Some((&resolved.cluster, request.is_declared)),
        ..JudgementContext::nothing(console.now)
    };
    let inventory = &run.snapshot.inventory;
    let findings = knowledge.judge(inventory);
    let mut plan =
        init::plan(&request, inventory, &findings, console.now).map_err(|error| PlanFailure {
            error,
            arguments: arguments.clone(),
        })?;
    let warnings = findings.filter(|finding| !finding.is_error());
    plan.warnings.extend(lines(&warnings, &arguments));
    if let Some(configuration) = record {
        plan.record(configuration);
    }
    console.warn_of(&plan);
    let in_use = encrypted_keys_in_use(&run.snapshot.tree, &|row| plan.encrypts_key_of(row));
    for line in lines(&in_use, &arguments) {
        console.warn(&line);
    }
    passphrase.unlock(&plan, &mut run)?;
    finish(run, plan, &in_use, &arguments, args, console)
}

/// Warns about declared values, and about values that are only guessed.
fn warn_of_configuration(
    args: &InitArgs,
    source: ConfigSource,
    layers: &Layers,
    resolved: &Resolved,
    console: &Console,
) {
    if source == ConfigSource::File || args.cluster != ClusterArgs::default() {
        for warning in &resolved.warnings {
            console.warn(&warning.to_string());
        }
    }
    if source == ConfigSource::Nothing && layers.infers_anything() {
        let command = tree_arguments(&args.tree, &args.config).with("pki config show");
        console.note(&format!(
            "no configuration is recorded or given: `pki` infers it from the tree, see `{command}`"
        ));
        for guess in layers.guesses.iter().chain(&layers.contradictions) {
            console.warn(guess);
        }
    }
}

/// Carries out the plan, and prints the report.
fn finish(
    run: WriteRun<'_>,
    plan: Plan,
    in_use: &Findings,
    arguments: &TreeArguments,
    args: &InitArgs,
    console: &Console,
) -> Result<Exit> {
    let layout = run.target.layout.clone();
    match run.commit(plan)? {
        CommitOutcome::Nothing(plan) => {
            let changes = Changes::nothing("init", &plan, args.write.dry_run, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&plan, in_use))
        }
        CommitOutcome::DryRun(dry) => {
            let changes = Changes::planned("init", &dry.plan, &dry.restricted, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&dry.plan, in_use))
        }
        CommitOutcome::Done(done) => {
            let changes = Changes::done("init", &done.plan, &done.committed, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&done.plan, in_use))
        }
    }
}

/// Certificates of an external CA are missing until it signs them; components that are started with encrypted keys exit.
fn exit(plan: &Plan, in_use: &Findings) -> Exit {
    if plan.has_failed() || in_use.iter().next().is_some() {
        Exit::Critical
    } else {
        Exit::Done
    }
}
