//! `pki check-expiration`.

use anyhow::Result;

use super::judgement::Knowledge;
use super::session::{Session, TreeSnapshot};
use super::target::{ConfigSource, Detection, Target, tree_arguments};
use super::{Console, Exit};
use crate::check::expiry::{self, Expiry, Thresholds};
use crate::check::finding::Outcome;
use crate::check::{Expected, check};
use crate::cli::{CheckExpirationArgs, ClusterArgs};
use crate::config::{Cluster, Host, Origin, Setting, Settings};
use crate::report::expiration::CertificateExpirationInfo;
use crate::report::findings::lines;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::journal::Direction;
use crate::tree::permissions::{ExcessAccess, PermissionIssue, overly_permissive};

pub(super) fn run(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
    let session = Session::open(&args.tree, &args.config, &ClusterArgs::default(), console)?;
    let TreeSnapshot {
        tree, inventory, ..
    } = session.read(&|_| Depth::Certificates)?;
    let target = &session.target;
    let source = target.source();
    let cluster = match source {
        ConfigSource::File | ConfigSource::Recorded => Some(cluster(target, &inventory)?),
        ConfigSource::Nothing => None,
    };
    let expected = cluster.as_ref().map(|(cluster, is_node_known)| Expected {
        cluster,
        is_node_known: *is_node_known,
    });
    let expiry = judge(args, target, &inventory, expected, console);
    // An interrupted transaction may leave a key without its certificate until the next run that writes, so report it
    // to cron.
    let is_interrupted = tree.pending().is_some() && !tree.is_being_written();
    let outcome = match is_interrupted || tree.journal_error().is_some() {
        true => expiry.findings.outcome().max(Outcome::Due),
        false => expiry.findings.outcome(),
    };
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
            if source == ConfigSource::Nothing {
                console.note(&format!("no configuration is recorded for `{}`: `pki` infers the expected files from the existing ones", target.layout.certificates.display()));
            }
        }
        for issue in overly_permissive(&tree).unwrap_or_default() {
            console.warn(&permissions(&issue));
        }
        if let Some(error) = tree.journal_error() {
            console.warn(&error.to_string());
        }
        if let Some((command, direction)) = tree.pending().filter(|_| is_interrupted) {
            let what = match direction {
                Direction::Commit => {
                    "was interrupted after its commit; the table shows the tree after recovery"
                }
                Direction::Undo => {
                    "failed and was interrupted; the table shows the tree before that run"
                }
            };
            console.warn(&format!(
                "`pki {command}` {what}: run any `pki` command that writes"
            ));
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

fn judge(
    args: &CheckExpirationArgs,
    target: &Target,
    inventory: &Inventory,
    expected: Option<Expected<'_>>,
    console: &Console,
) -> Expiry {
    let thresholds = Thresholds {
        warn: args.warn.span(),
        critical: args.critical.span(),
    };
    let resolved = target.layers(inventory).resolve(Detection::Allowed).ok();
    let knowledge = Knowledge {
        expected,
        init: resolved
            .as_ref()
            .map(|resolved| (&resolved.cluster, target.source() != ConfigSource::Nothing)),
        // What is renewed with the longer of the two needs no attention afterwards.
        due: Some(match args.warn.length() >= args.critical.length() {
            true => &args.warn,
            false => &args.critical,
        }),
        now: console.now,
    };
    let context = knowledge.context(inventory);
    let mut findings = check(inventory, expected, console.now);
    findings.extend(expiry::soon(&context, thresholds));
    expiry::table(&context, knowledge.with_remedies(findings, inventory))
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

/// Resolves the configuration, and returns whether the name and address of the node in it are known.
fn cluster(target: &Target, inventory: &Inventory) -> Result<(Cluster, bool)> {
    let placeholder = |what: &'static str, value: &str| {
        Some(Setting {
            value: value.to_owned(),
            origin: Origin::Host(what),
        })
    };
    let settings = target.layers(inventory).settings();
    let is_ipv6 = |subnets: &Setting<String>| {
        subnets
            .value
            .split(',')
            .next()
            .is_some_and(|first| first.contains(':'))
    };
    let is_node_known = !settings.needs_host();
    let placeholders = Settings {
        node_name: placeholder("node name", "localhost"),
        advertise_address: placeholder(
            "advertise address",
            match settings.service_subnet.as_ref().is_some_and(is_ipv6) {
                true => "::1",
                false => "127.0.0.1",
            },
        ),
        ..Settings::default()
    };
    let resolved = Cluster::resolve(settings.or(placeholders), &Host::default())?;
    Ok((resolved.cluster, is_node_known))
}
