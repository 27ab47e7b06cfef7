//! Every command in a remedy is followed, and the finding is gone: in this process for each case of the tables of this module, and
//! by command for one case of each kind of finding.

use std::collections::BTreeSet;

use pki::{
    check::{
        Context, Expected, check,
        expiry::{self, Thresholds},
        finding::{Finding, Findings, PkiCommand},
    },
    config::{Cluster, Host},
    execute,
    plan::{
        Plan, PlanError, infer, init,
        remedy::{self, RemedyContext},
        renew::{self, RenewRequest, Selection},
    },
    tree::{
        inventory::{Depth, Inventory},
        layout::{Layout, TreePath},
        overlay::Tree,
    },
};
use time::Duration;
use x509_cert::der::Tag;

use super::{chains, judgement};
use crate::support::{
    End::{NotAfter, NotBefore},
    NOW, NOW_ARGUMENT, TestTree, peer, pki,
    rows::SIGNED,
};

/// A tree on disk, with files that commands would have written.
struct Rehearsal<'a> {
    layout: &'a Layout,
    declared: Option<&'a Cluster>,
    /// The configuration that `init` would use.
    init: Option<Cluster>,
    written: Vec<(TreePath, Vec<u8>)>,
}

impl Rehearsal<'_> {
    fn inventory(&self) -> Inventory {
        let written: Vec<_> = self
            .written
            .iter()
            .map(|(file, bytes)| (file.clone(), bytes.as_slice()))
            .collect();
        let tree = Tree::open(self.layout).unwrap().with_files(&written);
        Inventory::read(&tree, |_| Depth::Keys)
    }

    fn init_request(&self) -> Option<init::InitRequest<'_>> {
        let cluster = self.init.as_ref()?;
        Some(init::InitRequest {
            is_declared: self.declared.is_some(),
            ..init::InitRequest::from(cluster)
        })
    }

    fn findings(&self, inventory: &Inventory) -> Findings {
        let expected = self.declared.map(Expected::from);
        let context = Context {
            inventory,
            expected,
            now: NOW,
        };
        let mut findings = check(inventory, expected, NOW);
        let thresholds = Thresholds {
            warn: Duration::days(30),
            critical: Duration::ZERO,
        };
        findings.extend(expiry::soon(&context, thresholds));
        let situation = RemedyContext {
            inventory,
            declared: self.declared,
            init: self.init_request(),
            due: None,
            now: NOW,
        };
        remedy::derive(&mut findings, &situation);
        findings
    }

    fn plan(&self, command: &PkiCommand, inventory: &Inventory) -> Result<Plan, PlanError> {
        let findings = self.findings(inventory);
        let selection = match command {
            PkiCommand::Init => {
                let request = self.init_request().unwrap();
                return init::plan(&request, inventory, &findings, NOW);
            }
            PkiCommand::Renew(rows) => Selection::Rows(rows.clone()),
            PkiCommand::RenewAll => Selection::All,
            PkiCommand::RenewDue(within) => Selection::Due(within.span()),
            PkiCommand::RequestCertificates { .. } => panic!("a finding advises a request"),
        };
        let request = RenewRequest {
            selection,
            declared: self.declared,
            reuse_key: false,
        };
        renew::plan(&request, inventory, &findings, NOW)
    }

    fn run(&mut self, command: &PkiCommand) {
        let inventory = self.inventory();
        let plan = self
            .plan(command, &inventory)
            .unwrap_or_else(|error| panic!("{command:?} is advised, but refuses: {error}"));
        let issued = execute::rehearse(&plan, &inventory, NOW).unwrap();
        for file in issued.rows.into_iter().flat_map(|row| row.files) {
            self.written.retain(|(written, _)| *written != file.file);
            self.written.push((file.file, file.bytes.to_vec()));
        }
    }
}

