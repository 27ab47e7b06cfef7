//! `pki history`.

use anyhow::Result;

use super::failure::Invalid;
use super::interrupts::Interrupts;
use super::session::{Session, preview_recovery};
use super::target::tree_arguments;
use super::{Console, Exit};
use crate::cli::{ConfigArgs, HistoryArgs, WriteArgs};
use crate::kubeconfig::{Credentials, Kubeconfig};
use crate::report::history::{History, KeptGeneration, ReplacedFile};
use crate::report::recovery::Purge;
use crate::store::generations::{self, Generation, GenerationFile, Generations, Pruned};
use crate::store::outcome::{TransactionError, TreeState};
use crate::store::transaction::Transaction;
use crate::tree::layout::Root;
use crate::tree::overlay::Tree;
use crate::tree::places::Places;
use crate::util::escape::quote;
use crate::x509::chain::Chain;

pub(super) fn run(args: &HistoryArgs, console: &Console) -> Result<Exit> {
    let mut session = Session::open_tree(&args.tree, console)?;
    if args.purge {
        session.target.check_may_write()?;
        return purge(&session, &args.write, console);
    }
    let (tree, places) = session.open_state()?;
    let Generations {
        mut all,
        unreadable,
    } = Generations::read(&places, &tree)?;
    for kept in unreadable {
        console.warn(&kept.error.to_string());
    }
    if let Some(name) = &args.name {
        all.retain(|generation| generation.name == *name);
        if all.is_empty() {
            let what = format!("there is no generation {}", quote(name));
            let arguments = tree_arguments(&args.tree, &ConfigArgs::default());
            let hint = format!("run `{}`", arguments.with("pki history"));
            return Err(Invalid::new(what).with_hint(hint).into());
        }
    }
    let generations: Vec<_> = all
        .into_iter()
        .map(|generation| {
            let files = generation
                .files
                .iter()
                .map(|file| replaced(&places, &generation, file))
                .collect();
            KeptGeneration::new(&generation, files)
        })
        .collect();
    let report = History {
        generations,
        with_files: args.name.is_some(),
        wide: args.wide,
    };
    if !(args.write.quiet && report.generations.is_empty()) {
        console.show(&report, args.write.output)?;
    }
    Ok(Exit::Done)
}

fn purge(session: &Session<'_>, write: &WriteArgs, console: &Console) -> Result<Exit> {
    let layout = &session.target.layout;
    // The lock would create missing directories.
    let places = Places::new(layout);
    let exists = places.directory(Root::Certificates)?.is_some()
        && places.directory(Root::Kubeconfigs)?.is_some();
    let pruned = match (exists, write.dry_run) {
        (false, _) => Pruned::default(),
        (true, true) => would_purge(session, console)?,
        (true, false) => {
            // A signal between two removals leaves generations or none of them.
            let _interrupts = Interrupts::register()?;
            Transaction::begin(layout, "history --purge", console.now)?.purge()
        }
    };
    for warning in &pruned.warnings {
        console.warn(warning);
    }
    let is_empty = pruned.dropped.is_empty();
    let report = Purge {
        dry_run: write.dry_run,
        removed_generations: pruned.dropped,
    };
    match is_empty || write.dry_run {
        true if is_empty && write.quiet => {}
        true => console.show(&report, write.output)?,
        false => console.show_done(&report, write.output, TreeState::Done)?,
    }
    Ok(match pruned.warnings.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

/// Returns what a purge would do, without the lock: a pending commit counts as finished or undone.
fn would_purge(session: &Session<'_>, console: &Console) -> Result<Pruned> {
    let places = preview_recovery(&session.target, console)?;
    let refused = TransactionError::before_commit;
    places.judge_roots().map_err(refused)?;
    places.check_access().map_err(refused)?;
    let generations = Generations::read(&places, &Tree::over(&places)?)?;
    Ok(generations.would_purge(&places).map_err(refused)?)
}

/// A file that cannot be read any more is listed all the same, without a serial number.
fn replaced(places: &Places, generation: &Generation, file: &GenerationFile) -> ReplacedFile {
    let contents = generations::read(places, generation, file).ok().flatten();
    let chain = contents.and_then(|old| match file.file.file_name().ends_with(".crt") {
        true => Chain::from_pem(&old.bytes).ok(),
        false => client_certificate(&old.bytes),
    });
    ReplacedFile {
        file: file.file.to_string(),
        existed: file.existed(),
        serial: chain.map(|chain| chain.leaf.serial()),
    }
}

fn client_certificate(bytes: &[u8]) -> Option<Chain> {
    match Kubeconfig::parse(bytes).ok()?.credentials().ok()? {
        Credentials::Embedded { certificate, .. } => Chain::from_pem(&certificate).ok(),
        Credentials::KeyOnly { .. }
        | Credentials::CertificateFiles { .. }
        | Credentials::NoCertificate => None,
    }
}
