//! `pki served`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::Result;

use super::failure::Invalid;
use super::session::{Session, TreeSnapshot};
use super::target::tree_arguments;
use super::{Console, Exit};
use crate::catalog::components::Component;
use crate::catalog::listeners::{AddressOptions, LISTENERS, LOOPBACK_NAME, Listener};
use crate::catalog::{KUBELET_CONF, Row};
use crate::check::expiry::Thresholds;
use crate::check::finding::{Finding, Findings};
use crate::check::manifests;
use crate::check::served::{self, Served, ServedContext, ServedFile};
use crate::cli::{ConfigArgs, ServedArgs};
use crate::net::handshake::{Handshake, HandshakeError, HandshakeOptions, HostPort, Probe, all};
use crate::report::served::{ServedEntry, ServedReport};
use crate::report::time::Time;
use crate::store::ledger;
use crate::tree::inventory::Depth;
use crate::tree::layout::{self, KUBELET_SERVER, KUBELET_SERVER_CURRENT, Root, TreePath};
use crate::tree::manifests::{PodManifest, STATIC_PODS};
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::key::hex;

/// How long an endpoint may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// An endpoint to ask, and what it should serve.
struct ServedTarget {
    listener: Option<&'static Listener>,
    endpoint: HostPort,
    /// Whether it was named on the command line; it may then be on another host.
    is_named: bool,
    file: TargetFile,
    client_cas: Option<Vec<&'static Row>>,
    /// Why the component's manifest cannot be used; it is then asked at its usual address.
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
                .filter_map(|finding| served::to_restart(&context, &served, finding)),
        );
        endpoints.push(ServedEntry::new(
            target.listener.map_or("-", |listener| listener.name),
            target.endpoint.to_string(),
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
    let is_apiserver =
        |target: &ServedTarget| target.listener.map(|l| l.component) == Some(Component::Apiserver);
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
    /// Returns the name by which clients ask for a named endpoint.
    fn server_name(&self) -> Option<&str> {
        let host = self.endpoint.host.as_str();
        (self.is_named && host.parse::<IpAddr>().is_err()).then_some(host)
    }

    fn served<'a>(&'a self, answer: &'a Answer) -> Served<'a> {
        Served {
            listener: self.listener,
            endpoint: &self.endpoint,
            is_named: self.is_named,
            answer: &answer.serving,
            file: match &self.file {
                TargetFile::File(file, chain) => ServedFile::File(file, chain),
                TargetFile::Unusable(file) => ServedFile::Unusable(file),
                TargetFile::InMemory => ServedFile::InMemory,
                TargetFile::Unknown => ServedFile::Unknown,
            },
            client_cas: self.client_cas.as_deref(),
            loopback: answer.loopback.as_ref(),
        }
    }
}

/// The files of a host, which say what its components should serve.
struct HostFiles<'a> {
    snapshot: &'a TreeSnapshot,
}

