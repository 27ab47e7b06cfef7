//! The judgement of trees that kubeadm made, each with one edit; one case a subject and verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::finding::{Finding, Findings, Severity};
use super::host::{self, HostKind};
use super::{Context, check};
use crate::catalog::{CATALOG, FRONT_PROXY_CA};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::{self, Layout, Root, TreePath};
use crate::tree::overlay::Tree;

const CA_DATA: &str = "certificate-authority-data";

/// The files of a tree in memory.
struct Files {
    files: BTreeMap<TreePath, Vec<u8>>,
    now: OffsetDateTime,
}

impl Files {
    /// Takes the files of a tree that kubeadm 1.36 made.
    fn of(name: &str) -> Files {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubeadm-1.36");
        let folder = fixtures.join(name);
        let files = CATALOG.iter().flat_map(|row| layout::files(row));
        let files = files.filter_map(|(file, _)| {
            let below = match file.root {
                Root::Certificates => folder.join("pki"),
                _ => folder.clone(),
            };
            let bytes = fs::read(below.join(&file.relative)).ok()?;
            Some((file, bytes))
        });
        let made_at = fs::read_to_string(fixtures.join("MADE_AT")).unwrap();
        Files {
            files: files.collect(),
            now: OffsetDateTime::parse(made_at.trim(), &Rfc3339).unwrap(),
        }
    }

    fn later(mut self, days: i64) -> Files {
        self.now += Duration::days(days);
        self
    }

    fn read(&self, name: &str) -> Vec<u8> {
        self.files[&path(name)].clone()
    }

