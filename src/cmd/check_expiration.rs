//! `pki check-expiration`.

use anyhow::Result;

use super::inspection::Inspection;
use super::target::{ConfigSource, tree_arguments};
use super::{Console, Exit};
use crate::check::expiry::{self, Thresholds};
use crate::check::finding::Outcome;
use crate::cli::CheckExpirationArgs;
use crate::report::expiration::CertificateExpirationInfo;
use crate::report::findings::lines;
use crate::tree::inventory::Depth;
use crate::tree::permissions::{ExcessAccess, PermissionIssue, overly_permissive};

pub(super) fn run(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
    let inspection = Inspection::open(&args.tree, &args.config, Depth::Certificates, console)?;
    let thresholds = Thresholds {
        warn: args.warn.span(),
        critical: args.critical.span(),
    };
    // What is renewed with the longer of the two needs no attention afterwards.
    let due = match args.warn.length() >= args.critical.length() {
        true => &args.warn,
        false => &args.critical,
    };
    let findings = inspection.findings(thresholds, Some(due));
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
    if !(args.quiet && outcome == Outcome::Healthy) {
        if !args.quiet {
            for warning in &target.warnings {
                console.warn(&warning.to_string());
            }
            if target.source() == ConfigSource::Nothing {
                console.note(&format!("no configuration is recorded for `{}`: `pki` infers the expected files from the existing ones", target.layout.certificates.display()));
            }
        }
        for issue in overly_permissive(tree).unwrap_or_default() {
            console.warn(&permissions(&issue));
        }
        if !args.quiet && !expiry.without_certificate.is_empty() {
            console.note(&format!(
                "not listed, because their users have no client certificate: {}",
                expiry.without_certificate.join(", ")
            ));
        }
        let report = CertificateExpirationInfo::new(&expiry, args.quiet);
        console.show(&report, args.output)?;
        for line in lines(&expiry.findings, &tree_arguments(&args.tree, &args.config)) {
            console.warn(&line);
        }
    }
    Ok(outcome.into())
}

fn permissions(issue: &PermissionIssue) -> String {
    let file = &issue.file;
    match issue.access {
        ExcessAccess::Readable { mode } => {
            format!("`{file}`: mode {mode:04o}, everybody can read it")
        }
        ExcessAccess::Writable { mode } => {
            format!("`{file}`: mode {mode:04o}, others can write to it")
        }
        ExcessAccess::Owner { uid } => format!("`{file}`: it belongs to user {uid}"),
    }
}
