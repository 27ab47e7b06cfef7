//! `pki init`.

use anyhow::Result;

use super::apply::{Applied, Work, apply, preview};
use super::target::{Source, Target, detect_host};
use super::{Env, Exit};
use crate::catalog::Row;
use crate::cli::InitArgs;
use crate::config::{Cluster, Host, Settings};
use crate::plan::{Plan, init};
use crate::report::text;
use crate::store::inventory::{Depth, Inventory};
use crate::store::tree::Tree;

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
    let work = Work {
        depth: &depth,
        layout: &target.layout,
        command: "init",
        plan: &decide,
        keep: args.write.keep,
    };
    if args.write.dry_run {
        let plan = decide(&inventory)?;
        env.warn_of(&plan);
        env.print(&text::dry_run(&plan, &target.layout))?;
        return Ok(Exit::Done);
    }
    let plan = preview(&work, &inventory)?;
    env.warn_of(&plan);
    if plan.is_empty() && tree.is_settled()? {
        env.print(&text::nothing_to_make(&plan, &target.layout, false))?;
        return Ok(Exit::Done);
    }
    let Applied {
        plan,
        issued,
        committed,
    } = apply(&work, env)?;
    let mut report = match plan.makes_nothing() {
        true => text::nothing_to_make(&plan, &target.layout, plan.record.is_some()),
        false => text::init(&plan, &issued, &target.layout),
    };
    report.push_str(&text::tightened(&committed));
    env.print_done(&report)?;
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
