//! `pki rollback`.

use anyhow::Result;
use zeroize::Zeroizing;

use super::failure::{Invalid, PlanFailure};
use super::judgement::JudgementContext;
use super::session::{CommitOutcome, Session, TreeSnapshot, WriteRun};
use super::target::tree_arguments;
use super::{Console, Exit, judge_changed, report_changes};
use crate::cli::{ConfigArgs, RollbackArgs};
use crate::plan::Plan;
use crate::plan::rollback::{self, RollbackRequest};
use crate::report::changes::Changes;
use crate::store::generations::cursor::{self, RollbackStep};
use crate::store::generations::{self, Generation, Generations, TransactionKind};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::{self, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::places::Places;
use crate::util::escape::quote;

/// Files with the bytes that they had.
type OldFiles = Vec<(TreePath, Zeroizing<Vec<u8>>)>;

pub(super) fn run(args: &RollbackArgs, console: &Console) -> Result<Exit> {
    let session = Session::open_tree(&args.tree, console)?;
    let mut run = session.begin("rollback", &args.write, &args.keep, &|_| Depth::Keys)?;
    if let Some(error) = run.target.record_error.take() {
        console.warn(&format!("{error:#}"));
    }
    // Chosen after taking the lock and recovery, because another run may have added a generation.
    let TreeSnapshot { places, tree, .. } = &run.snapshot;
    let generations = Generations::read(places, tree)?;
    for kept in &generations.unreadable {
        console.warn(&kept.error.to_string());
    }
    let step = choose(args, &generations.all)?;
    let (name, change) = (step.before.name.clone(), step.change.clone());
    if args.generation.is_none() {
        refuse_gap(&generations, step.before)?;
    }
    let has_older = cursor::has_earlier(&generations.all, step.before);
    let plan = plan(args, &run.snapshot, &generations.all, step.before, console)?;
    console.warn_of(&plan);
    let command = match args.redo {
        true => "rollback --redo".to_owned(),
        false => format!("rollback {name}"),
    };
    run.roll_back(command, change.clone());
    finish(run, plan, &name, (&change, has_older), args, console)
}

fn finish(
    run: WriteRun<'_>,
    plan: Plan,
    name: &str,
    (change, has_older): (&TransactionKind, bool),
    args: &RollbackArgs,
    console: &Console,
) -> Result<Exit> {
    let layout = run.target.layout.clone();
    let arguments = &tree_arguments(&args.tree, &ConfigArgs::default());
    // Restored files were made for an older configuration, so no configuration is compared with them.
    let verdict = |after: &Inventory| {
        JudgementContext::nothing(console.now).closing_check(
            after,
            &Plan::default(),
            None,
            arguments,
            console,
        )
    };
    match run.commit(plan)? {
        CommitOutcome::Nothing(plan) => {
            let changes =
                Changes::nothing("rollback", &plan, args.write.dry_run, &layout, arguments);
            report_changes(&changes.restoring(name, Vec::new()), &args.write, console)?;
            Ok(Exit::Done)
        }
        CommitOutcome::DryRun(dry) => {
            let changes =
                Changes::planned("rollback", &dry.plan, &dry.restricted, &layout, arguments);
            report_changes(&changes.restoring(name, Vec::new()), &args.write, console)?;
            Ok(verdict(&dry.after))
        }
        CommitOutcome::Done(done) => {
            let has_steps = *change != (TransactionKind::Rollback { to: None });
            let next = match done.committed.generation.is_some() && has_steps {
                true => has_older
                    .then_some("pki rollback")
                    .into_iter()
                    .chain(["pki rollback --redo"])
                    .map(|command| arguments.with(command))
                    .collect(),
                false => Vec::new(),
            };
            let changes =
                Changes::done("rollback", &done.plan, &done.committed, &layout, arguments);
            report_changes(&changes.restoring(name, next), &args.write, console)?;
            judge_changed(&layout, console, verdict)
        }
    }
}

/// Refuses a step over a generation that cannot be read: the files that only it has would stay as they are.
fn refuse_gap(generations: &Generations, before: &Generation) -> Result<()> {
    let mut unreadable = generations.unreadable.iter();
    let Some(gap) = unreadable.find(|kept| !before.is_after(&kept.name)) else {
        return Ok(());
    };
    let what = format!(
        "generation `{}` cannot be read, and it may hold files of this step",
        gap.name
    );
    let hint = "repair or remove it, or name the generation to go back to";
    Err(Invalid::new(what).with_hint(hint).into())
}

/// Returns the step that is asked for.
fn choose<'a>(args: &RollbackArgs, generations: &'a [Generation]) -> Result<RollbackStep<'a>> {
    if let Some(name) = &args.generation {
        let named = generations
            .iter()
            .find(|generation| generation.name == *name);
        let what = || Invalid::new(format!("there is no generation {}", quote(name)));
        let arguments = tree_arguments(&args.tree, &ConfigArgs::default());
        let hint = || format!("run `{}`", arguments.with("pki history"));
        return Ok(cursor::to(named.ok_or_else(|| what().with_hint(hint()))?));
    }
    let (step, what) = match args.redo {
        true => (
            cursor::forward(generations),
            "nothing was rolled back since the last change: there is nothing to redo",
        ),
        false if generations.is_empty() => {
            (None, "no generation is kept: there is nothing to roll back")
        }
        false => (
            cursor::back(generations),
            "the tree is already rolled back to the oldest generation",
        ),
    };
    Ok(step.ok_or_else(|| Invalid::new(what))?)
}