/// Follows each command that a finding of a tree advises.
pub(super) fn assert_commands_help(layout: &Layout, declared: Option<&Cluster>) {
    let mut rehearsal = Rehearsal {
        layout,
        declared,
        init: None,
        written: Vec::new(),
    };
    let inventory = rehearsal.inventory();
    rehearsal.init = declared.cloned().or_else(|| {
        let inferred = infer::cluster(&inventory).settings;
        let resolved = Cluster::resolve(inferred, &Host::default()).ok()?;
        Some(resolved.cluster)
    });
    let findings = rehearsal.findings(&inventory);
    let advised = findings
        .iter()
        .filter(|finding| !finding.remedy.commands.is_empty());
    for finding in advised {
        let name = finding.id.name();
        assert!(
            FOLLOWED.iter().any(|(followed, _)| *followed == name),
            "no case below follows the command for {name}"
        );
        rehearsal.written.clear();
        if finding.remedy.commands.contains(&PkiCommand::Init) {
            // It may need the renewals that other findings advise.
            let renewals = findings
                .iter()
                .flat_map(|other| &other.remedy.commands)
                .filter(|command| **command != PkiCommand::Init);
            renewals.for_each(|command| rehearsal.run(command));
        }
        for command in &finding.remedy.commands {
            rehearsal.run(command);
        }
        let after = rehearsal.findings(&rehearsal.inventory());
        let is_same = |left: &&Finding| {
            (left.id, left.row, &left.found) == (finding.id, finding.row, &finding.found)
        };
        assert_eq!(after.iter().find(is_same), None);
    }
}

const CRT: &str = "pki/apiserver.crt";
const TRUST: &str = "certificate-authority-data";
const KEY: &str = "pki/apiserver.key";
const SERVER: &str = "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n";

fn sign(t: &TestTree, extensions: &str, options: &[&str]) {
    t.sign(
        "apiserver",
        "ca",
        &(t.apiserver_names() + extensions),
        options,
    );
}

fn dates(t: &TestTree, from: &str, to: &str) {
    t.forge(CRT, "ca", |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, from);
        tbs.set_time(NotAfter, Tag::UtcTime, to);
    });
}

/// Replaces the line of a field of `admin.conf`.
fn set(t: &TestTree, field: &str, line: &str) {
    t.edit("admin.conf", |text| {
        let is_field = |line: &&str| line.trim_start().starts_with(&format!("{field}: "));
        let old = text.lines().find(is_field).unwrap();
        text.replace(old, &format!("    {line}"))
    });
}

fn server(t: &TestTree, url: &str) {
    set(t, "server", &format!("server: {url}"));
}

/// What damages a tree.
type Damage = fn(&TestTree);

