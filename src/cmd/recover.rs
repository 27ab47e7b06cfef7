//! `pki recover`.

use anyhow::Result;

use super::session::Session;
use super::{Console, Exit};
use crate::cli::RecoverArgs;
use crate::report::recovery::Recovery;
use crate::store::recovery::{Settle, preview_settling, settle};

pub(super) fn run(args: &RecoverArgs, console: &Console) -> Result<Exit> {
    let mut target = Session::open_tree(&args.tree, console)?.target;
    target.check_may_write()?;
    let layout = target.layout;
    let how = match args.finish {
        true => Settle::Finish,
        false => Settle::Discard,
    };
    let write = &args.write;
    let settled = match write.dry_run {
        true => preview_settling(&layout, how, console.now)?,
        false => settle(&layout, how, console.now)?,
    };
    let report = Recovery::new(settled.as_ref(), write.dry_run);
    match (settled.is_some(), write.dry_run) {
        (true, false) => console.show_done(&report, write.output)?,
        (false, _) if write.quiet => {}
        _ => console.show(&report, write.output)?,
    }
    Ok(Exit::Done)
}