/// Plans to put back the files as they were before a generation.
fn plan(
    args: &RollbackArgs,
    snapshot: &TreeSnapshot,
    generations: &[Generation],
    before: &Generation,
    console: &Console,
) -> Result<Plan> {
    let TreeSnapshot {
        tree,
        inventory,
        places,
        ..
    } = snapshot;
    let later: Vec<_> = generations
        .iter()
        .filter(|generation| generation.sequence >= before.sequence)
        .collect();
    let mut files = changed(tree, old_files(places, &later)?)?;
    let record = record(tree, &later, &files)?;
    files.retain(|(file, _)| *file != layout::recorded_configuration());
    let borrowed: Vec<_> = files
        .iter()
        .map(|(file, bytes)| (file.clone(), bytes.as_slice()))
        .collect();
    let restored = Tree::over(places)?.with_files(&borrowed);
    let restored = Inventory::read(&restored, |_| Depth::Keys);
    let findings = JudgementContext::nothing(console.now).judge(&restored);
    let request = RollbackRequest {
        files: &borrowed,
        restored: &restored,
        findings: &findings,
        allow_invalid: args.allow_invalid,
    };
    let mut plan = rollback::plan(&request, inventory).map_err(|error| PlanFailure {
        error,
        arguments: tree_arguments(&args.tree, &ConfigArgs::default()),
    })?;
    if let Some(configuration) = record {
        plan.record(configuration);
    }
    Ok(plan)
}

/// Returns the files as they were before the first of these generations: the oldest copy of each counts.
fn old_files(places: &Places, generations: &[&Generation]) -> Result<OldFiles> {
    let mut files: OldFiles = Vec::new();
    for generation in generations.iter().rev() {
        for file in &generation.files {
            files.retain(|(known, _)| *known != file.file);
            // A file that did not exist before is left alone: nothing is ever deleted.
            if let Some(old) = generations::read(places, generation, file)? {
                files.push((file.file.clone(), old.bytes));
            }
        }
    }
    Ok(files)
}

/// Returns those that differ from what is there.
fn changed(tree: &Tree, files: OldFiles) -> Result<OldFiles> {
    let mut changed = Vec::new();
    for (file, bytes) in files {
        if tree.read(&file)?.is_none_or(|now| now.bytes != bytes) {
            changed.push((file, bytes));
        }
    }
    Ok(changed)
}

/// Returns the configuration to be recorded again. Where nothing was recorded before, an empty record counts as none.
fn record(tree: &Tree, generations: &[&Generation], files: &OldFiles) -> Result<Option<String>> {
    let recorded = layout::recorded_configuration();
    if let Some((_, bytes)) = files.iter().find(|(file, _)| *file == recorded) {
        return Ok(Some(String::from_utf8_lossy(bytes).into_owned()));
    }
    let was_first = generations
        .iter()
        .flat_map(|kept| &kept.files)
        .find(|file| file.file == recorded)
        .is_some_and(|file| !file.existed());
    let is_recorded = tree
        .read(&recorded)?
        .is_some_and(|now| !now.bytes.is_empty());
    Ok((was_first && is_recorded).then(String::new))
}
