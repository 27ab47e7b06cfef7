//! `pki check-expiration`.

use std::path::{Path, absolute};

use anyhow::{Result, anyhow};

use super::console::Buffer;
use super::failure::Invalid;
use super::inspection::Inspection;
use super::named_trees::{self, NamedTree};
use super::target::{ConfigSource, tree_arguments};
use super::{Console, Exit};
use crate::check::expiry::{self, Thresholds};
use crate::check::finding::{Finding, Outcome};
use crate::cli::{
    CheckExpirationArgs, ConfigArgs, ExpirationFormat, OnlyState, OutputFormat, SortOrder, TreeArgs,
};
use crate::fs::file::FileError;
use crate::fs::output;
use crate::report::expiration::{
    CertificateExpiration, CertificateExpirationInfo, ExpirationList, TreeExpiration,
};
use crate::report::findings::lines;
use crate::report::metrics::{Metrics, TreeMetrics};
use crate::report::page::Page;
use crate::report::render::{self, Report};
use crate::report::time::Time;
use crate::store::ledger;
use crate::tree::inventory::Depth;

/// The mode of an output file: node_exporter runs as another user.
const OUTPUT_MODE: u32 = 0o644;

pub(super) fn run(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
    let Some(file) = args
        .output_file
        .as_ref()
        .filter(|file| *file != Path::new("-"))
    else {
        return print(args, console);
    };
    // A file that cannot be replaced is refused before anything is read.
    let failed = |error: FileError| anyhow!("{error}");
    let file = output::target(file).map_err(failed)?;
    let buffer = Buffer::default();
    let exit = print(args, &console.printing_into(&buffer));
    // Metrics say that a check failed, so that the old ones do not look like new ones.
    if exit.is_ok() || args.output == ExpirationFormat::Prometheus {
        refuse_in_tree(&file, args)?;
        output::replace(&file, buffer.text().as_bytes(), OUTPUT_MODE).map_err(failed)?;
    }
    exit
}

/// Refuses an output file in the tree that is checked: a typing error would replace a key.
fn refuse_in_tree(file: &Path, args: &CheckExpirationArgs) -> Result<()> {
    let directory = file.parent().unwrap_or(file);
    let holds_certificates = |directory: &Path| {
        ["ca.crt", "ca.key", "admin.conf", "kubelet.conf"]
            .iter()
            .any(|name| directory.join(name).exists())
    };
    let is_in_tree = directory.ancestors().take(2).any(holds_certificates)
        || args
            .tree
            .cert_dir
            .as_deref()
            .is_some_and(|tree| directory.starts_with(tree));
    match is_in_tree {
        true => Err(Invalid::new(format!(
            "`{}` is in a directory of certificates",
            file.display()
        ))
        .with_hint("write the report to another directory")
        .into()),
        false => Ok(()),
    }
}

fn print(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
    if args.only.is_some() && args.output == ExpirationFormat::Prometheus {
        let message = "`-o prometheus` exports every certificate, so it takes no `--only`";
        return Err(Invalid::new(message).into());
    }
    if !args.named.is_empty() {
        return print_named(args, console);
    }
    let checked = match check(args, None, console) {
        Err(error) if args.output == ExpirationFormat::Prometheus => {
            print_metrics(vec![TreeMetrics::failed(tree_name(&args.tree))], console)?;
            return Err(error);
        }
        checked => checked?,
    };
    match args.output {
        ExpirationFormat::Prometheus => {
            print_metrics(checked.metrics.into_iter().collect(), console)?;
        }
        ExpirationFormat::Html => {
            let tree = TreeExpiration {
                tree: checked.name,
                error: None,
                info: Some(checked.report),
            };
            print_page(&[tree], 1, console)?;
        }
        _ if args.quiet && checked.outcome == Outcome::Healthy => {}
        ExpirationFormat::Text if args.only.is_some() && checked.report.is_empty() => {}
        format => show(&checked.report, format, console)?,
    }
    for warning in &checked.warnings {
        console.warn(warning);
    }
    Ok(checked.outcome.into())
}

