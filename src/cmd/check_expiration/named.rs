//! Checks trees that are named as paths.

use std::path::Path;

use anyhow::Result;

use super::super::{Console, named_trees};
use super::tree::{Checked, check};
use super::{Printed, print_page, render};
use crate::check::finding::Outcome;
use crate::cli::{CheckExpirationArgs, ExpirationFormat, SortOrder};
use crate::fs::output;
use crate::report::expiration::{CertificateExpirationInfo, ExpirationList, TreeExpiration};
use crate::report::metrics::TreeMetrics;
use crate::report::render::{Exposition, TextTarget};

/// What a tree adds to the report.
enum TreeOutput {
    /// Nothing, because it is healthy or has nothing that was asked for.
    Silent,
    /// Text that is printed at once.
    Rendered(String),
    /// A part of a document about all trees.
    Part(Box<TreeExpiration>),
}

/// The result of a tree, apart from its report.
struct TreeResult {
    entry: TreeOutput,
    metrics: Option<TreeMetrics>,
    /// Messages that follow its report.
    messages: Vec<String>,
    outcome: Outcome,
    holds_output: bool,
}

/// Checks the trees that are named. The report will replace `output`.
pub(super) fn print(
    args: &CheckExpirationArgs,
    output: Option<&Path>,
    console: &Console,
) -> Result<Printed> {
    let target = console.text_target();
    let mut outcome = Outcome::Healthy;
    let mut holds_output = false;
    let mut parts = Vec::new();
    let mut metrics = Exposition::new(console.now.into())?;
    let mut checked_trees = 0;
    // Most of the work for a tree is done on its thread, and what is printed at once is not kept.
    named_trees::inspect(
        &args.named,
        args.quiet,
        console,
        |name, tree, console| {
            let checked = tree.and_then(|tree| check(args, Some(tree), output, console));
            result(args, name, checked, output, target)
        },
        |name, result| {
            checked_trees += 1;
            let result = result?;
            outcome = outcome.max(result.outcome);
            holds_output |= result.holds_output;
            if let Some(tree) = &result.metrics {
                metrics.add(tree)?;
            }
            match result.entry {
                TreeOutput::Silent => {}
                TreeOutput::Rendered(text) => console.print(&text)?,
                TreeOutput::Part(entry) => parts.push(*entry),
            }
            for message in &result.messages {
                console.pass_on(name, message);
            }
            Ok(())
        },
    )?;
    match args.output {
        ExpirationFormat::Prometheus => console.print_with(|output| metrics.write(output))?,
        ExpirationFormat::Html => print_page(&sorted(args, parts), checked_trees, console)?,
        _ => print_parts(args, sorted(args, parts), console)?,
    }
    Ok(Printed {
        exit: outcome.into(),
        holds_output,
    })
}

/// Returns the result of a tree that was checked, or could not be.
fn result(
    args: &CheckExpirationArgs,
    name: &str,
    checked: Result<Checked>,
    output: Option<&Path>,
    target: TextTarget,
) -> Result<TreeResult> {
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => {
            let is_exported = args.output == ExpirationFormat::Prometheus;
            let message = format!("error: {error:#}");
            return Ok(TreeResult {
                entry: rendered(args, entry(name, Err(error)), target)?,
                metrics: is_exported.then(|| TreeMetrics::failed(name.to_owned())),
                messages: Vec::from_iter(is_exported.then_some(message)),
                outcome: Outcome::Unreadable,
                // What cannot be read is not replaced by a report either.
                holds_output: output.is_some_and(|file| output::is_in(file, Path::new(name))),
            });
        }
    };
    let is_silent = args.quiet && checked.outcome == Outcome::Healthy
        || args.only.is_some() && checked.report.is_empty();
    let warnings = checked.warnings.iter();
    Ok(TreeResult {
        messages: match is_silent {
            true => Vec::new(),
            false => warnings.map(|text| format!("warning: {text}")).collect(),
        },
        entry: match is_silent {
            true => TreeOutput::Silent,
            false => rendered(args, entry(name, Ok(checked.report)), target)?,
        },
        metrics: checked.metrics,
        outcome: checked.outcome,
        holds_output: checked.holds_output,
    })
}

fn entry(tree: &str, result: Result<CertificateExpirationInfo>) -> TreeExpiration {
    let (info, error) = match result {
        Ok(info) => (Some(info), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    TreeExpiration {
        tree: tree.to_owned(),
        error,
        info,
    }
}

/// Renders a tree for the formats that are not one document for all trees.
fn rendered(
    args: &CheckExpirationArgs,
    tree: TreeExpiration,
    target: TextTarget,
) -> Result<TreeOutput> {
    let is_sorted = args.sort == SortOrder::Urgency;
    Ok(match args.output {
        ExpirationFormat::Text | ExpirationFormat::Jsonl if !is_sorted => {
            TreeOutput::Rendered(render(&tree, args.output, target)?)
        }
        ExpirationFormat::Prometheus => TreeOutput::Silent,
        _ => TreeOutput::Part(Box::new(tree)),
    })
}

fn sorted(args: &CheckExpirationArgs, mut trees: Vec<TreeExpiration>) -> Vec<TreeExpiration> {
    if args.sort == SortOrder::Urgency {
        trees.sort_by_cached_key(TreeExpiration::urgency);
    }
    trees
}

/// Prints what was not printed tree by tree.
fn print_parts(
    args: &CheckExpirationArgs,
    trees: Vec<TreeExpiration>,
    console: &Console,
) -> Result<()> {
    match args.output {
        ExpirationFormat::Json | ExpirationFormat::Yaml if args.quiet && trees.is_empty() => Ok(()),
        ExpirationFormat::Json | ExpirationFormat::Yaml => {
            let list = ExpirationList { trees };
            console.print(&render(&list, args.output, console.text_target())?)
        }
        _ => trees
            .iter()
            .try_for_each(|tree| console.print(&render(tree, args.output, console.text_target())?)),
    }
}
