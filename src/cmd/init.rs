//! `pki init`.

use anyhow::Result;

use super::session::{Outcome, Session};
use super::target::{Detection, Source};
use super::{Console, Exit, report_changes};
use crate::cli::{ClusterArgs, InitArgs};
use crate::plan::{Plan, init};
use crate::report::changes::Changes;
use crate::tree::inventory::Depth;

pub(super) fn run(args: &InitArgs, console: &Console) -> Result<Exit> {
    let session = Session::open(&args.tree, &args.config, &args.cluster, console)?;
    // Every key that is there has to be the one of its certificate.
    let mut run = session.begin("init", &args.write, &|_| Depth::Keys)?;
    run.target.require_record(console)?;
    let target = &run.target;
    let layers = target.layers(&run.reading.inventory);
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
    let text = resolved.cluster.to_yaml();
    let record = target
        .recorded
        .as_ref()
        .is_none_or(|recorded| recorded.text != text.as_bytes())
        .then_some(text);
    let plan = Plan {
        record,
        ..init::plan(&resolved.cluster, &run.reading.inventory, console.now)?
    };
    console.warn_of(&plan);
    let layout = target.layout.clone();
    match run.commit(plan)? {
        Outcome::Nothing(plan) => {
            let changes = Changes::nothing("init", &plan, args.write.dry_run, &layout);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&plan))
        }
        Outcome::DryRun(dry) => {
            let changes = Changes::planned("init", &dry.plan, &dry.restricted, &layout);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&dry.plan))
        }
        Outcome::Done(done) => {
            let changes = Changes::done("init", &done.plan, &done.committed, &layout);
            report_changes(&changes, &args.write, console)?;
            Ok(exit(&done.plan))
        }
    }
}

/// What an external CA has to make is missing until it does.
fn exit(plan: &Plan) -> Exit {
    if plan.has_failed() {
        Exit::Critical
    } else {
        Exit::Done
    }
}
