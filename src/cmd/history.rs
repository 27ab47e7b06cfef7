//! `pki history`.

use anyhow::Result;

use super::failure::Invalid;
use super::interrupts::Interrupts;
use super::session::Session;
use super::{Console, Exit};
use crate::cli::{HistoryArgs, OutputFormat};
use crate::kubeconfig::{Credentials, Kubeconfig};
use crate::report::history::{History, KeptGeneration, ReplacedFile};
use crate::report::recovery::Purge;
use crate::store::generations::{self, Generation, GenerationFile, Generations};
use crate::store::transaction::Transaction;
use crate::tree::places::Places;
use crate::util::escape::quote;
use crate::x509::chain::Chain;

pub(super) fn run(args: &HistoryArgs, console: &Console) -> Result<Exit> {
    let session = Session::open_tree(&args.tree, console)?;
    if args.purge {
        return purge(&session, args.output, console);
    }
    let (tree, places) = session.open_state()?;
    let Generations {
        mut all,
        unreadable,
    } = Generations::read(&places, &tree)?;
    for error in unreadable {
        console.warn(&error.to_string());
    }
    if let Some(name) = &args.name {
        all.retain(|generation| generation.name == *name);
        if all.is_empty() {
            let what = format!("there is no generation {}", quote(name));
            return Err(Invalid::new(what).with_hint("pki history").into());
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
    console.show(&report, args.output)?;
    Ok(Exit::Done)
}

fn purge(session: &Session<'_>, output: OutputFormat, console: &Console) -> Result<Exit> {
    let layout = &session.target.layout;
    // Nothing to remove, and no directory to be made for a lock.
    if Places::new(layout)
        .directory(crate::tree::layout::Root::State)?
        .is_none()
    {
        console.show(&Purge::default(), output)?;
        return Ok(Exit::Done);
    }
    // A signal between two removals leaves generations or none of them.
    let _interrupts = Interrupts::register()?;
    let pruned = Transaction::begin(layout, "history --purge", console.now)?.purge();
    for warning in &pruned.warnings {
        console.warn(warning);
    }
    let report = Purge {
        removed_generations: pruned.dropped,
    };
    console.show_done(&report, output)?;
    Ok(match pruned.warnings.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
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
        Credentials::CertificateFiles { .. } | Credentials::NoCertificate => None,
    }
}
