//! Carries a plan out: lock, plan again, issue, commit. The same for every command that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use zeroize::Zeroizing;

use super::console::Bar;
use super::{Console, Standing};
use crate::catalog::Row;
use crate::execute::{Issued, issue};
use crate::plan::{Plan, Refusal};
use crate::store::outcome::Committed;
use crate::store::outcome::TransactionError;
use crate::store::transaction::{self, Transaction};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::journal::Direction;
use crate::tree::layout::{self, Access, Layout};
use crate::tree::overlay::Tree;

/// What is to be carried out.
pub(super) struct Work<'a> {
    pub(super) layout: &'a Layout,
    /// The command as an operator would type it, for the lock, the journal and the history.
    pub(super) command: &'a str,
    /// How much of each row the plan needs to know.
    pub(super) depth: &'a dyn Fn(&Row) -> Depth,
    /// Makes the plan from what the tree holds once the lock is held.
    pub(super) plan: &'a dyn Fn(&Inventory) -> Result<Plan>,
    /// How many generations are kept.
    pub(super) keep: usize,
}

/// What was carried out.
pub(super) struct Applied {
    pub(super) plan: Plan,
    pub(super) issued: Issued,
    pub(super) committed: Committed,
}

/// Plans and carries out, all or nothing.
pub(super) fn apply(work: &Work<'_>, console: &Console) -> Result<Applied> {
    let interrupted = interrupts()?;
    let mut transaction = Transaction::begin(work.layout, work.command, console.now)?;
    if let Some((command, direction)) = transaction.recovered() {
        console.warn(&match direction {
            Direction::Commit => format!(
                "an earlier `pki {command}` had been cut off after its commit; it is finished now"
            ),
            Direction::Undo => {
                format!("an earlier `pki {command}` had failed and was cut off; it is undone now")
            }
        });
    }
    // Another run may have changed the tree before this one got the lock.
    let inventory = Inventory::read(&Tree::open(work.layout)?, work.depth);
    let plan = (work.plan)(&inventory)?;
    let bar = Bar::new(Arc::clone(&interrupted));
    let mut issued = issue(&plan, &inventory, console.now, &bar).context(Standing::Unchanged)?;
    bar.finish();
    let ledger = issued.ledger_entries(&inventory, work.command, console.now);
    for file in issued.rows.iter_mut().flat_map(|row| &mut row.files) {
        transaction.write(
            file.file.clone(),
            std::mem::take(&mut file.bytes),
            file.access,
        );
    }
    if let Some(text) = &plan.record {
        transaction.write(
            layout::recorded_configuration(),
            Zeroizing::new(text.clone().into_bytes()),
            Access::Private,
        );
    }
    if !ledger.is_empty() {
        transaction.append_to_ledger(&ledger)?;
    }
    transaction.keep_generations(work.keep);
    let committed = transaction.commit(&|| interrupted.load(Ordering::Relaxed))?;
    Ok(Applied {
        plan,
        issued,
        committed,
    })
}

/// Plans ahead of the lock, so that a refusal leaves no trace.
///
/// # Errors
/// A refusal; but where another run is at work, what stood in the way may be its work in progress, and that it is busy counts.
pub(super) fn preview(work: &Work<'_>, inventory: &Inventory) -> Result<Plan> {
    let refused = match (work.plan)(inventory) {
        Err(error) if error.is::<Refusal>() => error,
        plan => return plan,
    };
    if let Some(busy) = transaction::busy(work.layout) {
        return Err(TransactionError::Busy(busy).into());
    }
    // It may have ended in between. If not, this is the same refusal again.
    let inventory = Inventory::read(&Tree::open(work.layout).map_err(|_| refused)?, work.depth);
    (work.plan)(&inventory)
}

/// Lets signals that ask to stop be noticed between two steps instead of ending the process in the middle of one.
fn interrupts() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    // A file over the size limit (RLIMIT_FSIZE) is then an error like any other and not the end of the process.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .context("preparing for signals")?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("preparing for signals")?;
    }
    Ok(flag)
}
