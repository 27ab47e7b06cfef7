//! A run on one tree: opens the tree and its configuration once, and carries out the command's plan.
//!
//! Every command that writes follows the same steps: lock and read ([`Session::begin`]), plan (the command itself), then
//! check, issue and commit ([`WriteRun::commit`]). A dry run takes no lock and stops before the commit. A command that only
//! reads uses [`Session::read`].

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use zeroize::Zeroizing;

use super::Console;
use super::console::KeyProgress;
use super::interrupts::Interrupts;
use super::paths::refuse_system_directory;
use super::target::{OpenTree, Target};
use crate::catalog::Row;
use crate::cli::{ClusterArgs, ConfigArgs, KeepArgs, TreeArgs, WriteArgs};
use crate::execute::{self, Issued, issue};
use crate::fs::ownership::is_trusted;
use crate::fs::walk::ParentCache;
use crate::plan::Plan;
use crate::store::generations::TransactionKind;
use crate::store::ledger::LedgerEntry;
use crate::store::outcome::{Committed, Restricted, TransactionError, TreeState};
use crate::store::transaction::Transaction;
use crate::store::{preconditions, recovery};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::journal::Direction;
use crate::tree::layout::{self, Access, Root, TreePath};
use crate::tree::overlay::{CommitState, Tree};
use crate::tree::places::Places;
use crate::x509::algorithm::Algorithm;
use crate::x509::encrypted_key::Passphrase;

/// How often a tree is read while another run changes it.
const MAX_READ_ATTEMPTS: usize = 10;

/// A tree and its declared configuration.
pub(super) struct Session<'a> {
    console: &'a Console,
    pub(super) target: Target,
    /// The tree, as far as finding it has opened it.
    opened: RefCell<Option<OpenTree>>,
}

/// A tree as it was read.
pub(super) struct TreeSnapshot {
    pub(super) tree: Tree,
    pub(super) inventory: Inventory,
    pub(super) places: Rc<Places>,
    /// What interrupted runs left.
    pub(super) commit_state: CommitState,
}

/// A run of a command that writes, or its dry run.
pub(super) struct WriteRun<'a> {
    console: &'a Console,
    command: String,
    keep: usize,
    /// `None` in a dry run.
    transaction: Option<Transaction>,
    /// The passphrase for keys that are to be encrypted.
    passphrase: Option<Passphrase>,
    interrupts: Interrupts,
    pub(super) snapshot: TreeSnapshot,
    pub(super) target: Target,
}

/// The outcome of a plan.
pub(super) enum CommitOutcome {
    /// The plan had nothing to write.
    Nothing(Plan),
    /// The plan can be carried out.
    DryRun(Box<DryRun>),
    /// The plan was carried out.
    Done(Box<Done>),
}

/// A plan that was carried out in memory only.
pub(super) struct DryRun {
    pub(super) plan: Plan,
    /// Files that fewer users could read afterwards.
    pub(super) restricted: Vec<Restricted>,
    /// The tree as it would be afterwards.
    pub(super) after: Inventory,
}

/// A plan that was carried out.
pub(super) struct Done {
    pub(super) plan: Plan,
    pub(super) committed: Committed,
}

