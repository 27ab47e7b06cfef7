//! `pki recover`.

use anyhow::{Context, Result};
use zeroize::Zeroizing;

use super::judgement::JudgementContext;
use super::session::Session;
use super::target::tree_arguments;
use super::{Console, Exit};
use crate::catalog::Row;
use crate::cli::{ConfigArgs, RecoverArgs};
use crate::report::findings::lines;
use crate::report::recovery::Recovery;
use crate::store::recovery::{Settle, SettledCommit, preview_settling, settle};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::{self, Layout, TreePath};
use crate::tree::overlay::Tree;

pub(super) fn run(args: &RecoverArgs, console: &Console) -> Result<Exit> {
    let mut target = Session::open_tree(&args.tree, console)?.target;
    target.check_may_write()?;
    let layout = target.layout;
    let how = match args.finish {
        true => Settle::Finish,
        false => Settle::Discard,
    };
    let write = &args.write;
    let (settled, files) = match write.dry_run {
        true => preview_settling(&layout, how, console.now)?
            .map(|preview| (Some(preview.settled), preview.files))
            .unwrap_or_default(),
        false => (settle(&layout, how, console.now)?, Vec::new()),
    };
    let report = Recovery::new(settled.as_ref(), write.dry_run);
    match (settled.is_some(), write.dry_run) {
        (true, false) => console.show_done(&report, write.output)?,
        (false, _) if write.quiet => {}
        _ => console.show(&report, write.output)?,
    }
    match &settled {
        Some(settled) => judge(settled, &files, &layout, args, console),
        None => Ok(Exit::Done),
    }
}

/// Judges the rows whose files were settled: one that was left alone may not fit another one.
fn judge(
    settled: &SettledCommit,
    files: &[(TreePath, Zeroizing<Vec<u8>>)],
    layout: &Layout,
    args: &RecoverArgs,
    console: &Console,
) -> Result<Exit> {
    let files: Vec<_> = files
        .iter()
        .map(|(file, bytes)| (file.clone(), bytes.as_slice()))
        .collect();
    let tree = Tree::open(layout).context("checking the result")?;
    let inventory = Inventory::read(&tree.with_files(&files), |_| Depth::Keys);
    let touched: Vec<_> = [&settled.finished, &settled.restored, &settled.left]
        .into_iter()
        .flatten()
        .filter_map(layout::row_of)
        .map(|(row, _)| row)
        .collect();
    // Without a journal it is not known which files belong to the commit.
    let is_touched = |row: &Row| settled.command.is_none() || touched.contains(&row);
    let findings = JudgementContext::nothing(console.now)
        .judge(&inventory)
        .filter(|finding| finding.is_error() && finding.row.is_some_and(is_touched));
    let arguments = tree_arguments(&args.tree, &ConfigArgs::default());
    for line in lines(&findings, &arguments) {
        console.warn(&line);
    }
    Ok(findings.outcome().into())
}
