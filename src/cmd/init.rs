//! `pki init`.

use anyhow::Result;

use super::apply::{Applied, Work, apply, preview};
use super::target::{Detection, Source, Target};
use super::{Console, Exit};
use crate::catalog::Row;
use crate::cli::{ClusterArgs, InitArgs};
use crate::plan::{Plan, init};
use crate::report::text;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::overlay::Tree;

pub(super) fn run(args: &InitArgs, console: &Console) -> Result<Exit> {
    let target = Target::find(&args.tree, &args.config, &args.cluster)?;
    let tree = Tree::open(&target.layout)?;
    // Every key that is there has to be the one of its certificate.
    let depth = |_: &Row| Depth::Keys;
    let inventory = Inventory::read(&tree, depth);
    let layers = target.layers(&inventory);
    // Said even if the values are refused: a misspelt field may be the cause.
    for warning in &target.warnings {
        console.warn(&warning.to_string());
    }
    let resolved = layers.resolve(Detection::Allowed)?;
    let source = target.source();
    if source == Source::File || args.cluster != ClusterArgs::default() {
        for warning in &resolved.warnings {
            console.warn(&warning.to_string());
        }
    }
    if source == Source::Nothing && layers.infers_anything() {
        console.note("no configuration is recorded or given: what the tree tells is taken, see `pki config show`");
        for guess in &layers.guesses {
            console.warn(guess);
        }
    }
    let cluster = resolved.cluster;
    let text = cluster.to_yaml();
    let record = target
        .recorded
        .as_ref()
        .is_none_or(|recorded| recorded.text != text.as_bytes())
        .then_some(text);
    let decide = |inventory: &Inventory| -> Result<Plan> {
        let plan = init::plan(&cluster, inventory, console.now)?;
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
        console.warn_of(&plan);
        console.print(&text::dry_run(&plan, &tree.loose()?, &target.layout))?;
        return Ok(exit(&plan));
    }
    let plan = preview(&work, &inventory)?;
    console.warn_of(&plan);
    if plan.is_empty() && tree.is_settled()? {
        console.print(&text::nothing_to_make(&plan, &target.layout, false))?;
        return Ok(exit(&plan));
    }
    let Applied {
        plan,
        issued,
        committed,
    } = apply(&work, console)?;
    let mut report = match plan.makes_nothing() {
        true => text::nothing_to_make(&plan, &target.layout, plan.record.is_some()),
        false => text::init(&plan, &issued, &target.layout),
    };
    report.push_str(&text::tightened(&committed));
    console.print_done(&report)?;
    Ok(exit(&plan))
}

/// What an external CA has to make is missing until it does.
fn exit(plan: &Plan) -> Exit {
    if plan.has_failed() {
        Exit::Critical
    } else {
        Exit::Done
    }
}