impl HostFiles<'_> {
    /// Returns the listeners of this host: of the components that have a manifest, or, where none has, of those that have their files.
    fn targets(&self) -> Vec<ServedTarget> {
        let tree = &self.snapshot.tree;
        let read = |component| {
            let manifest = PodManifest::read(tree, component).transpose()?;
            Some((component, manifest))
        };
        let manifests: Vec<_> = STATIC_PODS.into_iter().filter_map(read).collect();
        let target = |listener: &'static Listener| {
            let own = manifests
                .iter()
                .find(|(component, _)| *component == listener.component);
            let manifest = own.and_then(|(_, manifest)| manifest.as_ref().ok());
            let error = own.and_then(|(_, manifest)| manifest.as_ref().err());
            let runs = match listener.component {
                Component::Kubelet => self.has(&KUBELET_CONF),
                _ if manifests.is_empty() => self.has(listener.own_row()),
                _ => own.is_some(),
            };
            let endpoint = runs.then(|| address(listener, manifest)).flatten()?;
            Some(ServedTarget {
                listener: Some(listener),
                endpoint,
                is_named: false,
                file: self.file(listener, manifest),
                client_cas: self.client_cas(listener, manifest),
                manifest_finding: error
                    .map(|error| manifests::unreadable(listener.component, error)),
            })
        };
        LISTENERS.iter().filter_map(target).collect()
    }

    /// Returns what is expected of a named endpoint: by its port, that of a component.
    fn named(&self, endpoint: &HostPort) -> ServedTarget {
        let listener = LISTENERS
            .iter()
            .find(|listener| listener.port == endpoint.port);
        ServedTarget {
            listener,
            endpoint: endpoint.clone(),
            is_named: true,
            file: match listener {
                // Each host has its own.
                Some(listener) if listener.component == Component::Kubelet => TargetFile::Unknown,
                Some(listener) => self.file(listener, None),
                None => TargetFile::Unknown,
            },
            client_cas: listener.and_then(|listener| self.client_cas(listener, None)),
            manifest_finding: None,
        }
    }

    fn has(&self, row: &Row) -> bool {
        !self.snapshot.inventory.row(row).is_missing()
    }

    /// Returns the file of the certificate that a listener should serve.
    fn file(&self, listener: &Listener, manifest: Option<&PodManifest>) -> TargetFile {
        if listener.component == Component::Kubelet {
            let files = [KUBELET_SERVER_CURRENT, KUBELET_SERVER];
            return files
                .into_iter()
                .map(|name| self.read(TreePath::new(Root::Kubelet, name)))
                .find(|file| matches!(file, TargetFile::File(..)))
                .unwrap_or(TargetFile::Unknown);
        }
        let Some(manifest) = manifest else {
            let file = listener.row().and_then(layout::certificate_file);
            return file.map_or(TargetFile::InMemory, |file| self.read(file));
        };
        match manifest.option(listener.certificate) {
            None | Some("") => TargetFile::InMemory,
            Some(path) => {
                let file = self.snapshot.tree.locate(path);
                file.map_or(TargetFile::Unknown, |file| self.read(file))
            }
        }
    }

    fn read(&self, file: TreePath) -> TargetFile {
        let contents = self.snapshot.tree.read(&file).ok().flatten();
        match contents.and_then(|contents| Chain::from_pem_with_key(&contents.bytes).ok()) {
            Some(chain) => TargetFile::File(file, Box::new(chain)),
            None => TargetFile::Unusable(file),
        }
    }

    /// Returns the CAs whose clients a listener should accept; `None` if one of them is not in the tree.
    fn client_cas(
        &self,
        listener: &Listener,
        manifest: Option<&PodManifest>,
    ) -> Option<Vec<&'static Row>> {
        let named = |option: &&'static str| {
            let path = manifest?.option(option)?;
            let file = self.snapshot.tree.locate(path);
            Some(
                file.and_then(|file| layout::row_of(&file))
                    .map(|(row, _)| row),
            )
        };
        let rows = match listener
            .client_cas
            .iter()
            .any(|option| named(option).is_some())
        {
            false => listener.client_ca_rows(),
            true => listener
                .client_cas
                .iter()
                .filter_map(|option| match (named(option), listener.component) {
                    // What it is not told, it takes from a ConfigMap.
                    (None, Component::ControllerManager | Component::Scheduler) => {
                        listener.client_ca_row(option).map(Some)
                    }
                    (named, _) => named,
                })
                .collect::<Option<Vec<_>>>()?,
        };
        let inventory = &self.snapshot.inventory;
        let is_known = rows.iter().all(|row| inventory.ca_bundle(row).is_some());
        is_known.then_some(rows)
    }
}

/// Returns where a listener answers on this host; `None` if it does not serve TLS.
fn address(listener: &Listener, manifest: Option<&PodManifest>) -> Option<HostPort> {
    let option = |name| manifest.and_then(|manifest| manifest.option(name));
    match listener.address {
        AddressOptions::Separate { address, port } => {
            let port = match option(port) {
                Some(port) => port.parse().ok().filter(|port| *port != 0)?,
                None => listener.port,
            };
            let host = local(option(address).unwrap_or_default());
            Some(HostPort { host, port })
        }
        AddressOptions::Urls(urls) => match option(urls) {
            Some(urls) => {
                let mut secure = urls
                    .split(',')
                    .filter_map(|url| url.strip_prefix("https://"));
                let endpoint: HostPort = secure.next()?.trim_end_matches('/').parse().ok()?;
                Some(HostPort {
                    host: local(&endpoint.host),
                    ..endpoint
                })
            }
            None => Some(loopback(listener.port)),
        },
        AddressOptions::Unknown => Some(loopback(listener.port)),
    }
}

/// Returns an address of this host at which a server answers that listens on `address`.
fn local(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) if address.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        Ok(address) if !address.is_unspecified() => address.to_string(),
        _ => Ipv4Addr::LOCALHOST.to_string(),
    }
}

fn loopback(port: u16) -> HostPort {
    HostPort {
        host: Ipv4Addr::LOCALHOST.to_string(),
        port,
    }
}
