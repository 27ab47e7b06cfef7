//! `pki check-expiration`.

use anyhow::Result;

use super::target::{Source, Target};
use super::{Console, Exit};
use crate::check::expiry::{self, Thresholds, Urgency};
use crate::cli::{CheckExpirationArgs, ClusterArgs, OutputFormat};
use crate::config::{Cluster, Host, Origin, Setting, Settings};
use crate::report::{json, text};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::journal::Direction;
use crate::tree::overlay::Tree;

pub(super) fn run(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
    let target = Target::find(&args.tree, &args.config, &ClusterArgs::default())?;
    let tree = Tree::open_as_guest(&target.layout)?;
    let inventory = Inventory::read(&tree, |_| Depth::Certificates);
    let source = target.source();
    let cluster = match source {
        Source::File | Source::Recorded => Some(cluster(&target, &inventory)?),
        Source::Nothing => None,
    };
    let rows = expiry::rows(cluster.as_ref(), &inventory);
    let expiry = expiry::check(&rows, &inventory, console.now);
    let thresholds = Thresholds {
        warn: args.warn,
        critical: args.critical,
    };
    // What a kill has cut off leaves half a pair on disk until somebody writes: cron has to hear of it.
    let urgency = match tree.pending() {
        Some(_) => expiry.urgency(thresholds).max(Urgency::Due),
        None => expiry.urgency(thresholds),
    };
    let layout = &target.layout;
    if tree.is_absent() {
        console.warn(&format!(
            "there is neither `{}` nor `{}`: is that where the tree lies?",
            layout.kubeconfigs.display(),
            layout.certificates.display()
        ));
    }
    if !(args.quiet && urgency == Urgency::Healthy) {
        if !args.quiet {
            for warning in &target.warnings {
                console.warn(&warning.to_string());
            }
            if source == Source::Nothing {
                console.note(&format!("no configuration is recorded for `{}`: the rows are inferred from what is there", target.layout.certificates.display()));
            }
        }
        if let Some((command, direction)) = tree.pending() {
            let what = match direction {
                Direction::Commit => {
                    "was cut off after its commit; this is the tree as it will be finished"
                }
                Direction::Undo => "failed and was cut off; this is the tree as it was before",
            };
            console.warn(&format!(
                "`pki {command}` {what}: run any `pki` command that writes"
            ));
        }
        if !args.quiet && !expiry.dateless.is_empty() {
            console.note(&format!(
                "not listed, their users have no client certificate that could expire: {}",
                expiry.dateless.join(", ")
            ));
        }
        if tree.is_state_hidden() {
            console.warn("`.pki` cannot be read by this user: what is recorded or pending there is not known");
        }
        console.print(&match (args.output, args.quiet) {
            (OutputFormat::Text, false) => text::expiration(&expiry),
            (OutputFormat::Text, true) => text::attention(&expiry, thresholds),
            (OutputFormat::Json, quiet) => json::expiration(&expiry, quiet.then_some(thresholds))?,
            (OutputFormat::Yaml, quiet) => {
                json::expiration_yaml(&expiry, quiet.then_some(thresholds))?
            }
        })?;
        for line in text::verdicts(&expiry, thresholds) {
            console.warn(&line);
        }
    }
    Ok(urgency.into())
}

/// Resolves the configuration for the sake of the rows it has; the node's name and address do not matter to these.
fn cluster(target: &Target, inventory: &Inventory) -> Result<Cluster> {
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
    Ok(Cluster::resolve(settings.or(placeholders), &Host::default())?.cluster)
}
