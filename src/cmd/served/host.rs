//! The listeners of a host, and what its files say that they should serve.

use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use time::OffsetDateTime;

use super::super::session::TreeSnapshot;
use super::{ServedTarget, TargetFile};
use crate::catalog::components::{Component, SIGNING_OPTIONS};
use crate::catalog::listeners::{AddressOptions, LISTENERS, Listener};
use crate::catalog::{CA, KUBELET_CONF, Row};
use crate::check::finding::Finding;
use crate::check::manifests;
use crate::fs::file::Contents;
use crate::fs::processes;
use crate::net::handshake::HostPort;
use crate::tree::kubelet::KubeletConfiguration;
use crate::tree::layout::{self, KUBELET_SERVER, KUBELET_SERVER_CURRENT, Root, TreePath};
use crate::tree::manifests::{ManifestError, PodManifest, STATIC_PODS};
use crate::x509::chain::Chain;
use crate::x509::san::San;

/// The files of a host, which say what its components should serve.
pub(super) struct HostFiles<'a> {
    pub(super) snapshot: &'a TreeSnapshot,
    /// Whether its components run on this machine, if at all.
    pub(super) is_this_machine: bool,
}

/// A kubelet's configuration, and the finding if it cannot be used.
type Kubelet = (Option<KubeletConfiguration>, Option<Finding>);

