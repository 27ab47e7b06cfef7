//! A run over one tree: opens it and its configuration once, and carries out what a command plans.
//!
//! Linear, for every command that writes: lock, read ([`Session::begin`]), plan (the command), then check, issue and commit
//! ([`Run::commit`]). A dry run goes the same way without the lock and stops after the check. A command that only reads uses
//! [`Session::read`].

use std::rc::Rc;

use anyhow::Result;
use zeroize::Zeroizing;

use super::Console;
use super::console::KeyProgress;
use super::interrupts::Interrupts;
use super::target::Target;
use crate::catalog::Row;
use crate::cli::{ClusterArgs, ConfigArgs, KeepArgs, TreeArgs, WriteArgs};
use crate::execute::{self, Issued, issue};
use crate::fs::ownership::is_trusted;
use crate::plan::Plan;
use crate::store::generations::TransactionKind;
use crate::store::outcome::{Committed, Restricted, TransactionError, TreeState};
use crate::store::transaction::Transaction;
use crate::store::{preconditions, recovery};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::journal::Direction;
use crate::tree::layout::{Access, Root, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::places::Places;
use crate::x509::algorithm::Algorithm;

/// How often a tree is read again while another run changes it.
const MAX_READ_ATTEMPTS: usize = 10;

/// A tree with what is declared about it.
pub(super) struct Session<'a> {
    console: &'a Console,
    pub(super) target: Target,
}

/// What a tree holds.
pub(super) struct TreeSnapshot {
    pub(super) tree: Tree,
    pub(super) inventory: Inventory,
    pub(super) places: Rc<Places>,
}

/// A run that is going to write, or to say what it would write.
pub(super) struct Run<'a> {
    console: &'a Console,
    command: String,
    keep: usize,
    /// None in a dry run.
    transaction: Option<Transaction>,
    interrupts: Interrupts,
    pub(super) snapshot: TreeSnapshot,
    pub(super) target: Target,
}

/// What became of a plan.
pub(super) enum CommitOutcome {
    /// There was nothing to write.
    Nothing(Plan),
    /// It would be carried out.
    DryRun(Box<DryRun>),
    /// It was carried out.
    Done(Box<Done>),
}

/// A plan that was carried out in memory only.
pub(super) struct DryRun {
    pub(super) plan: Plan,
    /// Files that fewer users could read afterwards.
    pub(super) restricted: Vec<Restricted>,
    /// What the tree would hold.
    pub(super) after: Inventory,
}

/// A plan that was carried out.
pub(super) struct Done {
    pub(super) plan: Plan,
    pub(super) committed: Committed,
}

