//! The tree that a command works on, and its declared configuration: flags, then the file, then the record.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Error, Result};

use super::Console;
use super::failure::Invalid;
use super::input::read_config_input;
use super::paths::TreePaths;
use crate::cli::{ClusterArgs, ConfigArgs, TreeArgs};
use crate::config::{
    self, Cluster, Host, Layer, Origin, Problem, Provenance, Resolved, Setting, Settings,
};
use crate::fs::file::FileError;
use crate::fs::ownership::{DirectoryUse, judge};
use crate::fs::walk::ParentCache;
use crate::plan::infer;
use crate::report::findings::TreeArguments;
use crate::tree::archive::Archive;
use crate::tree::inventory::Inventory;
use crate::tree::layout::{self, Layout, Root};
use crate::tree::overlay::Tree;
use crate::tree::places::Places;
use crate::util::escape::shell_path;

/// A tree and its declared configuration.
pub(super) struct Target {
    /// The directories of the tree.
    pub(super) layout: Layout,
    /// The settings of the flags.
    flags: Settings,
    /// The settings of the file of `--config`.
    file: Option<Settings>,
    /// The configuration that an earlier run recorded.
    pub(super) recorded: Option<Recorded>,
    /// The reason why the record cannot be read.
    pub(super) record_error: Option<Error>,
    /// Why nothing is written where the record says that the certificates are.
    write_error: Option<Error>,
    /// Warnings about the file.
    pub(super) warnings: Vec<Problem>,
}

/// The source of the declared configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigSource {
    /// The file of `--config`, which flags may override.
    File,
    /// The record of an earlier run, which flags may override.
    Recorded,
    /// Neither: only flags, and values inferred from the tree.
    Nothing,
}

/// The recorded configuration.
pub(super) struct Recorded {
    pub(super) settings: Settings,
    pub(super) text: Vec<u8>,
}

/// A tree with its open directories.
pub(super) struct OpenTree {
    pub(super) places: Rc<Places>,
    pub(super) tree: Tree,
}

impl OpenTree {
    pub(super) fn new(
        layout: &Layout,
        parents: Option<&Arc<ParentCache>>,
    ) -> Result<OpenTree, FileError> {
        let places = Rc::new(match parents {
            Some(parents) => Places::with_parent_cache(layout, parents),
            None => Places::new(layout),
        });
        let tree = Tree::over(&places)?;
        Ok(OpenTree { places, tree })
    }
}

impl Target {
    /// Finds the tree and reads its configuration, but nothing else of the tree. Also returns the open tree, unless the record says
    /// that its directories are elsewhere.
    pub(super) fn find(
        tree: &TreeArgs,
        config: &ConfigArgs,
        cluster: &ClusterArgs,
        parents: Option<&Arc<ParentCache>>,
    ) -> Result<(Target, Option<OpenTree>)> {
        let (file, warnings) = match &config.config {
            Some(path) => {
                let reading = read_config(path)?;
                (Some(reading.settings), reading.warnings)
            }
            None => (None, Vec::new()),
        };
        let mut flags = flags(cluster);
        let given = flags.clone().or(file.clone().unwrap_or_default());
        let typed = TreePaths::typed(tree)?;
        let mut layout = typed.layout(&given)?;
        // The certificate directory may be known only from the record, which is kept with the kubeconfigs.
        let opened = OpenTree::new(&layout, parents)?;
        let (recorded, record_error) = match recorded(&opened.tree) {
            Ok(recorded) => (recorded, None),
            Err(error) => (None, Some(error)),
        };
        let mut write_error = None;
        if let Some(recorded) = &recorded {
            typed.apply_record(&mut layout, &given, &recorded.settings)?;
            if layout.certificates != opened.tree.layout.certificates {
                write_error = check_writers_of_record(&opened.places, &layout).err();
            }
        }
        flags.certificates_dir = typed
            .typed_certificates()
            .map(|directory| Setting::by_flag("--cert-dir", directory))
            .or(flags.certificates_dir);
        let opened = Some(opened).filter(|opened| opened.tree.layout == layout);
        let target = Target {
            layout,
            flags,
            file,
            recorded,
            record_error,
            write_error,
            warnings,
        };
        Ok((target, opened))
    }

    /// Finds the tree in an archive and reads its recorded configuration.
    pub(super) fn in_archive(archive: &mut Archive) -> Result<(Target, Tree)> {
        let paths = TreePaths::typed(&TreeArgs::default())?;
        let given = Settings::default();
        let mut layout = paths.layout(&given)?;
        let mut tree = archive.tree(&layout)?;
        let (recorded, record_error) = match recorded(&tree) {
            Ok(recorded) => (recorded, None),
            Err(error) => (None, Some(error)),
        };
        if let Some(recorded) = &recorded {
            paths.apply_record(&mut layout, &given, &recorded.settings)?;
            tree = archive.tree(&layout)?;
        }
        let target = Target {
            recorded,
            record_error,
            ..Target::undeclared(layout)
        };
        Ok((target, tree))
    }

