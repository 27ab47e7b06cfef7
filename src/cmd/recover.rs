//! `pki recover`.

use anyhow::Result;

use super::session::Session;
use super::{Console, Exit};
use crate::cli::RecoverArgs;
use crate::report::recovery::Recovery;
use crate::store::recovery::{Settle, settle};

pub(super) fn run(args: &RecoverArgs, console: &Console) -> Result<Exit> {
    let layout = Session::open_tree(&args.tree, console)?.target.layout;
    let how = match args.finish {
        true => Settle::Finish,
        false => Settle::Discard,
    };
    match settle(&layout, how, console.now)? {
        Some(settled) => console.show_done(&Recovery::from(&settled), args.output)?,
        None if args.quiet => {}
        None => console.show(&Recovery::default(), args.output)?,
    }
    Ok(Exit::Done)
}
