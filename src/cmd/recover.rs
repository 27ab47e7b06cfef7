//! `pki recover`.

use anyhow::Result;

use super::session::Session;
use super::{Console, Exit};
use crate::cli::RecoverArgs;
use crate::store::recovery::{Settle, Settled, settle};
use crate::tree::layout::TreePath;

pub(super) fn run(args: &RecoverArgs, console: &Console) -> Result<Exit> {
    let layout = Session::open_tree(&args.tree, console)?.target.layout;
    let how = match args.finish {
        true => Settle::Finish,
        false => Settle::Discard,
    };
    match settle(&layout, how, console.now)? {
        Some(settled) => console.print_done(&report(&settled))?,
        None => console.print("no commit is pending; nothing was written\n")?,
    }
    Ok(Exit::Done)
}

fn report(settled: &Settled) -> String {
    let mut text = match &settled.command {
        Some(command) => format!("the pending commit of `pki {command}` is settled\n"),
        None => "the journal was removed; it could not be read\n".to_owned(),
    };
    let mut list = |what: &str, files: &[TreePath]| {
        for file in files {
            text.push_str(&format!("{what} {file}\n"));
        }
    };
    list("new:", &settled.finished);
    list("old:", &settled.restored);
    list("left as it is:", &settled.left);
    if let Some(generation) = &settled.generation {
        text.push_str(&format!(
            "what is not in place is kept as generation {generation}\n"
        ));
    }
    text
}
