//! Checks one tree.

use std::path::Path;

use anyhow::Result;

use super::super::Console;
use super::super::inspection::Inspection;
use super::super::named_trees::NamedTree;
use super::super::paths::TreePaths;
use super::super::target::{ConfigSource, tree_arguments};
use crate::check::expiry::{self, Expiry, Thresholds};
use crate::check::finding::{Finding, Outcome};
use crate::cli::{CheckExpirationArgs, ExpirationFormat, OnlyState, SortOrder, TreeArgs};
use crate::config::Settings;
use crate::fs::output;
use crate::report::expiration::{CertificateExpiration, CertificateExpirationInfo};
use crate::report::findings::lines;
use crate::report::metrics::TreeMetrics;
use crate::report::time::Time;
use crate::store::ledger;
use crate::tree::inventory::Depth;
use crate::tree::layout::Layout;

/// The result of a check of one tree.
pub(super) struct Checked {
    /// The tree as it was named; the directory of its kubeconfigs if it was not.
    pub(super) name: String,
    pub(super) report: CertificateExpirationInfo,
    /// Only if they are wanted.
    pub(super) metrics: Option<TreeMetrics>,
    /// The findings, one line each.
    pub(super) warnings: Vec<String>,
    pub(super) outcome: Outcome,
    /// Whether the output file is in one of its directories, or is its archive.
    pub(super) holds_output: bool,
}

/// Checks one tree, that of the flags if none is named. The report will replace `output`.
pub(super) fn check(
    args: &CheckExpirationArgs,
    named: Option<&NamedTree>,
    output: Option<&Path>,
    console: &Console,
) -> Result<Checked> {
    let depth = match args.dates_only {
        true => Depth::Dates,
        false => Depth::Certificates,
    };
    let inspection = match named {
        Some(named) => named.inspect(depth, console)?,
        None => Inspection::open(&args.tree, &args.config, depth, console)?.with_host_files(),
    };
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
    let findings = match args.dates_only {
        true => inspection.dates(thresholds),
        false => inspection.findings(thresholds, Some(due)),
    };
    let findings = findings.filter(is_concerned);
    let expiry = expiry::table(&inspection.context(), findings);
    let outcome = expiry.findings.outcome();
    say(&inspection, &expiry, named, args.quiet, console);
    let layout = &inspection.target.layout;
    let is_silent = args.quiet && outcome == Outcome::Healthy;
    let warnings = match is_silent {
        true => Vec::new(),
        false => {
            let arguments = match named {
                Some(named) => named.arguments(),
                None => tree_arguments(&args.tree, &args.config),
            };
            lines(&expiry.findings, &arguments)
        }
    };
    let name = match named {
        Some(named) => named.name.clone(),
        None => layout.kubeconfigs.display().to_string(),
    };
    let metrics = (args.output == ExpirationFormat::Prometheus).then(|| {
        let inventory = &inspection.inventory;
        let now = Time::from(console.now);
        TreeMetrics {
            last_issued: last_issued(&inspection),
            ..TreeMetrics::new(name.clone(), layout, inventory, &expiry, now)
        }
    });
    let mut report = CertificateExpirationInfo::new(&expiry, args.quiet);
    report.signatures_verified = args.dates_only.then_some(false);
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
        holds_output: output.is_some_and(|file| {
            let paths = match named {
                Some(named) => named.paths(layout),
                None => layout.directories(),
            };
            output::is_in_any(file, &paths)
        }),
    })
}

/// Prints what is worth knowing about the run and not about a row; with `quiet`, only that there is no tree.
fn say(
    inspection: &Inspection,
    expiry: &Expiry,
    named: Option<&NamedTree>,
    quiet: bool,
    console: &Console,
) {
    let target = &inspection.target;
    let layout = &target.layout;
    if inspection.tree.is_absent() {
        console.warn(&format!(
            "neither `{}` nor `{}` exists: is this the right directory?",
            layout.kubeconfigs.display(),
            layout.certificates.display()
        ));
    }
    if quiet {
        return;
    }
    for warning in &target.warnings {
        console.warn(&warning.to_string());
    }
    let is_unrecorded = target.source() == ConfigSource::Nothing && target.record_error.is_none();
    if is_unrecorded && named.is_none() {
        console.note(&format!("no configuration is recorded for `{}`: `pki` infers the expected files from the existing ones", layout.certificates.display()));
    }
    if !expiry.without_certificate.is_empty() {
        console.note(&format!(
            "not listed, because their users have no client certificate: {}",
            expiry.without_certificate.join(", ")
        ));
    }
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

/// Returns when the last certificate of the ledger was issued; none if there is no ledger or it cannot be read, as in an archive.
fn last_issued(inspection: &Inspection) -> Option<Time> {
    let places = inspection.places.as_ref()?;
    let entries = ledger::entries(places, &inspection.tree).ok()?;
    let last = entries.map_while(Result::ok).last()?;
    Time::parse(&last.time)
}

/// Returns the name that the tree of the flags has in metrics: the directory of its kubeconfigs, as far as the flags tell.
pub(super) fn name_of(tree: &TreeArgs) -> String {
    usual_layout(tree).map_or_else(
        |_| String::new(),
        |layout| layout.kubeconfigs.display().to_string(),
    )
}

/// Returns the directories of the tree of the flags, as far as the flags tell.
pub(super) fn usual_layout(tree: &TreeArgs) -> Result<Layout> {
    TreePaths::typed(tree)?.layout(&Settings::default())
}
