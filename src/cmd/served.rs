//! `pki served`.

mod host;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;
use time::OffsetDateTime;

use self::host::HostFiles;
use super::failure::Invalid;
use super::session::{Session, TreeSnapshot};
use super::target::tree_arguments;
use super::{Console, Exit};
use crate::catalog::Row;
use crate::catalog::components::Component;
use crate::catalog::listeners::{LOOPBACK_NAME, Listener};
use crate::check::expiry::Thresholds;
use crate::check::finding::{Finding, Findings};
use crate::check::served::{self, Served, ServedContext, ServedFile};
use crate::cli::{ConfigArgs, ServedArgs};
use crate::net::handshake::{Handshake, HandshakeError, HandshakeOptions, HostPort, Probe, all};
use crate::report::served::{ServedEntry, ServedReport};
use crate::report::time::Time;
use crate::store::ledger;
use crate::tree::inventory::Depth;
use crate::tree::layout::TreePath;
use crate::tree::manifests::NamedFile;
use crate::util::escape::escape;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::digest::hex;

/// How long an endpoint may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// An endpoint to ask, and what it should serve.
struct ServedTarget {
    listener: Option<&'static Listener>,
    endpoint: HostPort,
    /// Whether it was named on the command line; it may then be on another host.
    is_named: bool,
    /// Whether the configuration that sets its address was read.
    is_address_known: bool,
    /// As [`Served::crowded_signer`].
    crowded_signer: Option<&'static str>,
    /// The name that it is asked for, if another certificate answers to it (`--tls-sni-cert-key`).
    sni: Option<String>,
    file: TargetFile,
    client_cas: Option<Vec<&'static Row>>,
    /// The files that its component reads, as its manifest names them.
    named_files: Vec<NamedFile>,
    /// When its process started, if it runs on this machine.
    process_start: Option<OffsetDateTime>,
    /// Why the component's manifest or configuration cannot be used; it is then asked at its usual address.
    manifest_finding: Option<Finding>,
}

/// As [`ServedFile`].
enum TargetFile {
    File(TreePath, Box<Chain>),
    Unusable(TreePath),
    InMemory,
    Unknown,
}

/// What an endpoint has shown.
struct Answer {
    serving: Result<Handshake, HandshakeError>,
    /// The certificate of the API server's connections to itself.
    loopback: Option<Certificate>,
}

pub(super) fn run(args: &ServedArgs, console: &Console) -> Result<Exit> {
    let session = Session::open_tree(&args.tree, console)?;
    let snapshot = session.read(&|_| Depth::Certificates)?;
    if let Some((command, _)) = snapshot.tree.pending() {
        console.note(&format!(
            "a commit of `pki {command}` is pending; the files are taken as they are after it"
        ));
    }
    let host = HostFiles {
        snapshot: &snapshot,
        is_this_machine: args.tree.rootfs.is_none(),
    };
    let targets = match args.endpoint.is_empty() {
        true => host.targets(),
        false => args
            .endpoint
            .iter()
            .map(|endpoint| host.named(endpoint))
            .collect(),
    };
    if targets.is_empty() {
        let error = Invalid::new("no component of Kubernetes was found on this host");
        return Err(error
            .with_hint("name an endpoint with `--endpoint HOST:PORT`")
            .into());
    }
    let answers = ask(&targets);
    let arguments = tree_arguments(&args.tree, &ConfigArgs::default());
    let context = ServedContext {
        inventory: &snapshot.inventory,
        now: console.now,
        thresholds: Thresholds {
            warn: args.warn.span(),
            critical: time::Duration::ZERO,
        },
        changed_at: &|file| snapshot.tree.changed_at(file),
        is_issued_here: &|row, certificate| is_in_ledger(&snapshot, row, certificate),
    };
    let mut endpoints = Vec::new();
    let mut restart = BTreeSet::new();
    let mut outcome = Findings::default();
    for (target, answer) in targets.iter().zip(&answers) {
        let served = target.served(answer);
        let mut findings = served::check(&context, &served);
        findings.extend(target.manifest_finding.clone());
        restart.extend(
            findings
                .iter()
                .filter_map(|finding| served::to_restart(&served, finding)),
        );
        endpoints.push(ServedEntry::new(
            target.listener.map_or("-", |listener| listener.name),
            target.name(),
            answer.serving.as_ref().ok().map(|shown| &shown.chain.leaf),
            served::start_of(&served).map(Time::from),
            &findings,
            &arguments,
        ));
        outcome.extend(findings);
    }
    let restart = restart.into_iter().filter_map(Component::restart).collect();
    console.show(&ServedReport { endpoints, restart }, args.output)?;
    Ok(outcome.outcome().into())
}