    /// Returns a tree for which nothing is declared.
    pub(super) fn undeclared(layout: Layout) -> Target {
        Target {
            layout,
            flags: Settings::default(),
            file: None,
            recorded: None,
            record_error: None,
            write_error: None,
            warnings: Vec::new(),
        }
    }

    /// Returns the arguments for a command about the same tree that takes no `--config`.
    pub(super) fn state_arguments(&self, tree: &TreeArgs) -> TreeArguments {
        let mut tree = tree.clone();
        if self.file.is_some() {
            // The file may name the directory of the certificates.
            let Layout {
                certificates,
                kubeconfigs,
                ..
            } = &self.layout;
            tree.cert_dir.get_or_insert_with(|| certificates.clone());
            tree.kubeconfig_dir
                .get_or_insert_with(|| kubeconfigs.clone());
        }
        tree_arguments(&tree, &ConfigArgs::default())
    }

    /// Refuses to write in a directory that another user may have chosen.
    pub(super) fn check_may_write(&mut self) -> Result<()> {
        self.write_error.take().map_or(Ok(()), Err)
    }

    /// Returns the source of the declared configuration.
    pub(super) fn source(&self) -> ConfigSource {
        match (&self.file, &self.recorded) {
            (Some(_), _) => ConfigSource::File,
            (None, Some(_)) => ConfigSource::Recorded,
            (None, None) => ConfigSource::Nothing,
        }
    }

    /// Returns the layers of the configuration; an upper layer overrides those below it.
    ///
    /// The first layer is the flags, the second the file or, without a file, the record. Below a file is what the tree tells
    /// about its node. Without file and record, the second layer is everything that can be inferred from the tree.
    pub(super) fn layers(&self, inventory: &Inventory) -> Layers {
        let mut layers = vec![layer(Provenance::Flag, self.flags.clone())];
        let mut guesses = Vec::new();
        let mut contradictions = Vec::new();
        match (&self.file, &self.recorded) {
            (Some(file), _) => {
                let endpoint = file.control_plane_endpoint.as_ref();
                let endpoint = endpoint.map(|endpoint| endpoint.value.as_str());
                layers.push(layer(Provenance::File, file.clone()));
                let node = infer::node(inventory, endpoint);
                layers.push(layer(Provenance::Inferred, node));
            }
            (None, Some(recorded)) => {
                layers.push(layer(Provenance::Record, recorded.settings.clone()));
            }
            (None, None) => {
                let inferred = infer::cluster(inventory);
                layers.push(layer(Provenance::Inferred, inferred.settings));
                guesses = inferred.guesses;
                contradictions = inferred.contradictions;
            }
        }
        Layers {
            layers,
            guesses,
            contradictions,
        }
    }

    /// Reads the record again, because another run may have replaced it since the tree was found.
    pub(super) fn read_record(&mut self, tree: &Tree) {
        (self.recorded, self.record_error) = match recorded(tree) {
            Ok(recorded) => (recorded, None),
            Err(error) => (None, Some(error)),
        };
    }