    fn write(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Files {
        self.files.insert(path(name), bytes.into());
        self
    }

    fn without(mut self, name: &str) -> Files {
        assert!(self.files.remove(&path(name)).is_some(), "{name}");
        self
    }

    /// Keeps only some files.
    fn only(mut self, names: &[&str]) -> Files {
        let kept: Vec<_> = names.iter().map(|name| path(name)).collect();
        self.files.retain(|file, _| kept.contains(file));
        self
    }

    /// Edits the line of a field of a kubeconfig.
    fn field(self, name: &str, field: &str, edit: impl Fn(&str) -> String) -> Files {
        let text = String::from_utf8(self.read(name)).unwrap();
        let is_field = |line: &str| line.trim_start().starts_with(&format!("{field}: "));
        assert!(text.lines().any(is_field), "{field} in {name}");
        let lines = text.lines().map(|line| match is_field(line) {
            true => edit(line),
            false => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        self.write(name, text)
    }

    fn inventory(&self) -> Inventory {
        // Nothing is there.
        let folder = Path::new("/pki-check-tests");
        let layout = Layout {
            certificates: folder.join("pki"),
            kubeconfigs: folder.to_owned(),
            kubelet: folder.join("kubelet"),
            rootfs: None,
        };
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(file, bytes)| (file.clone(), bytes.as_slice()))
            .collect();
        let tree = Tree::open(&layout).unwrap().with_files(&files);
        Inventory::read(&tree, |_| Depth::Keys)
    }

    fn findings(&self) -> Findings {
        check(&self.inventory(), None, self.now)
    }

    /// Asserts what is found, as `row: name`, in order.
    #[track_caller]
    fn has(&self, expected: &[&str]) {
        let text = |finding: &Finding| {
            let row = finding.row.map_or("", |row| row.name);
            format!("{row}: {}", finding.id.name())
        };
        let findings = self.findings();
        let found: Vec<_> = findings.iter().map(text).collect();
        assert_eq!(found, expected, "{findings:#?}");
    }

    fn host(&self) -> HostKind {
        let inventory = self.inventory();
        let context = Context {
            inventory: &inventory,
            expected: None,
            now: self.now,
        };
        context.host()
    }
}

fn path(name: &str) -> TreePath {
    match name.strip_prefix("pki/") {
        Some(file) => TreePath::new(Root::Certificates, file),
        None => TreePath::new(Root::Kubeconfigs, name),
    }
}

fn ca_data(bundle: &[u8]) -> impl Fn(&str) -> String + use<> {
    let line = format!("    {CA_DATA}: {}", STANDARD.encode(bundle));
    move |_| line.clone()
}

#[test]
fn nothing_is_found_in_what_kubeadm_made() {
    for name in ["ha", "stacked", "external-etcd"] {
        Files::of(name).has(&[]);
    }
    Files::of("external-ca").has(&["ca: ca.external", "front-proxy-ca: ca.external"]);
}

#[test]
fn a_replaced_ca_is_one_finding() {
    let [ca, key] = ["pki/ca.crt", "pki/ca.key"].map(|name| Files::of("stacked").read(name));
    let replaced = Files::of("ha").write("pki/ca.crt", ca);
    replaced.has(&["ca: ca.key-mismatch"]);
    replaced.write("pki/ca.key", key).has(&["ca: ca.replaced"]);
}

#[test]
fn an_expired_ca_is_one_finding() {
    let findings = Files::of("ha").later(10_000).findings();
    let kinds: BTreeSet<_> = findings.iter().map(|finding| finding.id.name()).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["ca.expired", "certificate.expired"]
    );
}

#[test]
fn a_kubeconfig_may_trust_other_cas_as_well() {
    let own = Files::of("ha").read("pki/ca.crt");
    let other = Files::of("stacked").read("pki/ca.crt");
    let edited = |bundle: &[u8]| Files::of("ha").field("admin.conf", CA_DATA, ca_data(bundle));
    edited(&[own.clone(), other.clone()].concat()).has(&[]);
    edited(&[other.clone(), own].concat()).has(&["admin.conf: kubeconfig.own-ca-not-first"]);
    edited(&other).has(&["admin.conf: kubeconfig.other-ca"]);
}

#[test]
fn a_kubeconfig_without_ca_is_an_error_where_its_client_verifies() {
    let without = |insecure: bool| {
        Files::of("ha").field("admin.conf", CA_DATA, |_| match insecure {
            true => "    insecure-skip-tls-verify: true".to_owned(),
            false => String::new(),
        })
    };
    without(false).has(&["admin.conf: kubeconfig.without-ca"]);
    without(true).has(&["admin.conf: kubeconfig.insecure"]);
    // client-go refuses both together.
    Files::of("ha")
        .field("admin.conf", CA_DATA, |line| {
            format!("{line}\n    insecure-skip-tls-verify: true")
        })
        .has(&["admin.conf: kubeconfig.insecure-with-ca"]);
}

#[test]
fn the_names_of_the_api_server_are_held_against_each_kubeconfig() {
    let server = |url: &str| {
        let line = format!("    server: {url}");
        Files::of("ha").field("admin.conf", "server", move |_| line.clone())
    };
    server("https://nowhere.example:6443").has(&["admin.conf: kubeconfig.server-not-in-sans"]);
    server("https://nowhere.example:6443\n    tls-server-name: kubernetes").has(&[]);
    server("https://192.168.10.21:6443\n    tls-server-name: nowhere.example")
        .has(&["admin.conf: kubeconfig.server-not-in-sans"]);
    server("http://nowhere.example:6443").has(&["admin.conf: kubeconfig.server-invalid"]);
    server("https://kubernetes.default.svc:443").has(&[]);
}

#[test]
fn a_client_with_the_certificate_of_another_row_is_an_error_where_it_lacks_rights() {
    let copy = |from: &str, to: &str| {
        let files = Files::of("stacked");
        let [crt, key] = ["crt", "key"].map(|kind| files.read(&format!("pki/{from}.{kind}")));
        files
            .write(&format!("pki/{to}.crt"), crt)
            .write(&format!("pki/{to}.key"), key)
    };
    let is_found = |files: Files, row: &str, severity| {
        files.has(&[&format!("{row}: certificate.of-another-row")]);
        let findings = files.findings();
        assert!(
            findings.iter().all(|finding| finding.severity == severity),
            "{findings:#?}"
        );
    };
    let files = copy("apiserver-kubelet-client", "apiserver");
    is_found(files, "apiserver", Severity::Error);
    let files = copy("apiserver", "apiserver-kubelet-client");
    is_found(files, "apiserver-kubelet-client", Severity::Error);
    let files = copy("etcd/healthcheck-client", "etcd/peer");
    is_found(files, "etcd-peer", Severity::Error);
    // etcd accepts every client of its CA.
    for client in ["apiserver-etcd-client", "etcd/server"] {
        let files = copy(client, "etcd/healthcheck-client");
        is_found(files, "etcd-healthcheck-client", Severity::Warning);
    }
    copy("etcd/server", "etcd/peer").has(&[]);
    let copy = |from: &str, to: &str| {
        let files = Files::of("stacked");
        let kubeconfig = files.read(from);
        files.write(to, kubeconfig)
    };
    let files = copy("scheduler.conf", "kubelet.conf");
    is_found(files, "kubelet.conf", Severity::Error);
    let files = copy("kubelet.conf", "scheduler.conf");
    is_found(files, "scheduler.conf", Severity::Error);
    let files = copy("admin.conf", "scheduler.conf");
    is_found(files, "scheduler.conf", Severity::Warning);
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_row() {
    Files::of("ha")
        .write("pki/apiserver.crt", "")
        .has(&["apiserver: file.invalid"]);
    Files::of("ha")
        .without("pki/apiserver.key")
        .has(&["apiserver: certificate.key-missing"]);
    Files::of("ha")
        .without("pki/sa.pub")
        .has(&["sa: service-account.public-missing"]);
}

#[test]
fn one_ca_in_several_places_works() {
    let files = Files::of("ha");
    let [ca, key] = ["pki/ca.crt", "pki/ca.key"].map(|name| files.read(name));
    let files = files
        .write("pki/front-proxy-ca.crt", ca)
        .write("pki/front-proxy-ca.key", key)
        .only(&[
            "pki/ca.crt",
            "pki/ca.key",
            "pki/front-proxy-ca.crt",
            "pki/front-proxy-ca.key",
        ]);
    let findings = files.findings();
    let names = |finding: &Finding| finding.row == Some(&FRONT_PROXY_CA);
    assert!(
        !findings
            .iter()
            .any(|finding| names(finding) && finding.severity == Severity::Error),
        "{findings:#?}"
    );
}

#[test]
fn the_kind_of_a_host_shows_in_its_files() {
    let hosts = [
        (
            &["pki/ca.crt", "pki/apiserver.crt"][..],
            HostKind::ControlPlane,
        ),
        (
            &["pki/etcd/ca.crt", "pki/etcd/peer.crt"],
            HostKind::EtcdMember,
        ),
        (&["pki/ca.crt", "kubelet.conf"], HostKind::Worker),
        (&["pki/ca.crt"], HostKind::Other),
        (&[], HostKind::Nothing),
    ];
    for (files, kind) in hosts {
        assert_eq!(Files::of("ha").only(files).host(), kind, "{files:?}");
    }
    // What belongs on another kind of host is not missing on a worker.
    let worker = Files::of("ha").only(&["pki/ca.crt", "kubelet.conf"]);
    worker.has(&[": host.kind", "ca: ca.external"]);
    let inventory = worker.inventory();
    let context = Context {
        inventory: &inventory,
        expected: None,
        now: worker.now,
    };
    let required: Vec<_> = host::required(&context)
        .iter()
        .map(|row| row.name)
        .collect();
    assert_eq!(required, ["ca", "kubelet.conf"]);
}