impl HostFiles<'_> {
    /// Returns the listeners of this host: of the components that have a manifest, or, where none has, of those that have their files.
    pub(super) fn targets(&self) -> Vec<ServedTarget> {
        let tree = &self.snapshot.tree;
        let read = |component| {
            let manifest = PodManifest::read(tree, component).transpose()?;
            Some((component, manifest))
        };
        let manifests: Vec<_> = STATIC_PODS.into_iter().filter_map(read).collect();
        let kubelet = self.kubelet();
        let targets = |listener: &'static Listener| {
            if listener.component == Component::Kubelet {
                let runs = self.has(&KUBELET_CONF);
                return Vec::from_iter(runs.then(|| self.kubelet_target(listener, &kubelet)));
            }
            let own = manifests
                .iter()
                .find(|(component, _)| *component == listener.component);
            let runs = match manifests.is_empty() {
                true => self.has(listener.own_row()),
                false => own.is_some(),
            };
            match runs {
                true => self.pod_targets(listener, own.map(|(_, manifest)| manifest)),
                false => Vec::new(),
            }
        };
        LISTENERS.iter().flat_map(targets).collect()
    }

    /// Returns a listener of a static pod, and its further certificates.
    fn pod_targets(
        &self,
        listener: &'static Listener,
        manifest: Option<&Result<PodManifest, ManifestError>>,
    ) -> Vec<ServedTarget> {
        let error = manifest.and_then(|manifest| manifest.as_ref().err());
        let manifest = manifest.and_then(|manifest| manifest.as_ref().ok());
        let Some(endpoint) = address(listener, manifest) else {
            return Vec::new();
        };
        let target = ServedTarget {
            listener: Some(listener),
            endpoint: endpoint.clone(),
            is_named: false,
            is_address_known: manifest.is_some(),
            crowded_signer: self.crowded_signer(listener.component, manifest),
            sni: None,
            file: self.file(listener, manifest),
            client_cas: self.client_cas(listener, manifest),
            named_files: manifest.map_or_else(Vec::new, |manifest| manifest.files.clone()),
            process_start: self.process_start(listener.component),
            manifest_finding: error.map(|error| manifests::unreadable(listener.component, error)),
        };
        let further = manifest.map_or_else(Vec::new, |manifest| manifest.options(SNI_OPTION));
        let further = further.into_iter().filter_map(|value| {
            let (file, name) = self.sni_pair(value)?;
            Some(ServedTarget {
                listener: Some(listener),
                endpoint: endpoint.clone(),
                is_named: false,
                is_address_known: manifest.is_some(),
                crowded_signer: None,
                sni: Some(name),
                file,
                client_cas: None,
                named_files: Vec::new(),
                process_start: None,
                manifest_finding: None,
            })
        });
        iter::once(target).chain(further).collect()
    }

    /// Returns the certificate of a value of `--tls-sni-cert-key`, and a name that it answers to: `CERTIFICATE,KEY` or
    /// `CERTIFICATE,KEY:NAME,NAME` (Kubernetes `component-base/cli/flag/namedcertkey_flag.go`).
    fn sni_pair(&self, value: &str) -> Option<(TargetFile, String)> {
        let (files, names) = value.split_once(':').unwrap_or((value, ""));
        let path = files.split(',').next()?;
        let file = self.named_file(path);
        let of_certificate = match &file {
            TargetFile::File(_, chain) => chain.leaf.sans(),
            _ => Vec::new(),
        };
        let of_certificate = of_certificate.into_iter().filter_map(|san| match san {
            San::Dns(name) => Some(name),
            San::Ip(_) => None,
        });
        let names = names.split(',').map(str::to_owned).chain(of_certificate);
        // Any name below a wildcard will do.
        let mut names = names.map(|name| name.replacen("*.", "pki.", 1));
        let name = names.find(|name| !name.is_empty() && name.parse::<IpAddr>().is_err())?;
        Some((file, name))
    }

    fn kubelet(&self) -> Kubelet {
        match KubeletConfiguration::read(&self.snapshot.tree) {
            Ok(configuration) => (configuration, None),
            Err(error) => (None, Some(manifests::unreadable_kubelet(&error))),
        }
    }

    fn kubelet_target(
        &self,
        listener: &'static Listener,
        (configuration, finding): &Kubelet,
    ) -> ServedTarget {
        let configured = configuration.as_ref();
        let port = configured.map_or(0, |configuration| configuration.port);
        ServedTarget {
            listener: Some(listener),
            endpoint: HostPort {
                host: local(configured.map_or("", |configuration| &configuration.address)),
                port: if port == 0 { listener.port } else { port },
            },
            is_named: false,
            is_address_known: configured.is_some(),
            crowded_signer: None,
            sni: None,
            file: self.kubelet_file(configured),
            client_cas: self.kubelet_client_cas(listener, configured),
            named_files: Vec::new(),
            process_start: self.process_start(Component::Kubelet),
            manifest_finding: finding.clone(),
        }
    }

    /// Returns the certificate that the kubelet serves: the one of its configuration, else the one that it renews, else its own.
    fn kubelet_file(&self, configuration: Option<&KubeletConfiguration>) -> TargetFile {
        let named = configuration.map(|configuration| configuration.tls_cert_file.as_str());
        if let Some(path) = named.filter(|path| !path.is_empty()) {
            return self.named_file(path);
        }
        let files = [KUBELET_SERVER_CURRENT, KUBELET_SERVER];
        files
            .into_iter()
            .map(|name| self.read(TreePath::new(Root::Kubelet, name)))
            .find(|file| matches!(file, TargetFile::File(..)))
            .unwrap_or(TargetFile::Unknown)
    }

    fn kubelet_client_cas(
        &self,
        listener: &Listener,
        configuration: Option<&KubeletConfiguration>,
    ) -> Option<Vec<&'static Row>> {
        let named = configuration.and_then(KubeletConfiguration::client_ca_file);
        let rows = match named {
            Some(path) => {
                let file = self.snapshot.tree.locate(path)?;
                vec![layout::row_of(&file)?.0]
            }
            None => listener.client_ca_rows(),
        };
        self.known(rows)
    }

    fn process_start(&self, component: Component) -> Option<OffsetDateTime> {
        self.is_this_machine
            .then(|| processes::started_at(component.name()))
            .flatten()
    }

    /// Returns what is expected of a named endpoint: by its port, that of a component.
    pub(super) fn named(&self, endpoint: &HostPort) -> ServedTarget {
        let listener = LISTENERS
            .iter()
            .find(|listener| listener.port == endpoint.port);
        ServedTarget {
            listener,
            endpoint: endpoint.clone(),
            is_named: true,
            is_address_known: false,
            crowded_signer: None,
            sni: None,
            file: match listener {
                // Each host has its own.
                Some(listener) if listener.component == Component::Kubelet => TargetFile::Unknown,
                Some(listener) => self.file(listener, None),
                None => TargetFile::Unknown,
            },
            client_cas: listener.and_then(|listener| self.client_cas(listener, None)),
            named_files: Vec::new(),
            process_start: None,
            manifest_finding: None,
        }
    }

    fn has(&self, row: &Row) -> bool {
        !self.snapshot.inventory.row(row).is_missing()
    }

    /// Returns the file of the certificate that a listener should serve.
    fn file(&self, listener: &Listener, manifest: Option<&PodManifest>) -> TargetFile {
        let Some(manifest) = manifest else {
            let file = listener.row().and_then(layout::certificate_file);
            return file.map_or(TargetFile::InMemory, |file| self.read(file));
        };
        match manifest.option(listener.certificate) {
            None | Some("") => TargetFile::InMemory,
            Some(path) => self.named_file(path),
        }
    }

    /// Returns the option of the controller manager whose file holds several certificates; it takes exactly one signing CA
    /// (Kubernetes `pkg/controller/certificates/signer/ca_provider.go`). Without a manifest, the file is the one that kubeadm names.
    fn crowded_signer(
        &self,
        component: Component,
        manifest: Option<&PodManifest>,
    ) -> Option<&'static str> {
        let options = SIGNING_OPTIONS
            .into_iter()
            .map(|[certificate, _]| certificate);
        let mut options = options.filter(|_| component == Component::ControllerManager);
        let Some(manifest) = manifest else {
            let bundle = self.snapshot.inventory.ca_bundle(&CA)?;
            return options.next().filter(|_| !bundle.others.is_empty());
        };
        options.find(|option| {
            let path = manifest.option(option).filter(|path| !path.is_empty());
            let file = path.map(|path| self.named_file(path));
            matches!(file, Some(TargetFile::File(_, chain)) if !chain.intermediates.is_empty())
        })
    }

    /// Reads a file that a manifest or a configuration names, anywhere on the host.
    fn named_file(&self, path: &str) -> TargetFile {
        let tree = &self.snapshot.tree;
        if let Some(file) = tree.locate(path) {
            return self.read(file);
        }
        let file = TreePath::new(Root::Kubeconfigs, path);
        match tree.read_named(path) {
            Ok(Some(contents)) => parsed(file, &contents),
            Ok(None) | Err(_) => TargetFile::Unusable(file),
        }
    }

    fn read(&self, file: TreePath) -> TargetFile {
        match self.snapshot.tree.read(&file) {
            Ok(Some(contents)) => parsed(file, &contents),
            Ok(None) | Err(_) => TargetFile::Unusable(file),
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
        self.known(rows)
    }

    /// Returns these CAs, if all of them are in the tree.
    fn known(&self, rows: Vec<&'static Row>) -> Option<Vec<&'static Row>> {
        let inventory = &self.snapshot.inventory;
        let is_known = rows.iter().all(|row| inventory.ca_bundle(row).is_some());
        is_known.then_some(rows)
    }
}

/// The option of the API server that names further certificates.
const SNI_OPTION: &str = "--tls-sni-cert-key";

fn parsed(file: TreePath, contents: &Contents) -> TargetFile {
    match Chain::from_pem_with_key(&contents.bytes) {
        Ok(chain) => TargetFile::File(file, Box::new(chain)),
        Err(_) => TargetFile::Unusable(file),
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