impl<'a> Session<'a> {
    /// Finds the tree and what is declared about it.
    pub(super) fn open(
        tree: &TreeArgs,
        config: &ConfigArgs,
        cluster: &ClusterArgs,
        console: &'a Console,
    ) -> Result<Session<'a>> {
        let target = Target::find(tree, config, cluster)?;
        Ok(Session { console, target })
    }

    /// Finds a tree for a command that needs no configuration but to find it.
    pub(super) fn open_tree(tree: &TreeArgs, console: &'a Console) -> Result<Session<'a>> {
        Session::open(
            tree,
            &ConfigArgs::default(),
            &ClusterArgs::default(),
            console,
        )
    }

    /// Reads the tree for a command that does not write. It takes no lock: while another run writes, it reads again until the
    /// tree did not change meanwhile.
    pub(super) fn read(&self, depth: &dyn Fn(&Row) -> Depth) -> Result<TreeSnapshot> {
        if let Some(error) = &self.target.record_error {
            self.console.warn(&format!("{error:#}"));
        }
        let mut attempts = 0;
        loop {
            let places = Rc::new(Places::new(&self.target.layout));
            let tree = Tree::over(&places)?;
            if attempts == 0 {
                self.warn_of_state(&places);
            }
            let before = tree.stamp();
            let inventory = Inventory::read(&tree, depth);
            attempts += 1;
            if attempts == MAX_READ_ATTEMPTS || tree.stamp() == before {
                return Ok(TreeSnapshot {
                    tree,
                    inventory,
                    places,
                });
            }
        }
    }

    /// Opens the tree for a command that reads `pki`'s own state only.
    pub(super) fn open_state(&self) -> Result<(Tree, Rc<Places>)> {
        if let Some(error) = &self.target.record_error {
            self.console.warn(&format!("{error:#}"));
        }
        let places = Rc::new(Places::new(&self.target.layout));
        let tree = Tree::over(&places)?;
        self.warn_of_state(&places);
        if let Some(error) = tree.journal_error() {
            self.console.warn(&error.to_string());
        }
        if let Some((command, _)) = tree.pending() {
            self.console
                .note(&format!("a commit of `pki {command}` is pending"));
        }
        Ok((tree, places))
    }

    /// What another user has recorded is read, and may be theirs.
    fn warn_of_state(&self, places: &Places) {
        if let Ok(Some(state)) = places.directory(Root::State) {
            let owner = state.attributes().uid;
            if !is_trusted(owner) {
                let path = state.path().display();
                let warning = format!(
                    "`{path}` belongs to user {owner}: do not rely on what is recorded there"
                );
                self.console.warn(&warning);
            }
        }
    }

    /// Takes the lock, recovers what a killed run left, and reads the tree.
    pub(super) fn begin(
        self,
        command: &str,
        write: &WriteArgs,
        KeepArgs { keep }: &KeepArgs,
        depth: &dyn Fn(&Row) -> Depth,
    ) -> Result<Run<'a>> {
        let interrupts = Interrupts::register()?;
        let Session {
            console,
            mut target,
        } = self;
        target.check_may_write()?;
        let (transaction, places) = match write.dry_run {
            true => (None, preview_recovery(&target, console)?),
            false => {
                let transaction = Transaction::begin(&target.layout, command, console.now)?;
                report_recovery(&transaction, console);
                let places = Rc::clone(transaction.places());
                (Some(transaction), places)
            }
        };
        places.judge_tree().map_err(refused)?;
        places.check_access().map_err(refused)?;
        let tree = Tree::over(&places)?;
        // Another run may have recorded another one before this one had the lock.
        target.read_record(&tree);
        let inventory = Inventory::read(&tree, depth);
        Ok(Run {
            console,
            command: command.to_owned(),
            keep: *keep,
            transaction,
            interrupts,
            snapshot: TreeSnapshot {
                tree,
                inventory,
                places,
            },
            target,
        })
    }
}

/// Looks whether a run could begin, without the lock.
pub(super) fn preview_recovery(target: &Target, console: &Console) -> Result<Rc<Places>> {
    let places = Rc::new(Places::new(&target.layout));
    if let Some(pending) = recovery::preview(&places).map_err(refused)? {
        console.note(&format!(
            "a commit of `pki {}` is pending and would be {} first",
            pending.command,
            match pending.direction {
                Direction::Commit => "finished",
                Direction::Undo => "undone",
            }
        ));
    }
    Ok(places)
}

fn report_recovery(transaction: &Transaction, console: &Console) {
    let Some(recovered) = transaction.recovered() else {
        return;
    };
    let command = &recovered.command;
    console.warn(&match recovered.direction {
        Direction::Commit => {
            format!(
                "an earlier `pki {command}` was interrupted after its commit; it is now finished"
            )
        }
        Direction::Undo => {
            format!("an earlier `pki {command}` failed and was interrupted; it is now undone")
        }
    });
}

/// An error before anything was written.
fn refused(error: crate::fs::file::FileError) -> TransactionError {
    TransactionError::before_commit(error)
}

