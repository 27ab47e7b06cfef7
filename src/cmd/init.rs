//! `pki init`.

use anyhow::Result;

use super::apply::{Work, apply};
use super::target::{Source, Target, detect_host};
use super::{Env, Exit};
use crate::catalog::Row;
use crate::cli::InitArgs;
use crate::config::{Cluster, Host, Settings};
use crate::plan::{Plan, init};
use crate::report::text;
use crate::store::inventory::{Depth, Inventory};
use crate::store::transaction::Tree;

pub(super) fn run(args: &InitArgs, env: &Env) -> Result<Exit> {
    let target = Target::find(&args.tree, &args.config, &args.cluster)?;
    let settings = target.declared().unwrap_or_else(|| target.given.clone());
    let resolved = Cluster::resolve(settings.clone(), &host(&settings))?;
    for warning in target.warnings.iter().chain(
        resolved
            .warnings
            .iter()
            .filter(|_| target.source != Source::Recorded),
    ) {
        env.warn(&warning.to_string());
    }
    let cluster = resolved.cluster;
    let tree = Tree::open(&target.layout)?;
    // Every key that is there has to be the one of its certificate.
    let depth = |_: &Row| Depth::Keys;
    let inventory = Inventory::read(&tree, depth);
    let text = cluster.to_yaml();
    let record = target
        .recorded
        .as_ref()
        .is_none_or(|recorded| recorded.text != text.as_bytes())
        .then_some(text);
    let decide = |inventory: &Inventory| -> Result<Plan> {
        let plan = init::plan(&cluster, inventory, env.now)?;
        Ok(Plan {
            record: record.clone(),
            ..plan
        })
    };
    let plan = decide(&inventory)?;
    for warning in &plan.warnings {
        env.warn(warning);
    }
    if args.write.dry_run {
        env.print(&text::dry_run(&plan, &target.layout))?;
        return Ok(Exit::Done);
    }
    if plan.is_empty() && tree.is_settled()? {
        env.print(&text::nothing_to_make(&plan, &target.layout, false))?;
        return Ok(Exit::Done);
    }
    let work = Work {
        depth: &depth,
        layout: &target.layout,
        command: "init",
        plan: &decide,
        keep: args.write.keep,
    };
    let applied = apply(&work, env)?;
    if applied.plan.makes_nothing() {
        env.print_done(&text::nothing_to_make(
            &applied.plan,
            &target.layout,
            applied.plan.record.is_some(),
        ))?;
    } else {
        env.print_done(&text::init(&applied.plan, &applied.issued, &target.layout))?;
    }
    Ok(Exit::Done)
}

/// Asks the machine only for what the configuration leaves open.
fn host(settings: &Settings) -> Host {
    let detects = |address: &str| matches!(address.trim(), "" | "0.0.0.0" | "::");
    let is_open = settings.node_name.is_none()
        || settings
            .advertise_address
            .as_ref()
            .is_none_or(|address| detects(&address.value));
    if is_open {
        detect_host()
    } else {
        Host::default()
    }
}
