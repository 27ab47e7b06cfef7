//! Checks trees that are named as paths.

use std::path::PathBuf;

use anyhow::Result;

use super::super::{Console, Exit, named_trees};
use super::tree::check;
use super::{print_metrics, print_page, show};
use crate::check::finding::Outcome;
use crate::cli::{CheckExpirationArgs, ExpirationFormat, SortOrder};
use crate::fs::search::PathKind;
use crate::report::expiration::{CertificateExpirationInfo, ExpirationList, TreeExpiration};
use crate::report::metrics::TreeMetrics;

/// Checks the trees that are named, and adds the directories or the file of each.
pub(super) fn print(
    args: &CheckExpirationArgs,
    paths: &mut Vec<PathBuf>,
    console: &Console,
) -> Result<Exit> {
    let mut outcome = Outcome::Healthy;
    let mut trees = Vec::new();
    let mut metrics = Vec::new();
    let mut checked_trees = 0;
    named_trees::inspect(
        &args.named,
        args.quiet,
        console,
        |tree, console| check(args, Some(tree), console),
        |tree, result| {
            checked_trees += 1;
            let (entry, warnings) = match result {
                Ok(checked) => {
                    outcome = outcome.max(checked.outcome);
                    metrics.extend(checked.metrics);
                    paths.extend(checked.paths);
                    let is_silent = args.quiet && checked.outcome == Outcome::Healthy;
                    if is_silent || args.only.is_some() && checked.report.is_empty() {
                        return Ok(());
                    }
                    (entry(tree, Ok(checked.report)), checked.warnings)
                }
                Err(error) => {
                    outcome = outcome.max(Outcome::Unreadable);
                    // A damaged archive is not replaced by a report either.
                    let path = PathBuf::from(&tree);
                    paths.extend(Some(path).filter(|path| PathKind::of(path) == PathKind::File));
                    if args.output == ExpirationFormat::Prometheus {
                        metrics.push(TreeMetrics::failed(tree.clone()));
                        console.pass_on(&tree, &format!("error: {error:#}"));
                    }
                    (entry(tree, Err(error)), Vec::new())
                }
            };
            for warning in warnings {
                console.pass_on(&entry.tree, &format!("warning: {warning}"));
            }
            let is_sorted = args.sort == SortOrder::Urgency;
            match args.output {
                ExpirationFormat::Text | ExpirationFormat::Jsonl if !is_sorted => {
                    show(&entry, args.output, console)
                }
                // The others have one document for all trees.
                _ => {
                    trees.push(entry);
                    Ok(())
                }
            }
        },
    )?;
    print_all(args, trees, metrics, checked_trees, console)?;
    Ok(outcome.into())
}

fn entry(tree: String, result: Result<CertificateExpirationInfo>) -> TreeExpiration {
    let (info, error) = match result {
        Ok(info) => (Some(info), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    TreeExpiration { tree, error, info }
}

/// Prints what has not been printed tree by tree.
fn print_all(
    args: &CheckExpirationArgs,
    mut trees: Vec<TreeExpiration>,
    metrics: Vec<TreeMetrics>,
    checked_trees: usize,
    console: &Console,
) -> Result<()> {
    if args.sort == SortOrder::Urgency {
        trees.sort_by_cached_key(TreeExpiration::urgency);
    }
    match args.output {
        ExpirationFormat::Json | ExpirationFormat::Yaml if args.quiet && trees.is_empty() => {}
        ExpirationFormat::Json | ExpirationFormat::Yaml => {
            show(&ExpirationList { trees }, args.output, console)?;
        }
        ExpirationFormat::Html => print_page(&trees, checked_trees, console)?,
        ExpirationFormat::Prometheus => print_metrics(metrics, console)?,
        ExpirationFormat::Text | ExpirationFormat::Jsonl => {
            for tree in &trees {
                show(tree, args.output, console)?;
            }
        }
    }
    Ok(())
}