impl<'a> Session<'a> {
    /// Finds the tree and its declared configuration.
    pub(super) fn open(
        tree: &TreeArgs,
        config: &ConfigArgs,
        cluster: &ClusterArgs,
        console: &'a Console,
    ) -> Result<Session<'a>> {
        Session::find(tree, config, cluster, None, console)
    }

    /// Finds one of several named trees, and its recorded configuration. Trees in the same directory share its open descriptor.
    pub(super) fn open_named(
        tree: &TreeArgs,
        parents: &Arc<ParentCache>,
        console: &'a Console,
    ) -> Result<Session<'a>> {
        let (config, cluster) = (ConfigArgs::default(), ClusterArgs::default());
        Session::find(tree, &config, &cluster, Some(parents), console)
    }

    fn find(
        tree: &TreeArgs,
        config: &ConfigArgs,
        cluster: &ClusterArgs,
        parents: Option<&Arc<ParentCache>>,
        console: &'a Console,
    ) -> Result<Session<'a>> {
        let (target, opened) = Target::find(tree, config, cluster, parents)?;
        console.set_arguments(target.state_arguments(tree));
        Ok(Session {
            console,
            target,
            opened: RefCell::new(opened),
        })
    }

    /// Finds a tree for a command that takes no configuration.
    pub(super) fn open_tree(tree: &TreeArgs, console: &'a Console) -> Result<Session<'a>> {
        Session::open(
            tree,
            &ConfigArgs::default(),
            &ClusterArgs::default(),
            console,
        )
    }

    /// Reads the tree for a command that does not write. It takes no lock. If another run changes the tree meanwhile, it
    /// reads the tree again.
    pub(super) fn read(&self, depth: &dyn Fn(&Row) -> Depth) -> Result<TreeSnapshot> {
        let mut attempts = 0;
        loop {
            let opened = self.opened.take();
            let opened = opened.map_or_else(|| OpenTree::new(&self.target.layout, None), Ok);
            let OpenTree { places, tree } = opened?;
            if attempts == 0 {
                self.warn_of_state(&places);
            }
            let inventory = Inventory::read(&tree, depth);
            // Looked up before the comparison: a run that has ended meanwhile has changed the tree, and was not interrupted.
            let commit_state = tree.commit_state();
            attempts += 1;
            if attempts == MAX_READ_ATTEMPTS || !tree.has_changed() {
                return Ok(TreeSnapshot {
                    tree,
                    inventory,
                    places,
                    commit_state,
                });
            }
        }
    }

    /// Opens the tree for a command that reads only `pki`'s own state.
    pub(super) fn open_state(&self) -> Result<(Tree, Rc<Places>)> {
        self.warn_of_record();
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

    /// Warns if the recorded configuration cannot be used.
    pub(super) fn warn_of_record(&self) {
        if let Some(error) = &self.target.record_error {
            self.console.warn(&format!("{error:#}"));
        }
    }

    /// Warns if another user owns the state directory, and so may have changed what is recorded there.
    fn warn_of_state(&self, places: &Places) {
        if let Ok(Some(state)) = places.directory(Root::State) {
            let owner = state.attributes().uid;
            if !is_trusted(owner) {
                let path = state.path().display();
                let warning = format!(
                    "`{path}` belongs to user {owner}, who can change what is recorded there"
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
    ) -> Result<WriteRun<'a>> {
        let interrupts = Interrupts::register()?;
        let Session {
            console,
            mut target,
            opened,
        } = self;
        // Another run may have changed the tree since it was found: what is written is read under the lock.
        drop(opened);
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
        // A link may lead to a directory that would be refused by its own name.
        if let Some(certificates) = places.resolved(Root::Certificates).map_err(refused)? {
            refuse_system_directory(&certificates)?;
        }
        places.judge_tree().map_err(refused)?;
        places.check_access().map_err(refused)?;
        let tree = Tree::over(&places)?;
        // Another run may have changed the record before this one got the lock.
        target.read_record(&tree);
        let inventory = Inventory::read(&tree, depth);
        Ok(WriteRun {
            console,
            command: command.to_owned(),
            keep: *keep,
            transaction,
            passphrase: None,
            interrupts,
            snapshot: TreeSnapshot {
                commit_state: tree.commit_state(),
                tree,
                inventory,
                places,
            },
            target,
        })
    }
}

/// Opens the tree for a dry run, and reports a pending commit.
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
    console.set_recovered();
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

/// Says that an error happened before anything was written.
fn refused(error: crate::fs::file::FileError) -> TransactionError {
    TransactionError::before_commit(error)
}

impl WriteRun<'_> {
    /// Turns this run into one that rolls back; journal and history show it as `command`.
    pub(super) fn roll_back(&mut self, command: String, change: TransactionKind) {
        if let Some(transaction) = &mut self.transaction {
            transaction.set_command(&command);
            transaction.record_rollback(change);
        }
        self.command = command;
    }

    /// Sets the passphrase for the keys that are to be encrypted.
    pub(super) fn encrypt_with(&mut self, passphrase: Passphrase) {
        self.passphrase = Some(passphrase);
    }

    /// Carries out a plan completely or not at all. A dry run only checks that it can be carried out.
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

    /// Carries out a plan in memory, with keys that are made quickly, to see the resulting tree.
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

    /// Issues what does not belong to the tree. Its entries are in the ledger before it is returned.
    pub(super) fn issue_elsewhere(self, plan: &Plan) -> Result<Issued> {
        self.check_ledger()?;
        if let Some(transaction) = &self.transaction {
            transaction.announce();
        }
        let issued = self.issue(plan)?;
        let entries =
            issued.ledger_entries(&self.snapshot.inventory, &self.command, self.console.now);
        self.commit_to_ledger(&entries)?;
        Ok(issued)
    }

    /// Checks that the ledger can be written.
    pub(super) fn check_ledger(&self) -> Result<()> {
        preconditions::check(&self.snapshot.places, &[layout::ledger()]).map_err(refused)?;
        self.warn_of_directories();
        Ok(())
    }

    /// Adds entries to the ledger, and writes nothing else. A dry run writes nothing at all. [`WriteRun::check_ledger`] comes
    /// before what the entries are about is issued.
    pub(super) fn commit_to_ledger(mut self, entries: &[LedgerEntry]) -> Result<()> {
        let Some(mut transaction) = self.transaction.take() else {
            return Ok(());
        };
        transaction.announce();
        transaction.append_to_ledger(entries)?;
        transaction.keep_generations(self.keep);
        let committed = transaction.commit(&|| self.interrupts.signal())?;
        for warning in &committed.warnings {
            self.console.warn(warning);
        }
        Ok(())
    }

    fn issue(&self, plan: &Plan) -> Result<Issued> {
        let bar = KeyProgress::new(self.interrupts.clone());
        let passphrase = self.passphrase.as_ref();
        let inventory = &self.snapshot.inventory;
        let issued = issue(plan, inventory, passphrase, self.console.now, &bar);
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
        for file in plan.made().flat_map(|(row, make, _)| make.obsolete(row)) {
            transaction.remove_afterwards(file);
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