fn print_named(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
    let mut outcome = Outcome::Healthy;
    let mut trees = Vec::new();
    let mut metrics = Vec::new();
    let mut checked_trees = 0;
    named_trees::inspect(
        &args.named,
        console,
        |tree, console| check(args, Some(tree), console),
        |tree, result| {
            checked_trees += 1;
            let (entry, warnings) = match result {
                Ok(checked) => {
                    outcome = outcome.max(checked.outcome);
                    metrics.extend(checked.metrics);
                    let is_silent = args.quiet && checked.outcome == Outcome::Healthy;
                    if is_silent || args.only.is_some() && checked.report.is_empty() {
                        return Ok(());
                    }
                    let entry = TreeExpiration {
                        tree,
                        error: None,
                        info: Some(checked.report),
                    };
                    (entry, checked.warnings)
                }
                Err(error) => {
                    outcome = outcome.max(Outcome::Unreadable);
                    if args.output == ExpirationFormat::Prometheus {
                        metrics.push(TreeMetrics::failed(tree.clone()));
                        console.pass_on(&tree, &format!("error: {error:#}"));
                    }
                    let entry = TreeExpiration {
                        tree,
                        error: Some(format!("{error:#}")),
                        info: None,
                    };
                    (entry, Vec::new())
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
    Ok(outcome.into())
}

/// The result of a check of one tree.
struct Checked {
    /// The tree as it was named; the directory of its kubeconfigs if it was not.
    name: String,
    report: CertificateExpirationInfo,
    /// Only if they are wanted.
    metrics: Option<TreeMetrics>,
    /// The findings, one line each.
    warnings: Vec<String>,
    outcome: Outcome,
}

/// Checks one tree, that of the flags if none is named.
fn check(
    args: &CheckExpirationArgs,
    named: Option<&NamedTree>,
    console: &Console,
) -> Result<Checked> {
    let (arguments, config) = match named {
        Some(named) => (&named.arguments, &ConfigArgs::default()),
        None => (&args.tree, &args.config),
    };
    let inspection = Inspection::open(arguments, config, Depth::Certificates, console)?;
    let thresholds = Thresholds {
        warn: args.warn.span(),
        critical: args.critical.span(),
    };
    // What is renewed with the longer of the two needs no attention afterwards.
    let due = match args.warn.length() >= args.critical.length() {
        true => &args.warn,
        false => &args.critical,
    };
    let is_concerned = |finding: &Finding| named.is_none_or(|named| named.concerns(finding));
    let findings = inspection
        .findings(thresholds, Some(due))
        .filter(is_concerned);
    let expiry = expiry::table(&inspection.context(), findings);
    let outcome = expiry.findings.outcome();
    let (target, tree) = (&inspection.session.target, &inspection.snapshot.tree);
    let layout = &target.layout;
    if tree.is_absent() {
        console.warn(&format!(
            "neither `{}` nor `{}` exists: is this the right directory?",
            layout.kubeconfigs.display(),
            layout.certificates.display()
        ));
    }
    let is_silent = args.quiet && outcome == Outcome::Healthy;
    if !args.quiet {
        for warning in &target.warnings {
            console.warn(&warning.to_string());
        }
        if target.source() == ConfigSource::Nothing
            && named.is_none()
            && target.record_error.is_none()
        {
            console.note(&format!("no configuration is recorded for `{}`: `pki` infers the expected files from the existing ones", layout.certificates.display()));
        }
    }
    if !args.quiet && !expiry.without_certificate.is_empty() {
        console.note(&format!(
            "not listed, because their users have no client certificate: {}",
            expiry.without_certificate.join(", ")
        ));
    }
    let warnings = match is_silent {
        true => Vec::new(),
        false => {
            let arguments = tree_arguments(arguments, config);
            let arguments = match named {
                Some(named) => arguments.of_named_tree(&named.name),
                None => arguments,
            };
            lines(&expiry.findings, &arguments)
        }
    };
    let name = match named {
        Some(named) => named.name.clone(),
        None => layout.kubeconfigs.display().to_string(),
    };
    let metrics = (args.output == ExpirationFormat::Prometheus).then(|| {
        let inventory = &inspection.snapshot.inventory;
        let now = Time::from(console.now);
        TreeMetrics {
            last_issued: last_issued(&inspection),
            ..TreeMetrics::new(name.clone(), layout, inventory, &expiry, now)
        }
    });
    let mut report = CertificateExpirationInfo::new(&expiry, args.quiet);
    if let Some(only) = args.only {
        report.retain(|entry| is_in_state(entry, only, thresholds));
    }
    if args.sort == SortOrder::Urgency {
        report.sort_by_urgency();
    }
    Ok(Checked {
        name,
        report,
        metrics,
        warnings,
        outcome,
    })
}

fn is_in_state(entry: &CertificateExpiration, state: OnlyState, thresholds: Thresholds) -> bool {
    let has_date = entry.expiration_date.is_some();
    let has_expired = has_date && entry.residual_time.is_negative();
    match state {
        OnlyState::Due => has_date && !has_expired && entry.residual_time <= thresholds.longest(),
        OnlyState::Expired => has_expired,
        OnlyState::Missing => entry.missing && entry.outcome > Outcome::Healthy,
    }
}

/// Returns when the last certificate of the ledger was issued; none if there is no ledger or it cannot be read.
fn last_issued(inspection: &Inspection<'_>) -> Option<Time> {
    let snapshot = &inspection.snapshot;
    let entries = ledger::entries(&snapshot.places, &snapshot.tree).ok()?;
    let last = entries.map_while(Result::ok).last()?;
    Time::parse(&last.time)
}

/// Returns the name that the tree of the flags has in metrics: the directory of its kubeconfigs.
fn tree_name(tree: &TreeArgs) -> String {
    let rootfs = tree.rootfs.as_deref().unwrap_or(Path::new("/"));
    let kubeconfigs = match (&tree.kubeconfig_dir, &tree.cert_dir) {
        (Some(kubeconfigs), _) => kubeconfigs.clone(),
        (None, Some(certificates)) => certificates.parent().unwrap_or(certificates).to_path_buf(),
        (None, None) => rootfs.join("etc/kubernetes"),
    };
    let kubeconfigs = absolute(&kubeconfigs).unwrap_or(kubeconfigs);
    kubeconfigs.display().to_string()
}

fn print_page(trees: &[TreeExpiration], checked: usize, console: &Console) -> Result<()> {
    console.print(&render::html(&Page::new(
        trees,
        checked,
        console.now.into(),
    )))
}

fn print_metrics(trees: Vec<TreeMetrics>, console: &Console) -> Result<()> {
    let metrics = Metrics {
        time: console.now.into(),
        trees,
    };
    console.print(&render::prometheus(&metrics))
}

fn show(report: &impl Report, format: ExpirationFormat, console: &Console) -> Result<()> {
    match format {
        ExpirationFormat::Text | ExpirationFormat::Prometheus | ExpirationFormat::Html => {
            console.show(report, OutputFormat::Text)
        }
        ExpirationFormat::Json => console.show(report, OutputFormat::Json),
        ExpirationFormat::Yaml => console.show(report, OutputFormat::Yaml),
        ExpirationFormat::Jsonl => console.print(&render::json_line(report)?),
    }
}