/// The kinds of findings with a command, each with damage that leads to one.
const FOLLOWED: &[(&str, Damage)] = &[
    ("file.invalid", |t| t.write(CRT, "")),
    ("file.private-key-exposed", |t| t.append(KEY, CRT)),
    ("ca.replaced", |t| {
        t.take_pair(&TestTree::of_another_cluster(), "etcd/ca");
    }),
    // Where a leaf is left, what signed it must not be made new.
    ("ca.missing", |t| {
        t.remove_rows(&SIGNED);
        t.remove_rows(&["front-proxy-ca"]);
    }),
    ("service-account.missing", |t| {
        t.remove_rows(&SIGNED);
        t.remove_rows(&["sa"]);
    }),
    ("certificate.missing", |t| t.remove_rows(&["apiserver"])),
    ("certificate.key-only", |t| t.remove(CRT)),
    ("certificate.key-missing", |t| t.remove(KEY)),
    ("certificate.key-mismatch", |t| {
        t.copy("pki/etcd/server.key", KEY)
    }),
    ("certificate.expired", |t| {
        dates(t, "190101000000Z", "200101000000Z")
    }),
    ("certificate.not-yet-valid", |t| {
        dates(t, "400101000000Z", "410101000000Z")
    }),
    ("certificate.expires-soon", |t| {
        dates(t, "190101000000Z", SOON)
    }),
    ("certificate.other-issuer", |t| {
        t.sign("apiserver", "etcd/ca", &(t.apiserver_names() + SERVER), &[]);
    }),
    ("certificate.damaged", |t| t.damage_signature(CRT)),
    ("certificate.weak-signature", |t| {
        sign(t, SERVER, &["-md", "sha1"])
    }),
    ("certificate.usage-missing", |t| {
        sign(t, "extendedKeyUsage=clientAuth\n", &[])
    }),
    ("certificate.is-the-ca", |t| t.copy_pair("ca", "apiserver")),
    ("certificate.of-another-row", |t| {
        t.copy_pair("apiserver-kubelet-client", "apiserver")
    }),
    ("certificate.refused-by-go", |t| {
        t.forge(CRT, "ca", |tbs| tbs.set_serial(&[0xfb]))
    }),
    ("certificate.unknown-critical-extension", |t| {
        sign(t, &format!("{SERVER}1.2.3.4=critical,DER:0500\n"), &[]);
    }),
    ("certificate.names-missing", |t| {
        let names = t.apiserver_names().replace("DNS:cp-1,", "");
        t.sign("apiserver", "ca", &(names + SERVER), &[]);
    }),
    ("certificate.without-usages", |t| sign(t, "", &[])),
    ("certificate.version", |t| {
        t.sign("front-proxy-client", "front-proxy-ca", "", &[]);
    }),
    ("certificate.intermediate", |t| {
        chains::through_an_intermediate(t, SERVER);
        chains::append_to_leaf(t, &chains::read(t, "middle"));
    }),
    ("certificate.with-ca-flag", |t| {
        sign(
            t,
            "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:TRUE\n",
            &[],
        );
    }),
    ("certificate.extra", |t| {
        t.append("pki/etcd/server.crt", CRT)
    }),
    ("certificate.differs", |t| {
        let names = t
            .apiserver_names()
            .replace("DNS:cp-1,", "DNS:cp-1,DNS:other.example,");
        t.sign("apiserver", "ca", &(names + SERVER), &[]);
    }),
    ("service-account.public-missing", |t| t.remove("pki/sa.pub")),
    ("kubeconfig.missing", |t| t.remove("scheduler.conf")),
    ("kubeconfig.other-ca", |t| {
        t.embed(
            "admin.conf",
            "certificate-authority-data",
            t.read("pki/etcd/ca.crt"),
        );
    }),
    ("kubeconfig.without-ca", |t| set(t, TRUST, "")),
    ("kubeconfig.ca-file-missing", |t| {
        set(
            t,
            TRUST,
            "certificate-authority: /etc/kubernetes/pki/gone.crt",
        );
    }),
    ("kubeconfig.ca-file-other", |t| {
        set(
            t,
            TRUST,
            "certificate-authority: /etc/kubernetes/pki/etcd/ca.crt",
        );
    }),
    ("kubeconfig.server-not-in-sans", |t| {
        server(t, "https://other.example:6443")
    }),
    ("kubeconfig.server-invalid", |t| {
        server(t, "http://api.example.net:6443")
    }),
    ("kubelet.certificate-missing", |t| {
        t.edit("kubelet.conf", |text| {
            let is_data = |line: &&str| {
                line.contains("client-certificate-data") || line.contains("client-key-data")
            };
            let mut lines: Vec<_> = text.lines().filter(|line| !is_data(line)).collect();
            lines.push("    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem");
            lines.push("    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem");
            lines.join("\n")
        });
    }),
];

/// A date within 30 days of [`NOW`].
const SOON: &str = "261220000000Z";

#[test]
fn every_command_as_printed_removes_its_finding() {
    if peer("openssl").is_none() {
        return;
    }
    let failures: Vec<_> = FOLLOWED
        .iter()
        .filter_map(|(name, damage)| failure(name, *damage))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs what is printed about a damaged tree, and returns what does not help.
fn failure(name: &str, damage: Damage) -> Option<String> {
    let tree = TestTree::new();
    damage(&tree);
    let before = judgement::names(&tree);
    if !before.contains(name) {
        return Some(format!("{name} is not found: {before:?}"));
    }
    let mut printed = BTreeSet::new();
    for command in [&["check-expiration"][..], &["init", "--dry-run"]] {
        printed.extend(commands(&tree.pki(command).stderr));
    }
    if printed.is_empty() {
        return Some(format!("{name} has no command"));
    }
    // `init` completes what the renewals leave.
    let is_init = |words: &&Vec<String>| words.iter().any(|word| word == "init");
    let renewals = printed.iter().filter(|words| !is_init(words));
    for words in renewals.chain(printed.iter().filter(is_init)) {
        let mut command = pki();
        command.args(&words[1..]).args(["--now", NOW_ARGUMENT]);
        let run = tree.watch(&mut command);
        if run.code != Some(0) {
            return Some(format!("{name}: {run}"));
        }
    }
    let after = judgement::names(&tree);
    after
        .contains(name)
        .then(|| format!("{name} is left: {after:?}"))
}

/// Returns the commands in backticks, word by word.
fn commands(text: &str) -> Vec<Vec<String>> {
    text.split('`')
        .filter(|part| part.starts_with("pki "))
        .map(|command| command.split(' ').map(str::to_owned).collect())
        .collect()
}
