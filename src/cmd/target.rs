//! Which tree a command is about, and what is declared about it: flags over file over what `init` recorded.

use std::io::{IsTerminal, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result};

use super::Invalid;
use crate::catalog::{CONTROLLER_MANAGER_CONF, ETCD_SERVER, KUBELET_CONF};
use crate::cli::{ClusterArgs, ConfigArgs, TreeArgs};
use crate::config::cluster::DEFAULT_CERTIFICATES_DIR;
use crate::config::{self, Declared, Host, Problem, Settings};
use crate::store::files;
use crate::store::inventory::{Found, Holding, Inventory};
use crate::store::layout::{self, Layout};
use crate::store::tree::Tree;
use crate::x509::certificate::Certificate;
use crate::x509::san::San;

const KUBELET: &str = "/var/lib/kubelet/pki";

/// A tree with what is declared about it.
pub(super) struct Target {
    /// Where it lies.
    pub(super) layout: Layout,
    /// Flags over file, if either says anything.
    pub(super) given: Settings,
    /// Where the declarations come from.
    pub(super) source: Source,
    /// What `init` recorded.
    pub(super) recorded: Option<Recorded>,
    /// What kubeadm would warn of in the file.
    pub(super) warnings: Vec<Problem>,
}

/// Where the declared configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// `--config`, perhaps with flags.
    File,
    /// What an earlier run recorded, perhaps with flags.
    Recorded,
    /// Nothing but flags and defaults.
    Nothing,
}

/// The recorded configuration.
pub(super) struct Recorded {
    pub(super) settings: Settings,
    pub(super) text: Vec<u8>,
}

impl Target {
    /// Finds the tree and reads the configuration; reads nothing else.
    pub(super) fn find(
        tree: &TreeArgs,
        config: &ConfigArgs,
        cluster: &ClusterArgs,
    ) -> Result<Target> {
        let (file, warnings) = match &config.config {
            Some(path) => {
                let reading = read_config(path)?;
                (Some(reading.settings), reading.warnings)
            }
            None => (None, Vec::new()),
        };
        let has_file = file.is_some();
        let mut given = flags(cluster).or(file.unwrap_or_default());
        let rootfs = tree
            .rootfs
            .as_deref()
            .map(absolute)
            .transpose()
            .context("resolving `--rootfs`")?;
        let (layout, recorded) = Target::locate(tree, rootfs.as_deref(), &given)?;
        if let Some(directory) = &tree.cert_dir {
            given.certificates_dir = Some(Declared::by_flag(
                "--cert-dir",
                absolute(directory)?.display().to_string(),
            ));
        }
        let source = match (has_file, &recorded) {
            (true, _) => Source::File,
            (false, Some(_)) => Source::Recorded,
            (false, None) => Source::Nothing,
        };
        Ok(Target {
            layout,
            given,
            source,
            recorded,
            warnings,
        })
    }

    /// The state directory depends on the certificates directory, which may be known only from the state directory: by
    /// flag or file, else as recorded there, else kubeadm's default.
    fn locate(
        tree: &TreeArgs,
        rootfs: Option<&Path>,
        given: &Settings,
    ) -> Result<(Layout, Option<Recorded>)> {
        let below = |path: &Path| match rootfs {
            Some(rootfs) if !path.starts_with(rootfs) => {
                rootfs.join(path.strip_prefix("/").unwrap_or(path))
            }
            _ => path.to_path_buf(),
        };
        let typed = |path: &PathBuf| {
            absolute(path).with_context(|| format!("resolving `{}`", path.display()))
        };
        let configured = given
            .certificates_dir
            .as_ref()
            .map(|directory| below(Path::new(&directory.value)));
        let certificates = tree
            .cert_dir
            .as_ref()
            .map(typed)
            .transpose()?
            .or(configured);
        let default = || below(Path::new(DEFAULT_CERTIFICATES_DIR));
        let kubeconfigs = match &tree.kubeconfig_dir {
            Some(directory) => typed(directory)?,
            None => layout::default_kubeconfigs(&certificates.clone().unwrap_or_else(default)),
        };
        let kubelet = match &tree.kubelet_cert_dir {
            Some(directory) => typed(directory)?,
            None => below(Path::new(KUBELET)),
        };
        let is_known = certificates.is_some();
        let mut layout = Layout {
            certificates: certificates.unwrap_or_else(default),
            kubeconfigs,
            kubelet,
        };
        let recorded = read_recorded(&layout)?;
        if let Some(Recorded {
            settings:
                Settings {
                    certificates_dir: Some(directory),
                    ..
                },
            ..
        }) = &recorded
            && !is_known
        {
            // A tree that was copied or moved goes before the place that it once had.
            let beside = layout.kubeconfigs.join("pki");
            layout.certificates = match tree.kubeconfig_dir.is_some() && beside.is_dir() {
                true => beside,
                false => below(Path::new(&directory.value)),
            };
        }
        Ok((layout, recorded))
    }

    /// Returns the settings that declare this cluster, if anything does.
    pub(super) fn declared(&self) -> Option<Settings> {
        match (self.source, &self.recorded) {
            (Source::File, _) => Some(self.given.clone()),
            (Source::Recorded, Some(recorded)) => {
                Some(self.given.clone().or(recorded.settings.clone()))
            }
            (Source::Recorded | Source::Nothing, _) => None,
        }
    }
}

