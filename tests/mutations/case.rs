//! One file of a tree, and the judgement of its mutants.
//!
//! The tree of a case contains only that file and related files, so that it is small and a mutant passes through whole
//! commands. It is kept in memory; there are no files.

use std::{fs, path::Path};

use pki::{
    catalog::{self, CATALOG, Row},
    check::{
        Expected, check,
        finding::{Findings, Outcome},
    },
    config::{self, Cluster, Host},
    execute::{Progress, issue},
    kubeconfig::Kubeconfig,
    plan::{
        Action, Make, Plan, PlanError, init,
        renew::{self, RenewRequest, Selection},
    },
    tree::{
        inventory::{Depth, FileState, Inventory, RowFiles},
        layout::{self, Layout, Root, TreePath},
        overlay::Tree,
    },
    x509::algorithm::Algorithm,
    x509::certificate::Certificate,
    x509::chain::{CaBundle, Chain},
    x509::usage::Usage,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{
    CertificateDer, UnixTime,
    pem::{PemObject, SectionKind},
};
use time::{Duration, OffsetDateTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::{Decode, Encode};

use super::{everything, mutant::Mutant};
use crate::support::shared_tree;

/// A file with its tree.
pub(super) struct MutationCase {
    pub(super) file: TreePath,
    pub(super) original: Vec<u8>,
    row: &'static Row,
    layout: Layout,
    /// Every file of the tree.
    files: Vec<(TreePath, Vec<u8>)>,
    cluster: Cluster,
    now: OffsetDateTime,
    /// The rows of which there is something.
    rows: Vec<&'static Row>,
    /// The certificates of these rows.
    certificates: Vec<(&'static Row, Vec<Vec<u8>>)>,
    renewals: Vec<Renewal>,
}

/// The result of a mutant.
#[derive(Default)]
pub(super) struct Verdict {
    /// What is wrong with that.
    pub(super) wrong: Vec<String>,
    /// `init` keeps the file.
    pub(super) kept: bool,
    /// `init` keeps it although its DER differs from the original's. A test of the kind of file decides whether that is wrong.
    pub(super) kept_reencoded: bool,
    /// A check finds nothing wrong.
    pub(super) healthy: bool,
    /// A renewal goes through.
    pub(super) renewed: bool,
    /// The kubeconfig that a renewal makes of it, where it was carried out.
    pub(super) kubeconfig: Option<String>,
}

/// A way to renew, with what it makes of the original.
struct Renewal {
    name: &'static str,
    declared: bool,
    reuse_key: bool,
    plan: Plan,
    made: Vec<(&'static Row, Said)>,
}

/// What a certificate says, each field in DER, apart from key, serial number and what follows from these.
#[derive(PartialEq)]
struct Said {
    issuer: Vec<u8>,
    subject: Vec<u8>,
    validity: Vec<u8>,
    key_algorithm: Vec<u8>,
    extensions: Vec<(String, bool, Vec<u8>)>,
}

struct Unattended;

impl Progress for Unattended {
    fn keys(&self, _done: usize, _total: usize) {}

    fn is_interrupted(&self) -> bool {
        false
    }
}

impl MutationCase {
    /// Takes a file of the shared tree, with all files of its row and of another.
    pub(super) fn new(row: &'static Row, file: TreePath, beside: &'static Row) -> MutationCase {
        MutationCase::edited(row, file, beside, |_| {})
    }

    /// As [`Case::new`], but the tree is edited before anything is looked at.
    fn edited(
        row: &'static Row,
        file: TreePath,
        beside: &'static Row,
        edit: impl FnOnce(&mut MutationCase),
    ) -> MutationCase {
        let source = shared_tree("ECDSA-P256").path("");
        // Nothing lies there.
        let folder = Path::new("/pki-mutations");
        assert!(!folder.exists());
        let layout = Layout {
            certificates: folder.join("pki"),
            kubeconfigs: folder.to_owned(),
            kubelet: folder.join("kubelet"),
            rootfs: None,
        };
        let rows: Vec<_> = CATALOG
            .iter()
            .copied()
            .filter(|entry| *entry == row || *entry == beside)
            .collect();
        let read = |(file, _): (TreePath, _)| {
            let path = layout.path(&file);
            let bytes = fs::read(source.join(path.strip_prefix(folder).unwrap())).unwrap();
            (file, bytes)
        };
        let files = rows
            .iter()
            .flat_map(|row| layout::files(row))
            .map(read)
            .collect();
        let record = fs::read(source.join(".pki/cluster.yaml")).unwrap();
        let settings = config::read("record", &record).unwrap().settings;
        let apiserver = fs::read(source.join("pki/apiserver.crt")).unwrap();
        let apiserver = Chain::from_pem(&apiserver).unwrap().leaf;
        let mut case = MutationCase {
            file,
            original: Vec::new(),
            row,
            layout,
            files,
            cluster: Cluster::resolve(settings, &Host::default())
                .unwrap()
                .cluster,
            now: apiserver.not_before() + Duration::HOUR,
            rows,
            certificates: Vec::new(),
            renewals: Vec::new(),
        };
        edit(&mut case);
        let (_, original) = case
            .files
            .iter()
            .find(|(file, _)| *file == case.file)
            .unwrap();
        case.original = original.clone();
        case.look_at_the_original();
        case
    }

    /// The cluster CA's certificate where the CA is an intermediate one, followed by the root.
    pub(super) fn intermediate() -> MutationCase {
        let (row, leaf) = (&catalog::CA, &catalog::APISERVER);
        MutationCase::edited(row, layout::certificate_file(row).unwrap(), leaf, |case| {
            let (root, root_key) = (authority("a root"), KeyPair::generate().unwrap());
            let (ca, ca_key) = (authority("a cluster's CA"), KeyPair::generate().unwrap());
            let issuer = rcgen::Issuer::from_params(&root, &root_key);
            let chain = [
                ca.signed_by(&ca_key, &issuer).unwrap().pem(),
                root.self_signed(&root_key).unwrap().pem(),
            ];
            case.files = vec![
                (
                    layout::certificate_file(row).unwrap(),
                    chain.concat().into(),
                ),
                (
                    layout::key_file(row).unwrap(),
                    ca_key.serialize_pem().into(),
                ),
            ];
            let inventory = case.inventory(&case.files[0].1, Depth::Keys);
            let findings = case.findings(&inventory);
            let mut plan = case.init(&inventory, &findings).unwrap();
            plan.steps.retain(|step| step.row == leaf);
            let issued = issue(&plan, &inventory, None, case.now, &Unattended).unwrap();
            let made = issued.rows.into_iter().flat_map(|row| row.files);
            case.files
                .extend(made.map(|file| (file.file, file.bytes.to_vec())));
        })
    }

    /// The file that the kubelet renews by itself, with a kubelet.conf that points at it.
    pub(super) fn rotating() -> MutationCase {
        let file = TreePath::new(Root::Kubelet, layout::KUBELET_CLIENT_CURRENT);
        let row = &catalog::KUBELET_CONF;
        MutationCase::edited(row, file.clone(), &catalog::CA, |case| {
            let [certificate, key, _] = shared_tree("ECDSA-P256").unpacked("kubelet.conf");
            let both = [fs::read(certificate).unwrap(), fs::read(key).unwrap()];
            case.files.push((file, both.concat()));
            let conf = layout::kubeconfig_file(row).unwrap();
            let (_, bytes) = case
                .files
                .iter_mut()
                .find(|(file, _)| *file == conf)
                .unwrap();
            let path = case.layout.kubelet.join(layout::KUBELET_CLIENT_CURRENT);
            let line = |line: &str| match line.split_once("-data: ") {
                Some((field, _)) if field.trim_start().starts_with("client-") => {
                    format!("{field}: {}\n", path.display())
                }
                _ => format!("{line}\n"),
            };
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text.lines().map(line).collect::<String>().into();
        })
    }

    fn look_at_the_original(&mut self) {
        let inventory = self.inventory(&self.original, Depth::Keys);
        let findings = self.findings(&inventory);
        let shown = |row: &&'static Row| (*row, shown(inventory.row(row)));
        self.certificates = self.rows.iter().map(shown).collect();
        for (name, declared, reuse_key) in [
            ("renew all", true, false),
            ("renew all without a configuration", false, false),
            ("renew all --reuse-key", true, true),
        ] {
            let plan = self
                .plan(&inventory, &findings, declared, reuse_key)
                .unwrap();
            let issued = issue(&plan, &inventory, None, self.now, &Unattended).unwrap();
            let made = issued
                .rows
                .iter()
                .map(|row| (row.row, said(row.certificate.as_ref().unwrap().der())))
                .collect();
            self.renewals.push(Renewal {
                name,
                declared,
                reuse_key,
                plan,
                made,
            });
        }
        let verdict = self.judge(None, &self.original);
        assert!(
            verdict.kept && verdict.healthy && verdict.wrong.is_empty(),
            "the original {}: {:?}",
            self.file,
            verdict.wrong
        );
    }

    /// Reads the tree with these bytes in the file.
    fn inventory(&self, bytes: &[u8], depth: Depth) -> Inventory {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(file, original)| match *file == self.file {
                true => (file.clone(), bytes),
                false => (file.clone(), original.as_slice()),
            })
            .collect();
        let tree = Tree::open(&self.layout).unwrap().with_files(&files);
        Inventory::read(&tree, |_| depth)
    }

    /// Judges what the commands would do with a mutant, or the original.
    pub(super) fn judge(&self, mutant: Option<Mutant>, bytes: &[u8]) -> Verdict {
        let inventory = self.inventory(bytes, Depth::Keys);
        let findings = self.findings(&inventory);
        let mut verdict = Verdict::default();
        let mut wrong = Vec::new();
        let mut note = |command: &str, result: Result<(), String>| {
            wrong.extend(result.err().map(|why| format!("{command}: {why}")));
        };
        let result = self.judge_init(&inventory, &findings, bytes, &mut verdict);
        note("init", result);
        let result = self.judge_check(&inventory, &findings, bytes, &mut verdict);
        note("check-expiration", result);
        for renewal in &self.renewals {
            let read = (&inventory, &findings);
            let result = self.judge_renewal(read, mutant, bytes, renewal, &mut verdict);
            note(renewal.name, result);
        }
        verdict.wrong = wrong;
        verdict
    }

    fn judge_init(
        &self,
        inventory: &Inventory,
        findings: &Findings,
        bytes: &[u8],
        verdict: &mut Verdict,
    ) -> Result<(), String> {
        let plan = match self.init(inventory, findings) {
            Ok(plan) => plan,
            Err(refusal) => return self.is_named(&refusal.to_string()),
        };
        let step = plan.steps.iter().find(|step| step.row == self.row);
        if !step.is_some_and(|step| matches!(step.action, Action::Keep)) {
            return Err("the file would be replaced".to_owned());
        }
        // A server that is not the configured one is kept, and said.
        let differs = pki::check::finding::FindingId::KubeconfigServerDiffers;
        verdict.kept = !findings.has(self.row, differs);
        // The kubelet's own file is not `init`'s to judge.
        if self.file.root != Root::Kubelet {
            verdict.kept_reencoded = !self.is_same(bytes)?;
        }
        Ok(())
    }

    fn judge_check(
        &self,
        inventory: &Inventory,
        findings: &Findings,
        bytes: &[u8],
        verdict: &mut Verdict,
    ) -> Result<(), String> {
        // A check reads no keys, so it may read more than the others of a kubeconfig, and the same of everything else.
        let read_again = match inventory.row(self.row) {
            RowFiles::Kubeconfig(FileState::Invalid(_)) => {
                Some(self.inventory(bytes, Depth::Certificates))
            }
            _ => None,
        };
        let is_healthy = match &read_again {
            Some(inventory) => self.is_healthy(inventory),
            None => findings.outcome() == Outcome::Healthy,
        };
        if !is_healthy {
            return Ok(());
        }
        let inventory = read_again.as_ref().unwrap_or(inventory);
        verdict.healthy = true;
        for (row, original) in &self.certificates {
            if shown(inventory.row(row)) != *original {
                return Err(format!(
                    "`{}` is taken for healthy and is not the original",
                    row.name
                ));
            }
        }
        Ok(())
    }

    /// Plans `init`; what the tree of the case leaves out is made.
    fn init(&self, inventory: &Inventory, findings: &Findings) -> Result<Plan, PlanError> {
        let request = init::InitRequest {
            new_ca: true,
            ..init::InitRequest::from(&self.cluster)
        };
        init::plan(&request, inventory, findings, self.now)
    }

    /// Returns what is found in the rows of the case.
    fn findings(&self, inventory: &Inventory) -> Findings {
        self.found(inventory, Some((&self.cluster).into()))
    }

    fn found(&self, inventory: &Inventory, expected: Option<Expected<'_>>) -> Findings {
        let found = check(inventory, expected, self.now);
        found.filter(|finding| finding.row.is_none_or(|row| self.rows.contains(&row)))
    }

    fn is_healthy(&self, inventory: &Inventory) -> bool {
        self.findings(inventory).outcome() == Outcome::Healthy
    }

    /// Plans a renewal; without a configuration, the findings are others.
    fn plan(
        &self,
        inventory: &Inventory,
        findings: &Findings,
        declared: bool,
        reuse_key: bool,
    ) -> Result<Plan, String> {
        let request = RenewRequest {
            selection: Selection::All,
            declared: declared.then_some(&self.cluster),
            reuse_key,
        };
        let undeclared = (!declared).then(|| self.found(inventory, None));
        let findings = undeclared.as_ref().unwrap_or(findings);
        let mut plan = renew::plan(&request, inventory, findings, self.now)
            .map_err(|error| error.to_string())?;
        // What was never there is not this case's.
        plan.steps.retain(|step| self.rows.contains(&step.row));
        Ok(plan)
    }

    fn judge_renewal(
        &self,
        (inventory, findings): (&Inventory, &Findings),
        mutant: Option<Mutant>,
        bytes: &[u8],
        renewal: &Renewal,
        verdict: &mut Verdict,
    ) -> Result<(), String> {
        let plan = match self.plan(inventory, findings, renewal.declared, renewal.reuse_key) {
            Ok(plan) => plan,
            Err(refusal) => return self.is_named(&refusal),
        };
        for (row, ..) in renewal.plan.made() {
            let step = plan.steps.iter().find(|step| step.row == row);
            match step.map(|step| &step.action) {
                Some(Action::Make { .. } | Action::Keep) => {}
                Some(Action::Skip {
                    reason,
                    failed: true,
                    ..
                }) => {
                    return self.is_named(&format!("`{}`: {reason}", row.name));
                }
                // The exit code is that of a check over the result.
                Some(Action::Skip { .. }) | None if !verdict.healthy => {}
                Some(Action::Skip { reason, .. }) => {
                    return Err(format!("it is passed over as if that were right: {reason}"));
                }
                None => return Err(format!("`{}` is passed over without a word", row.name)),
            }
        }
        if plan.makes_nothing() {
            return Ok(());
        }
        verdict.renewed = true;
        // What stays beside the new certificate is what is on disk.
        let key_stays =
            renewal.reuse_key && layout::key_file(self.row).as_ref() == Some(&self.file);
        if (self.row.is_ca() || key_stays) && !self.is_same(bytes)? {
            verdict.kept_reencoded = true;
        }
        // Where the old key cannot be read, the new one is an RSA key, which takes a hundred times as long.
        let is_slow = plan
            .made()
            .any(|(_, make, _)| make.new_key() == Some(Algorithm::Rsa2048));
        if (is_slow || self.is_as_planned(&plan, renewal)) && !self.is_carried_out(mutant) {
            return Ok(());
        }
        let issued = issue(&plan, inventory, None, self.now, &Unattended)
            .map_err(|error| format!("what is planned cannot be made: {error:#}"))?;
        for row in &issued.rows {
            let certificate = row.certificate.as_ref().ok_or("there is no certificate")?;
            self.is_signed(row.row, certificate.der())?;
            let made = renewal.made.iter().find(|(made, _)| *made == row.row);
            // The kubelet cannot renew a certificate that is damaged, so kubelet.conf gets one of its own.
            if made.is_none() && *row.row == catalog::KUBELET_CONF {
                continue;
            }
            let (_, original) = made.ok_or("it is issued, and the original is not")?;
            let new = said(certificate.der());
            if new != *original {
                return Err(format!("`{}` {}", row.row.name, difference(original, &new)));
            }
            if let (Some(_), [file]) = (layout::kubeconfig_file(row.row), row.files.as_slice()) {
                // The exit code is that of a check over the result.
                let after = self.inventory(&file.bytes, Depth::Certificates);
                if row.row == self.row && !self.is_healthy(&after) {
                    return Ok(());
                }
                self.is_trusting(&file.bytes)?;
                verdict.kubeconfig = Some(String::from_utf8(file.bytes.to_vec()).unwrap());
            }
        }
        Ok(())
    }

    /// Returns the certificates of a row in the original.
    fn original_of(&self, row: &Row) -> Option<&Vec<Vec<u8>>> {
        let found = self.certificates.iter().find(|(entry, _)| *entry == row);
        found.map(|(_, certificates)| certificates)
    }

    /// Returns whether the same is going to be signed, by the same CA, as for the original.
    fn is_as_planned(&self, plan: &Plan, renewal: &Renewal) -> bool {
        let mut pairs = plan.made().zip(renewal.plan.made());
        !self.row.is_ca()
            && plan.made().count() == renewal.plan.made().count()
            && pairs.all(|((row, make, _), (other_row, other, _))| {
                row == other_row && self.trusts_the_original(make) && is_same_leaf(make, other)
            })
    }

    /// Returns whether the CA data of a kubeconfig stays, or becomes the original CA.
    fn trusts_the_original(&self, make: &Make) -> bool {
        match make {
            Make::RenewedKubeconfig { ca: Some(ca), .. } => {
                self.original_of(&catalog::CA) == Some(&ders(ca))
            }
            _ => true,
        }
    }

    /// Returns whether a renewal is carried out although nothing about its plan is new.
    fn is_carried_out(&self, mutant: Option<Mutant>) -> bool {
        let Some(mutant) = mutant else { return true };
        let is_kubeconfig = layout::kubeconfig_file(self.row).as_ref() == Some(&self.file);
        let place = mutant.place();
        let in_long_word = || {
            let word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
            let (before, after) = self.original.split_at(place);
            let length = before.iter().rev().take_while(|byte| word(byte)).count()
                + after.iter().take_while(|byte| word(byte)).count();
            length > 100
        };
        everything() || is_kubeconfig && !in_long_word() || mutant.number() % 16 == 0
    }

    /// Returns an error unless a message says which file is meant, by path or by row.
    fn is_named(&self, message: &str) -> Result<(), String> {
        let path = self.layout.path(&self.file).display().to_string();
        let row = format!("`{}`", self.row.name);
        match message.contains(&path)
            || message.contains(&row)
            || message.contains(self.file.file_name())
        {
            true => Ok(()),
            false => Err(format!("refused, and the file is not named: {message}")),
        }
    }

    /// Returns whether another library reads the same bytes from it; of a key, others have to say what they mean.
    fn is_same(&self, bytes: &[u8]) -> Result<bool, String> {
        if layout::kubeconfig_file(self.row).is_some() {
            return Ok(true);
        }
        let (found, original) = (sections(bytes), sections(&self.original));
        let is_key = layout::key_file(self.row).as_ref() == Some(&self.file);
        match found {
            None => Err("it is used, and another library cannot read it".to_owned()),
            Some(found) if Some(&found) == original.as_ref() => Ok(true),
            Some(found) if is_key && found.len() == 1 => Ok(false),
            Some(_) => Err("it is used, and is not the original".to_owned()),
        }
    }

    /// Returns an error unless a kubeconfig trusts the original CA, and no other.
    fn is_trusting(&self, kubeconfig: &[u8]) -> Result<(), String> {
        let kubeconfig = Kubeconfig::parse(kubeconfig).map_err(|error| error.to_string())?;
        let ca = kubeconfig.ca().map_err(|error| error.to_string())?;
        match self.original_of(&catalog::CA) == ca.as_deref().map(ders).as_ref() {
            true => Ok(()),
            false => Err("what is made does not trust the original CA".to_owned()),
        }
    }

    /// Returns an error unless the original CA has signed a certificate, and for all that its row is for.
    fn is_signed(&self, row: &Row, der: &[u8]) -> Result<(), String> {
        let signer = row.signer().ok_or("it has no CA")?;
        let chain = self.original_of(signer).ok_or("its CA is gone")?;
        let ca = CertificateDer::from(chain[0].as_slice());
        let anchor = anchor_from_trusted_cert(&ca).unwrap();
        let der = CertificateDer::from(der);
        let leaf = EndEntityCert::try_from(&der).map_err(|error| error.to_string())?;
        let seconds = u64::try_from(self.now.unix_timestamp()).unwrap();
        for usage in row.usages() {
            let usage = match usage {
                Usage::ServerAuth => KeyUsage::server_auth(),
                Usage::ClientAuth => KeyUsage::client_auth(),
            };
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
            leaf.verify_for_usage(
                ALL_VERIFICATION_ALGS,
                std::slice::from_ref(&anchor),
                &[],
                now,
                usage,
                None,
                None,
            )
            .map_err(|error| {
                format!(
                    "`{}` does not verify under the original CA: {error}",
                    row.name
                )
            })?;
        }
        Ok(())
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

fn is_same_leaf(one: &Make, other: &Make) -> bool {
    let (Some(one), Some(other)) = (one.leaf(), other.leaf()) else {
        return false;
    };
    one.signer == other.signer
        && one.contents == other.contents
        && one.intermediates == other.intermediates
        && one.key == other.key
        && one.validity == other.validity
}

fn shown(files: &RowFiles) -> Vec<Vec<u8>> {
    let certificates = match files {
        RowFiles::Ca { bundle, .. } => bundle.valid().map(CaBundle::certificates),
        files => files.chain().map(Chain::certificates),
    };
    ders(certificates.unwrap_or_default())
}

fn ders<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> Vec<Vec<u8>> {
    certificates
        .into_iter()
        .map(|certificate| certificate.der().to_vec())
        .collect()
}

/// Returns what a PEM file holds, as rustls reads it.
pub(super) fn sections(bytes: &[u8]) -> Option<Vec<(SectionKind, Vec<u8>)>> {
    // Its errors may quote the file.
    <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes)
        .collect::<Result<_, _>>()
        .ok()
}

const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";

fn said(der: &[u8]) -> Said {
    let certificate = x509_cert::Certificate::from_der(der).unwrap();
    let signed = certificate.tbs_certificate();
    let extensions = signed.extensions().into_iter().flatten();
    Said {
        issuer: signed.issuer().to_der().unwrap(),
        subject: signed.subject().to_der().unwrap(),
        validity: signed.validity().to_der().unwrap(),
        key_algorithm: signed.subject_public_key_info().algorithm.to_der().unwrap(),
        extensions: extensions
            .map(|extension| {
                let id = extension.extn_id.to_string();
                let value = match id.as_str() {
                    SUBJECT_KEY_IDENTIFIER => Vec::new(),
                    _ => extension.extn_value.as_bytes().to_vec(),
                };
                (id, extension.critical, value)
            })
            .collect(),
    }
}

fn difference(original: &Said, new: &Said) -> String {
    let fields = [
        ("issuer", original.issuer == new.issuer),
        ("subject", original.subject == new.subject),
        ("validity", original.validity == new.validity),
        ("key algorithm", original.key_algorithm == new.key_algorithm),
    ];
    let only = |said: &Said, other: &Said| -> Vec<String> {
        let is_other = |extension: &&(String, bool, Vec<u8>)| !other.extensions.contains(extension);
        said.extensions
            .iter()
            .filter(is_other)
            .map(|(id, ..)| id.clone())
            .collect()
    };
    let fields: Vec<_> = fields
        .iter()
        .filter(|(_, same)| !same)
        .map(|(name, _)| *name)
        .collect();
    format!(
        "has another {fields:?}, extensions {:?} where {:?} should be",
        only(new, original),
        only(original, new)
    )
}
