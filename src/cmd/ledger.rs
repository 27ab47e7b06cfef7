//! `pki ledger`.

use anyhow::Result;

use super::session::{Reading, Session};
use super::{Console, Exit};
use crate::cli::LedgerArgs;
use crate::report::history::Ledger;
use crate::store::ledger;
use crate::tree::inventory::Depth;

pub(super) fn run(args: &LedgerArgs, console: &Console) -> Result<Exit> {
    let session = Session::open_tree(&args.tree, console)?;
    let Reading { tree, places, .. } = session.read(&|_| Depth::Certificates)?;
    if let Some((command, _)) = tree.pending() {
        console.note(&format!("a commit of `pki {command}` is pending"));
    }
    let entries: Vec<_> = ledger::entries(&places, &tree)?.collect::<Result<_, _>>()?;
    let report = Ledger {
        entries,
        wide: args.wide,
    };
    console.show(&report, args.output)?;
    Ok(Exit::Done)
}
