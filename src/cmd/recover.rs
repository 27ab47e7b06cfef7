//! `pki recover`.

use anyhow::{Context, Result};
use zeroize::Zeroizing;

use super::interrupts::Interrupts;
use super::judgement::JudgementContext;
use super::session::Session;
use super::target::{ConfigSource, Detection, Target, tree_arguments};
use super::{Console, Exit};
use crate::catalog::Row;
use crate::check::Expected;
use crate::cli::{ConfigArgs, RecoverArgs};
use crate::report::findings::lines;
use crate::report::recovery::Recovery;
use crate::store::outcome::TreeState;
use crate::store::recovery::{Settle, SettledCommit, preview_settling, settle};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::{self, TreePath};
use crate::tree::overlay::Tree;

pub(super) fn run(args: &RecoverArgs, console: &Console) -> Result<Exit> {
    // Settling is the end of a commit: it is not stopped half-way.
    let _noticed = Interrupts::register()?;
    let mut target = Session::open_tree(&args.tree, console)?.target;
    target.check_may_write()?;
    let layout = &target.layout;
    let how = match args.finish {
        true => Settle::Finish,
        false => Settle::Discard,
    };
    let write = &args.write;
    let (settled, files) = match write.dry_run {
        true => preview_settling(layout, how, console.now)?
            .map(|preview| (Some(preview.settled), preview.files))
            .unwrap_or_default(),
        false => (settle(layout, how, console.now)?, Vec::new()),
    };
    let report = Recovery::new(settled.as_ref(), write.dry_run);
    match (settled.is_some(), write.dry_run) {
        (true, false) => console.show_done(&report, write.output, TreeState::Done)?,
        (false, _) if write.quiet => {}
        _ => console.show(&report, write.output)?,
    }
    match &settled {
        Some(settled) => judge(settled, &files, &mut target, args, console),
        None => Ok(Exit::Done),
    }
}

/// Judges the rows whose files were settled: one that was left alone may not fit another one.
fn judge(
    settled: &SettledCommit,
    files: &[(TreePath, Zeroizing<Vec<u8>>)],
    target: &mut Target,
    args: &RecoverArgs,
    console: &Console,
) -> Result<Exit> {
    let files: Vec<_> = files
        .iter()
        .map(|(file, bytes)| (file.clone(), bytes.as_slice()))
        .collect();
    let tree = Tree::open(&target.layout).context("checking the result")?;
    let tree = tree.with_files(&files);
    // It may have been one of the files.
    target.read_record(&tree);
    let inventory = Inventory::read(&tree, |_| Depth::Keys);
    let resolved = target.layers(&inventory).resolve(Detection::Allowed).ok();
    let cluster = resolved.as_ref().map(|resolved| &resolved.cluster);
    let is_declared = target.source() != ConfigSource::Nothing;
    let knowledge = JudgementContext {
        expected: cluster.filter(|_| is_declared).map(Expected::from),
        init: cluster.map(|cluster| (cluster, is_declared)),
        ..JudgementContext::nothing(console.now)
    };
    let touched: Vec<_> = [&settled.finished, &settled.restored, &settled.left]
        .into_iter()
        .flatten()
        .filter_map(layout::row_of)
        .map(|(row, _)| row)
        .collect();
    // Without a journal it is not known which files belong to the commit.
    let is_touched = |row: &Row| settled.command.is_none() || touched.contains(&row);
    let findings = knowledge
        .judge(&inventory)
        .filter(|finding| finding.is_error() && finding.row.is_some_and(is_touched));
    let arguments = tree_arguments(&args.tree, &ConfigArgs::default());
    for line in lines(&findings, &arguments) {
        console.warn(&line);
    }
    Ok(findings.outcome().into())
}
