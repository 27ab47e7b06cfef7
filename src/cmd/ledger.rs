//! `pki ledger`.

use anyhow::Result;

use super::target::Target;
use super::{Console, Exit};
use crate::cli::{ClusterArgs, ConfigArgs, LedgerArgs, OutputFormat};
use crate::report::history;
use crate::store::ledger;

pub(super) fn run(args: &LedgerArgs, console: &Console) -> Result<Exit> {
    let layout = Target::find(&args.tree, &ConfigArgs::default(), &ClusterArgs::default())?.layout;
    let entries = ledger::read(&layout)?;
    console.print(&match args.output {
        OutputFormat::Text => history::ledger_text(&entries),
        OutputFormat::Json => history::ledger_json(&entries)?,
        OutputFormat::Yaml => history::ledger_yaml(&entries)?,
    })?;
    Ok(Exit::Done)
}