/// Asks all endpoints at once.
fn ask(targets: &[ServedTarget]) -> Vec<Answer> {
    let probe = |target: &ServedTarget, server_name| Probe {
        endpoint: target.endpoint.clone(),
        options: HandshakeOptions {
            server_name,
            finishes: target
                .listener
                .is_none_or(|listener| !listener.demands_certificate),
            limit: LIMIT,
        },
    };
    let is_apiserver = |target: &ServedTarget| {
        let component = target.listener.map(|listener| listener.component);
        component == Some(Component::Apiserver) && target.sni.is_none()
    };
    let serving: Vec<_> = targets
        .iter()
        .map(|target| probe(target, target.server_name()))
        .collect();
    let loopback = targets.iter().filter(|target| is_apiserver(target));
    let loopback: Vec<_> = loopback
        .map(|target| probe(target, Some(LOOPBACK_NAME)))
        .collect();
    let mut answers = all(&[serving, loopback].concat()).into_iter();
    let serving: Vec<_> = answers.by_ref().take(targets.len()).collect();
    targets
        .iter()
        .zip(serving)
        .map(|(target, serving)| {
            let loopback = match is_apiserver(target) {
                true => answers.next().and_then(Result::ok),
                false => None,
            };
            // A server without such a certificate answers with its usual one.
            let leaf = loopback.map(|shown| shown.chain.leaf);
            Answer {
                serving,
                loopback: leaf.filter(|leaf| served::started_at(leaf).is_some()),
            }
        })
        .collect()
}

fn is_in_ledger(snapshot: &TreeSnapshot, row: &Row, certificate: &Certificate) -> bool {
    let Ok(mut entries) = ledger::entries(&snapshot.places, &snapshot.tree) else {
        return false;
    };
    let (fingerprint, serial) = (hex(&certificate.fingerprint()), certificate.serial());
    entries.any(|entry| {
        entry.is_ok_and(|entry| {
            entry.name == row.name
                && (entry.fingerprint == fingerprint || entry.replaces.as_ref() == Some(&serial))
        })
    })
}

impl ServedTarget {
    /// Returns the name by which clients ask for the endpoint.
    fn server_name(&self) -> Option<&str> {
        let host = self.endpoint.host.as_str();
        let named = (self.is_named && host.parse::<IpAddr>().is_err()).then_some(host);
        self.sni.as_deref().or(named)
    }

    /// Returns the endpoint for reports.
    fn name(&self) -> String {
        match &self.sni {
            Some(name) => format!("{} ({})", self.endpoint, escape(name)),
            None => self.endpoint.to_string(),
        }
    }

    fn served<'a>(&'a self, answer: &'a Answer) -> Served<'a> {
        Served {
            listener: self.listener,
            endpoint: &self.endpoint,
            is_named: self.is_named,
            is_address_known: self.is_address_known,
            crowded_signer: self.crowded_signer,
            is_sni: self.sni.is_some(),
            answer: &answer.serving,
            file: match &self.file {
                TargetFile::File(file, chain) => ServedFile::File(file, chain),
                TargetFile::Unusable(file) => ServedFile::Unusable(file),
                TargetFile::InMemory => ServedFile::InMemory,
                TargetFile::Unknown => ServedFile::Unknown,
            },
            client_cas: self.client_cas.as_deref(),
            named_files: &self.named_files,
            loopback: answer.loopback.as_ref(),
            process_start: self.process_start,
        }
    }
}