impl Run<'_> {
    /// Makes this the run of a rollback, which is called by that name in journal and history.
    pub(super) fn roll_back(&mut self, command: String, change: TransactionKind) {
        if let Some(transaction) = &mut self.transaction {
            transaction.set_command(&command);
            transaction.record_rollback(change);
        }
        self.command = command;
    }

    /// Carries a plan out, all or nothing; or, in a dry run, checks that it could be.
    pub(super) fn commit(mut self, plan: Plan) -> Result<CommitOutcome> {
        let written = written(&plan);
        let places = Rc::clone(&self.snapshot.places);
        if written.is_empty() {
            self.warn_of_directories();
            return Ok(CommitOutcome::Nothing(plan));
        }
        let files: Vec<_> = written.iter().map(|(file, _)| file.clone()).collect();
        preconditions::check(&places, &files).map_err(refused)?;
        self.warn_of_directories();
        let Some(transaction) = self.transaction.take() else {
            return self.dry_run(plan, &written);
        };
        transaction.announce();
        let issued = self.issue(&plan)?;
        let committed = self.write(transaction, &plan, issued)?;
        for generation in &committed.dropped {
            self.console.note(&format!(
                "removed generation {generation}: {} are kept",
                self.keep
            ));
        }
        for warning in &committed.warnings {
            self.console.warn(warning);
        }
        Ok(CommitOutcome::Done(Box::new(Done { plan, committed })))
    }

    /// Carries a plan out in memory, with keys that take no time, to see what the tree would be.
    fn dry_run(self, plan: Plan, written: &[(TreePath, Access)]) -> Result<CommitOutcome> {
        let places = &self.snapshot.places;
        let restricted = preconditions::restricted(places, written).map_err(refused)?;
        let issued = self.issue(&plan.with_new_keys_of(Algorithm::EcdsaP256))?;
        let files: Vec<_> = issued
            .rows
            .iter()
            .flat_map(|row| &row.files)
            .map(|file| (file.file.clone(), file.bytes.as_slice()))
            .collect();
        let tree = Tree::over(places)?.with_files(&files);
        let after = Inventory::read(&tree, |_| Depth::Certificates);
        Ok(CommitOutcome::DryRun(Box::new(DryRun {
            plan,
            restricted,
            after,
        })))
    }

    fn warn_of_directories(&self) {
        for warning in self.snapshot.places.warnings() {
            self.console.warn(&warning);
        }
    }

    fn issue(&self, plan: &Plan) -> Result<Issued> {
        let bar = KeyProgress::new(self.interrupts.clone());
        let issued = issue(plan, &self.snapshot.inventory, self.console.now, &bar);
        bar.finish();
        issued.map_err(|error| match self.interrupts.signal() {
            Some(signal) if error.is::<execute::Interrupted>() => {
                TransactionError::Interrupted { signal }.into()
            }
            _ => error.context(TreeState::Unchanged),
        })
    }

    fn write(
        &self,
        mut transaction: Transaction,
        plan: &Plan,
        mut issued: Issued,
    ) -> Result<Committed> {
        let ledger =
            issued.ledger_entries(&self.snapshot.inventory, &self.command, self.console.now);
        for file in issued.rows.iter_mut().flat_map(|row| &mut row.files) {
            let bytes = std::mem::take(&mut file.bytes);
            transaction.write(file.file.clone(), bytes, file.access);
        }
        for state in &plan.state {
            let bytes = Zeroizing::new(state.contents.clone().into_bytes());
            transaction.write(state.file.clone(), bytes, Access::Private);
        }
        if !ledger.is_empty() {
            transaction.append_to_ledger(&ledger)?;
        }
        transaction.keep_generations(self.keep);
        Ok(transaction.commit(&|| self.interrupts.signal())?)
    }
}

/// Returns the files that a plan writes.
fn written(plan: &Plan) -> Vec<(TreePath, Access)> {
    let mut written = Vec::new();
    for (row, make, _) in plan.made() {
        written.extend(make.files(row));
    }
    let state = plan.state.iter().map(|state| state.file.clone());
    written.extend(state.map(|file| (file, Access::Private)));
    written
}