    /// Returns an error if the record cannot be read and no file replaces it.
    pub(super) fn require_record(&mut self, console: &Console) -> Result<()> {
        match self.record_error.take() {
            Some(error) if self.file.is_none() => Err(error),
            Some(error) => {
                console.warn(&format!("{error:#}"));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Refuses a record that names another certificate directory, if another user can write it: `pki` would write there.
fn check_writers_of_record(places: &Places, named: &Layout) -> Result<()> {
    let state = places.directory(Root::State)?;
    let shared = state.and_then(|state| judge(&state, DirectoryUse::Written));
    let Some(shared) = shared else {
        return Ok(());
    };
    let file = named.path(&layout::recorded_configuration());
    let certificates = named.certificates.display();
    let what = format!(
        "`{}` names the certificate directory `{certificates}`, and another user can change it: `{}`: {}",
        file.display(),
        shared.path.display(),
        shared.writers.describe()
    );
    let hint = format!(
        "use `--cert-dir {} --kubeconfig-dir {}` if that is right",
        shell_path(&named.certificates),
        shell_path(&named.kubeconfigs)
    );
    Err(Invalid::new(what).with_hint(hint).into())
}

/// Returns the arguments that a printed command needs to be about the same tree and configuration.
pub(super) fn tree_arguments(tree: &TreeArgs, config: &ConfigArgs) -> TreeArguments {
    let mut arguments = TreeArguments::default();
    for (flag, path) in [
        ("--rootfs", &tree.rootfs),
        ("--cert-dir", &tree.cert_dir),
        ("--kubeconfig-dir", &tree.kubeconfig_dir),
        ("--kubelet-cert-dir", &tree.kubelet_cert_dir),
        ("--config", &config.config),
    ] {
        arguments.add(flag, path.as_deref());
    }
    arguments
}

/// The layers of a cluster's configuration.
pub(super) struct Layers {
    /// The layers, the uppermost first.
    pub(super) layers: Vec<Layer>,
    /// Inferred values that are likely, but not certain.
    pub(super) guesses: Vec<String>,
    /// Values on which the files of the tree disagree.
    pub(super) contradictions: Vec<String>,
}

impl Layers {
    /// Merges all layers.
    pub(super) fn settings(&self) -> Settings {
        self.layers
            .iter()
            .map(|layer| layer.settings.clone())
            .reduce(Settings::or)
            .unwrap_or_default()
    }

    /// Returns the layers below the flags.
    pub(super) fn without_flags(&self) -> Layers {
        let is_below = |layer: &&Layer| layer.provenance != Provenance::Flag;
        Layers {
            layers: self.layers.iter().filter(is_below).cloned().collect(),
            guesses: self.guesses.clone(),
            contradictions: self.contradictions.clone(),
        }
    }

    /// Returns whether anything was inferred from the tree.
    pub(super) fn infers_anything(&self) -> bool {
        self.layers.iter().any(|layer| {
            layer.provenance == Provenance::Inferred && layer.settings != Settings::default()
        })
    }

    /// Resolves the layers. Name and address of the machine fill gaps only if `may_detect` allows it.
    pub(super) fn resolve(&self, may_detect: Detection) -> Result<Resolved> {
        let settings = self.settings();
        let host = match may_detect {
            Detection::Allowed if settings.needs_host() => detect_host(),
            Detection::Allowed | Detection::Forbidden => Host::default(),
        };
        Ok(Cluster::resolve(settings, &host)?)
    }
}

/// Whether the machine's name and address may be used if nothing declares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detection {
    /// Yes: the tree may belong to this machine.
    Allowed,
    /// No: the tree may belong to another machine, whose name must be kept.
    Forbidden,
}

/// Returns the name and the addresses of this machine.
fn detect_host() -> Host {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .trim()
        .to_lowercase();
    Host {
        node_name: Some(name).filter(|name| !name.is_empty()),
        addresses: default_route_addresses(),
    }
}

/// Returns the source addresses of this machine's default routes, IPv4 first. Connecting a UDP socket only looks up the
/// route; nothing is sent. The destinations are documentation addresses (RFC 5737, RFC 3849).
fn default_route_addresses() -> Vec<IpAddr> {
    let lookup = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
            .filter(|address| !address.is_unspecified() && !address.is_loopback())
    };
    let v4 = || {
        lookup(
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        )
    };
    let v6 = || {
        lookup(
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        )
    };
    v4().into_iter().chain(v6()).collect()
}

fn read_config(path: &Path) -> Result<config::ConfigFile> {
    let input = read_config_input(path)?;
    Ok(config::read(&input.name, &input.bytes)?)
}

fn recorded(tree: &Tree) -> Result<Option<Recorded>> {
    let file = layout::recorded_configuration();
    let contents = tree.read(&file)?;
    // A rollback of the first recording leaves an empty file.
    let Some(contents) = contents.filter(|contents| !contents.bytes.is_empty()) else {
        return Ok(None);
    };
    let mut settings = config::read(
        &tree.layout.path(&file).display().to_string(),
        &contents.bytes,
    )?
    .settings;
    // The endpoints of an inferred external etcd are unknown.
    settings.etcd_external = settings.etcd_external.map(|etcd| Setting {
        origin: Origin::Tree("recorded `etcd.external`"),
        ..etcd
    });
    Ok(Some(Recorded {
        settings,
        text: contents.bytes.to_vec(),
    }))
}

fn layer(provenance: Provenance, settings: Settings) -> Layer {
    Layer {
        provenance,
        settings,
    }
}

/// Returns the settings of the flags. The table of fields maps flags to fields.
fn flags(args: &ClusterArgs) -> Settings {
    let texts = [
        (
            "--apiserver-advertise-address",
            &args.apiserver_advertise_address,
        ),
        ("--apiserver-bind-port", &args.apiserver_bind_port),
        ("--node-name", &args.node_name),
        ("--cluster-name", &args.cluster_name),
        ("--control-plane-endpoint", &args.control_plane_endpoint),
        ("--service-cidr", &args.service_cidr),
        ("--service-dns-domain", &args.service_dns_domain),
        ("--encryption-algorithm", &args.encryption_algorithm),
        (
            "--certificate-validity-period",
            &args.certificate_validity_period,
        ),
        (
            "--ca-certificate-validity-period",
            &args.ca_certificate_validity_period,
        ),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(flag, text)| Some((flag, vec![text.clone()?])));
    let lists = args.apiserver_cert_extra_sans.clone();
    let lists = lists.map(|sans| ("--apiserver-cert-extra-sans", sans));
    let mut settings = Settings::default();
    for (flag, values) in texts.chain(lists) {
        settings.declare(flag, values);
    }
    settings
}
