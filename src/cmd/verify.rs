//! `pki verify`.

use anyhow::Result;
use time::Duration;

use super::inspection::Inspection;
use super::named_trees::{self, NamedTree};
use super::target::{ConfigSource, tree_arguments};
use super::{Console, Exit};
use crate::check::expiry::Thresholds;
use crate::check::finding::{Finding, Outcome, Severity};
use crate::cli::{ListFormat, OutputFormat, VerifyArgs};
use crate::report::render::{self, Report};
use crate::report::verification::{FindingList, TreeVerification, Verification};
use crate::tree::inventory::Depth;

pub(super) fn run(args: &VerifyArgs, console: &Console) -> Result<Exit> {
    if args.list {
        show(&FindingList::all(), args.output, console)?;
        return Ok(Exit::Done);
    }
    if args.named.is_empty() {
        let verified = verify(args, None, console)?;
        let outcome = verified.outcome;
        show_trees(vec![verified], args.output, console)?;
        return Ok(outcome.into());
    }
    verify_named(args, console)
}

fn verify_named(args: &VerifyArgs, console: &Console) -> Result<Exit> {
    let mut outcome = Outcome::Healthy;
    let mut collected = Vec::new();
    named_trees::inspect(
        &args.named,
        false,
        console,
        |name, tree, console| {
            let verified = tree.and_then(|tree| verify(args, Some(tree), console));
            verified.unwrap_or_else(|error| {
                TreeVerification::failed(name.to_owned(), format!("{error:#}"))
            })
        },
        |_, verified| {
            outcome = outcome.max(verified.outcome);
            match args.output {
                // These have one document for all trees.
                ListFormat::Json | ListFormat::Yaml => collected.push(verified),
                ListFormat::Text | ListFormat::Jsonl => {
                    show_trees(vec![verified], args.output, console)?;
                }
            }
            Ok(())
        },
    )?;
    if !collected.is_empty() {
        show_trees(collected, args.output, console)?;
    }
    Ok(outcome.into())
}

/// Verifies one tree, that of the flags if none is named.
fn verify(
    args: &VerifyArgs,
    named: Option<&NamedTree>,
    console: &Console,
) -> Result<TreeVerification> {
    let inspection = match named {
        Some(named) => named.inspect(Depth::Keys, console)?,
        None => Inspection::open(&args.tree, &args.config, Depth::Keys, console)?.with_host_files(),
    };
    let target = &inspection.target;
    for warning in &target.warnings {
        console.warn(&warning.to_string());
    }
    if target.source() == ConfigSource::Nothing && named.is_none() && target.record_error.is_none()
    {
        console.note("no configuration is recorded or given: names and usages are compared with the rules of kubeadm only");
    }
    let thresholds = Thresholds {
        warn: args.warn.span(),
        critical: Duration::ZERO,
    };
    let mut findings = inspection.findings(thresholds, Some(&args.warn));
    findings.extend(inspection.manifests());
    // Who can write beside a copy does not matter to the cluster.
    if named.is_none() {
        findings.extend(inspection.directories());
    }
    let severity = Severity::from(args.severity);
    let counts = |finding: &Finding| {
        !args.ignore.contains(&finding.id) && named.is_none_or(|named| named.concerns(finding))
    };
    let layout = &target.layout;
    let arguments = match named {
        Some(named) => named.arguments(),
        None => tree_arguments(&args.tree, &args.config),
    };
    let name = match named {
        Some(named) => named.name.clone(),
        None => layout.kubeconfigs.display().to_string(),
    };
    Ok(TreeVerification::new(
        name,
        layout,
        findings.filter(counts),
        severity,
        &arguments,
    ))
}

fn show_trees(trees: Vec<TreeVerification>, format: ListFormat, console: &Console) -> Result<()> {
    match format {
        ListFormat::Jsonl => {
            for tree in &trees {
                console.print(&render::json_line(tree)?)?;
            }
            Ok(())
        }
        _ => show(&Verification { trees }, format, console),
    }
}

fn show(report: &impl Report, format: ListFormat, console: &Console) -> Result<()> {
    match format {
        ListFormat::Text => console.show(report, OutputFormat::Text),
        ListFormat::Json => console.show(report, OutputFormat::Json),
        ListFormat::Yaml => console.show(report, OutputFormat::Yaml),
        ListFormat::Jsonl => console.print(&render::json_line(report)?),
    }
}