/// Returns what this machine says of itself, where nothing is declared.
pub(super) fn detect_host() -> Host {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .trim()
        .to_lowercase();
    Host {
        node_name: Some(name).filter(|name| !name.is_empty()),
        advertise_address: default_route_address(),
    }
}

/// Returns what the tree says of the node it belongs to: a renewal must not give it the name of the machine it runs on.
///
/// The address is the one that etcd's certificates are for, where the local kubeconfigs agree with it or there is only one. A
/// kubeconfig alone may point at a load balancer, so it is not believed where that is the control-plane endpoint.
pub(super) fn host_of(inventory: &Inventory, endpoint: Option<&str>) -> Host {
    let leaf = |row| inventory.holding(row).and_then(Holding::leaf);
    let node_name = leaf(&KUBELET_CONF)
        .and_then(|leaf| {
            leaf.common_name()?
                .strip_prefix("system:node:")
                .map(str::to_owned)
        })
        .or_else(|| leaf(&ETCD_SERVER)?.common_name());
    let server = match inventory.holding(&CONTROLLER_MANAGER_CONF) {
        Some(Holding::Kubeconfig(Found::Present(file))) => {
            file.kubeconfig.server().and_then(address_of)
        }
        _ => None,
    };
    let etcd: Vec<IpAddr> = leaf(&ETCD_SERVER)
        .into_iter()
        .flat_map(Certificate::sans)
        .filter_map(|san| match san {
            San::Ip(address) if !address.is_loopback() => Some(address),
            San::Ip(_) | San::Dns(_) => None,
        })
        .collect();
    let advertise_address = match (server, etcd.as_slice()) {
        (Some(server), []) => {
            Some(server).filter(|server| endpoint.and_then(endpoint_address) != Some(*server))
        }
        (Some(server), candidates) if candidates.contains(&server) => Some(server),
        (_, [only]) => Some(*only),
        _ => None,
    };
    Host {
        node_name,
        advertise_address,
    }
}

fn address_of(url: &str) -> Option<IpAddr> {
    Some(
        url.strip_prefix("https://")?
            .parse::<SocketAddr>()
            .ok()?
            .ip(),
    )
}

fn endpoint_address(endpoint: &str) -> Option<IpAddr> {
    endpoint
        .parse()
        .ok()
        .or_else(|| Some(endpoint.parse::<SocketAddr>().ok()?.ip()))
}

/// Returns the address that this machine would send from along its default route. Connecting a UDP socket only looks the
/// route up; nothing is sent. The destinations are documentation addresses (RFC 5737, RFC 3849).
fn default_route_address() -> Option<IpAddr> {
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
    v4().or_else(v6)
}

fn read_config(path: &Path) -> Result<config::Reading> {
    if path == Path::new("-") {
        let mut stdin = std::io::stdin().lock();
        if stdin.is_terminal() {
            let what = "reading the configuration: standard input is a terminal\nhint: redirect a file into it";
            return Err(Invalid(what.to_owned()).into());
        }
        let mut bytes = Vec::new();
        // One byte more than is accepted, so that too much is noticed.
        Read::take(&mut stdin, files::LARGEST_FILE + 1)
            .read_to_end(&mut bytes)
            .context("reading the configuration from standard input")?;
        return Ok(config::read("standard input", &bytes)?);
    }
    let contents = files::read_given(path)?;
    Ok(config::read(&path.display().to_string(), &contents.bytes)?)
}

fn read_recorded(layout: &Layout) -> Result<Option<Recorded>> {
    let file = layout::recorded_configuration();
    let tree = Tree::open_as_guest(layout)?;
    let contents = match tree.is_state_hidden() {
        true => None,
        false => tree.read(&file)?,
    };
    // Empty once a rollback has undone the first recording.
    let Some(contents) = contents.filter(|contents| !contents.bytes.is_empty()) else {
        return Ok(None);
    };
    let settings =
        config::read(&layout.path(&file).display().to_string(), &contents.bytes)?.settings;
    Ok(Some(Recorded {
        settings,
        text: contents.bytes.to_vec(),
    }))
}

fn flags(args: &ClusterArgs) -> Settings {
    let one = |flag: &'static str, value: &Option<String>| {
        value.clone().map(|value| Declared::by_flag(flag, value))
    };
    let many = |flag: &'static str, values: &Option<Vec<String>>| {
        values.clone().map(|values| {
            values
                .into_iter()
                .map(|value| Declared::by_flag(flag, value))
                .collect()
        })
    };
    Settings {
        advertise_address: one(
            "--apiserver-advertise-address",
            &args.apiserver_advertise_address,
        ),
        bind_port: one("--apiserver-bind-port", &args.apiserver_bind_port),
        node_name: one("--node-name", &args.node_name),
        cluster_name: one("--cluster-name", &args.cluster_name),
        control_plane_endpoint: one("--control-plane-endpoint", &args.control_plane_endpoint),
        service_subnet: one("--service-cidr", &args.service_cidr),
        dns_domain: one("--service-dns-domain", &args.service_dns_domain),
        apiserver_cert_sans: many(
            "--apiserver-cert-extra-sans",
            &args.apiserver_cert_extra_sans,
        ),
        encryption_algorithm: one("--encryption-algorithm", &args.encryption_algorithm),
        certificate_validity: one(
            "--certificate-validity-period",
            &args.certificate_validity_period,
        ),
        ca_certificate_validity: one(
            "--ca-certificate-validity-period",
            &args.ca_certificate_validity_period,
        ),
        ..Settings::default()
    }
}
