//! Carries out a plan in memory: generates the keys on all cores, signs, lays out the files, and checks every one of them
//! as if it had just been read from disk. Nothing is written here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::catalog::Row;
use crate::check::time_text;
use crate::kubeconfig::{self, Credentials, Kubeconfig};
use crate::plan::{KeySource, Leaf, Make, Plan};
use crate::store::ledger;
use crate::tree::inventory::{CaState, FileState, Inventory, RowFiles};
use crate::tree::layout::{self, Access, TreePath};
use crate::x509::algorithm::Algorithm;
use crate::x509::ca::check_ca;
use crate::x509::certificate::Certificate;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::key::{KeyError, PrivateKey, PublicKey, hex};
use crate::x509::sign::{Issuer, self_signed_ca};
use crate::x509::verify::verify;

/// Everything a plan makes, ready to be written.
#[derive(Default)]
pub struct Issued {
    /// In catalog order.
    pub rows: Vec<IssuedRow>,
}

/// What a plan makes of one row.
pub struct IssuedRow {
    /// The row.
    pub row: &'static Row,
    /// The new certificate, if it has one.
    pub certificate: Option<Certificate>,
    /// The files, in the order in which they have to come into place.
    pub files: Vec<IssuedFile>,
}

/// A file ready to be written.
pub struct IssuedFile {
    /// Where it goes.
    pub file: TreePath,
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// How private it is.
    pub access: Access,
}

/// How the work is told about and stopped; the work itself knows neither terminals nor signals.
pub trait Progress {
    /// `done` of `total` keys are generated.
    fn keys(&self, done: usize, total: usize);
    /// Returns whether to stop.
    fn is_interrupted(&self) -> bool;
}

/// The run was asked to stop while it made keys.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted by a signal")
    }
}

impl std::error::Error for Interrupted {}

impl Issued {
    /// Returns the ledger's lines for what was issued; what only came back was issued before.
    pub fn ledger_entries(
        &self,
        before: &Inventory,
        command: &str,
        now: OffsetDateTime,
    ) -> Vec<ledger::Entry> {
        let entry = |issued: &IssuedRow| {
            let certificate = issued.certificate.as_ref()?;
            Some(ledger::Entry {
                time: time_text(now),
                command: command.to_owned(),
                name: issued.row.name.to_owned(),
                serial: certificate.serial(),
                subject: certificate.subject().to_string(),
                sans: certificate.san_texts(),
                usages: certificate.usage_names(),
                not_before: time_text(certificate.not_before()),
                not_after: time_text(certificate.not_after()),
                issuer_key_id: certificate.authority_key_id().map(|id| hex(&id)),
                fingerprint: hex(&certificate.fingerprint()),
                replaces: before
                    .row(issued.row)
                    .certificate()
                    .map(Certificate::serial),
            })
        };
        self.rows.iter().filter_map(entry).collect()
    }
}

/// Makes everything that `plan` asks for, and checks it.
///
/// # Errors
/// [`Interrupted`]; a failure of the cryptography library; or a result that does not pass its own check.
pub fn issue(
    plan: &Plan,
    inventory: &Inventory,
    now: OffsetDateTime,
    progress: &dyn Progress,
) -> Result<Issued> {
    let algorithms: Vec<_> = plan.made().map(|(_, make, _)| make.new_key()).collect();
    let keys = generate(&algorithms, progress)?;
    issue_with(keys, plan, inventory, now)
}

/// Makes what `plan` asks for with keys of another kind, which are made at once: to judge what the plan leads to.
///
/// # Errors
/// As [`issue`].
pub fn rehearse(plan: &Plan, inventory: &Inventory, now: OffsetDateTime) -> Result<Issued> {
    let key = |make: &Make| {
        make.new_key()
            .map(|_| PrivateKey::generate(Algorithm::EcdsaP256))
            .transpose()
    };
    let keys = plan
        .made()
        .map(|(_, make, _)| key(make).context("generating a key"))
        .collect::<Result<_>>()?;
    issue_with(keys, plan, inventory, now)
}

fn issue_with(
    keys: Vec<Option<PrivateKey>>,
    plan: &Plan,
    inventory: &Inventory,
    now: OffsetDateTime,
) -> Result<Issued> {
    let mut maker = Maker {
        inventory,
        now,
        new_cas: Vec::new(),
    };
    let mut issued = Issued::default();
    for ((row, make, _), key) in plan.made().zip(keys) {
        let row = maker
            .make(row, make, key)
            .with_context(|| format!("issuing `{}`", row.name))?;
        issued.rows.push(row);
    }
    Ok(issued)
}

/// Generates a key for each `Some`, on all cores, in whatever order they come.
fn generate(
    algorithms: &[Option<Algorithm>],
    progress: &dyn Progress,
) -> Result<Vec<Option<PrivateKey>>> {
    let jobs: Arc<Vec<(usize, Algorithm)>> = Arc::new(
        algorithms
            .iter()
            .enumerate()
            .filter_map(|(slot, algorithm)| Some((slot, (*algorithm)?)))
            .collect(),
    );
    let mut keys: Vec<Option<PrivateKey>> = Vec::new();
    keys.resize_with(algorithms.len(), || None);
    // An elliptic-curve key takes microseconds, less than starting a thread.
    let threads = match jobs.iter().any(|(_, algorithm)| algorithm.is_rsa()) {
        true => std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(jobs.len()),
        false => 0,
    };
    progress.keys(0, jobs.len());
    let (sender, receiver) = channel::<(usize, Result<PrivateKey, KeyError>)>();
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = 0;
    for _ in 0..threads {
        let (jobs, next, sender) = (Arc::clone(&jobs), Arc::clone(&next), sender.clone());
        // Not scoped: an interrupted run leaves without waiting for the keys that are being made.
        let started = std::thread::Builder::new().spawn(move || {
            while let Some((slot, algorithm)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                if sender
                    .send((*slot, PrivateKey::generate(*algorithm)))
                    .is_err()
                {
                    return;
                }
            }
        });
        running += usize::from(started.is_ok());
    }
    if running == 0 {
        for (slot, algorithm) in jobs.iter() {
            // The receiver lives until the end of this function.
            let _sent = sender.send((*slot, PrivateKey::generate(*algorithm)));
        }
    }
    drop(sender);
    let mut done = 0;
    while done < jobs.len() {
        if progress.is_interrupted() {
            bail!(Interrupted);
        }
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok((slot, key)) => {
                let key = key.context("generating a key")?;
                if let Some(place) = keys.get_mut(slot) {
                    *place = Some(key);
                }
                done += 1;
                progress.keys(done, jobs.len());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("generating keys: a thread ended early"),
        }
    }
    Ok(keys)
}

struct Maker<'a> {
    inventory: &'a Inventory,
    now: OffsetDateTime,
    /// CAs made by this plan; they sign what comes after them.
    new_cas: Vec<(&'static Row, CaBundle, PrivateKey)>,
}

impl Maker<'_> {
    fn make(
        &mut self,
        row: &'static Row,
        make: &Make,
        key: Option<PrivateKey>,
    ) -> Result<IssuedRow> {
        match make {
            Make::Ca {
                common_name,
                validity,
                ..
            } => {
                let key = key.context("there is no key")?;
                let certificate = self_signed_ca(common_name, &key, *validity)?;
                let bundle = CaBundle::from(certificate.clone());
                check_ca(&bundle, self.now)?;
                ensure!(
                    certificate.public_key() == key.public_key()?,
                    "the certificate is not for the key"
                );
                let files = pair(row, certificate.to_pem(), Some(key.to_pem()?));
                check_pair(&files, &Chain::from(certificate.clone()), Some(&key))?;
                self.new_cas.push((row, bundle, key));
                Ok(IssuedRow {
                    row,
                    certificate: Some(certificate),
                    files,
                })
            }
            Make::Leaf(leaf) => {
                let (certificate, new_key) = self.leaf(row, leaf, key)?;
                let pem = new_key.as_ref().map(PrivateKey::to_pem).transpose()?;
                let chain = with_intermediates(&certificate, leaf);
                let files = pair(row, chain.to_pem(), pem);
                check_pair(&files, &chain, new_key.as_ref())?;
                Ok(IssuedRow {
                    row,
                    certificate: Some(certificate),
                    files,
                })
            }
            Make::NewKubeconfig {
                leaf,
                cluster,
                server,
                user,
            } => {
                let (certificate, key) = self.leaf(row, leaf, key)?;
                let key = key.context("there is no key")?.to_pem()?;
                let kubeconfig = Kubeconfig::new(&kubeconfig::New {
                    cluster,
                    server,
                    ca: &self.trust_bundle(leaf.signer)?,
                    user,
                    certificate: &certificate.to_pem(),
                    key: &key,
                });
                self.kubeconfig(row, leaf.signer, kubeconfig, certificate)
            }
            Make::RenewedKubeconfig { leaf, ca, server } => {
                let RowFiles::Kubeconfig(FileState::Valid(old)) = self.inventory.row(row) else {
                    bail!("the kubeconfig is gone");
                };
                let mut kubeconfig = old.kubeconfig.clone();
                let (certificate, key) = self.leaf(row, leaf, key)?;
                let key = key.as_ref().map(PrivateKey::to_pem).transpose()?;
                let pem = with_intermediates(&certificate, leaf).to_pem();
                kubeconfig.set_client(&pem, key.as_ref().map(|key| key.as_str()));
                if let Some(ca) = ca {
                    kubeconfig.set_ca(&ca.iter().map(Certificate::to_pem).collect::<String>());
                }
                if let Some(server) = server {
                    kubeconfig.set_server(server);
                }
                self.kubeconfig(row, leaf.signer, kubeconfig, certificate)
            }
            Make::MovedKubeconfig { server } => {
                let RowFiles::Kubeconfig(FileState::Valid(old)) = self.inventory.row(row) else {
                    bail!("the kubeconfig is gone");
                };
                let mut kubeconfig = old.kubeconfig.clone();
                kubeconfig.set_server(server);
                let (file, _) = kubeconfig_file(row, &kubeconfig)?;
                Ok(IssuedRow {
                    row,
                    certificate: None,
                    files: vec![file],
                })
            }
            Make::ServiceAccount { .. } => {
                let key = key.context("there is no key")?;
                let files = pair(row, key.public_key()?.to_pem(), Some(key.to_pem()?));
                check_public_pair(&files, &key)?;
                Ok(IssuedRow {
                    row,
                    certificate: None,
                    files,
                })
            }
            Make::Restore { files } => restored(row, files),
            Make::ServiceAccountPublic => {
                let key = self.inventory.row(row).key().context("sa.key is gone")?;
                let files = pair(row, key.public_key()?.to_pem(), None);
                check_public_pair(&files, key)?;
                Ok(IssuedRow {
                    row,
                    certificate: None,
                    files,
                })
            }
        }
    }

    /// Signs a leaf and checks it: chain, usage, dates and key. Returns the new key, if there is one.
    fn leaf(
        &self,
        row: &Row,
        leaf: &Leaf,
        key: Option<PrivateKey>,
    ) -> Result<(Certificate, Option<PrivateKey>)> {
        let public = match (&leaf.key, &key) {
            (KeySource::New(_), Some(key)) => key.public_key()?,
            (KeySource::New(_), None) => bail!("there is no key"),
            (KeySource::Reuse(_), _) => self
                .inventory
                .row(row)
                .key()
                .context("the key is gone")?
                .public_key()?,
        };
        let issuer = self.issuer(leaf.signer)?;
        let certificate =
            issuer.issue(&leaf.contents, &public, leaf.key.algorithm(), leaf.validity)?;
        let chain = Chain::from(certificate.clone());
        for usage in row.usages() {
            verify(&chain, &[issuer.certificate()], *usage, self.now)?;
        }
        ensure!(
            certificate.public_key() == public,
            "the certificate is not for the key"
        );
        ensure!(
            certificate.san_texts() == leaf.contents.san_texts(),
            "the certificate has other names than planned"
        );
        ensure!(
            certificate.not_after() == leaf.validity.not_after,
            "the certificate has other dates than planned"
        );
        Ok((certificate, key))
    }

    fn issuer(&self, row: &Row) -> Result<Issuer<'_>> {
        let made = self
            .new_cas
            .iter()
            .find(|(ca, ..)| *ca == row)
            .map(|(_, bundle, key)| (bundle, key));
        let existing = || match self.inventory.ca(row) {
            CaState::Local { bundle, key } => Some((bundle, key.read()?)),
            _ => None,
        };
        let (bundle, key) = made
            .or_else(existing)
            .with_context(|| format!("CA `{}` is gone", row.name))?;
        Issuer::new(bundle, key, self.now).with_context(|| format!("CA `{}`", row.name))
    }

    /// Returns the PEM of every CA that a kubeconfig of this tree has to trust.
    fn trust_bundle(&self, row: &Row) -> Result<String> {
        let made = self.new_cas.iter().find(|(ca, ..)| *ca == row);
        let bundle = made
            .map(|(_, bundle, _)| bundle)
            .or_else(|| self.inventory.ca_bundle(row))
            .with_context(|| format!("CA `{}` is gone", row.name))?;
        Ok(bundle.to_pem())
    }

    fn kubeconfig(
        &self,
        row: &'static Row,
        signer: &Row,
        kubeconfig: Kubeconfig,
        certificate: Certificate,
    ) -> Result<IssuedRow> {
        let (file, again) = kubeconfig_file(row, &kubeconfig)?;
        let Credentials::Embedded {
            certificate: pem,
            key,
        } = again.credentials()?
        else {
            bail!("it has no client certificate")
        };
        let chain = Chain::from_pem(&pem)?;
        ensure!(chain.leaf == certificate, "it holds another certificate");
        ensure!(
            PrivateKey::from_pem(&key)?.public_key()? == certificate.public_key(),
            "its key is not its certificate's"
        );
        if let Some(ca) = again.ca()? {
            ensure!(
                ca.contains(self.issuer(signer)?.certificate()),
                "it does not trust its own CA"
            );
        }
        Ok(IssuedRow {
            row,
            certificate: Some(certificate),
            files: vec![file],
        })
    }
}

/// Lays out a kubeconfig, and reads it back.
fn kubeconfig_file(row: &Row, kubeconfig: &Kubeconfig) -> Result<(IssuedFile, Kubeconfig)> {
    let file = layout::kubeconfig_file(row).context("it is not a kubeconfig")?;
    let bytes = Zeroizing::new(kubeconfig.to_yaml()?.as_bytes().to_vec());
    let again = Kubeconfig::parse(&bytes).context("reading it back")?;
    ensure!(again == *kubeconfig, "it reads back differently");
    let file = IssuedFile {
        file,
        bytes,
        access: Access::Private,
    };
    Ok((file, again))
}

/// Lays out a pair, the key first: a certificate without its key is worse than a key without its certificate.
fn pair(row: &Row, public: String, key: Option<Zeroizing<String>>) -> Vec<IssuedFile> {
    let mut files = Vec::new();
    for (file, access) in layout::files(row).into_iter().rev() {
        let is_key = layout::key_file(row).is_some_and(|key| key == file);
        let bytes = match (is_key, &key) {
            (true, Some(key)) => Zeroizing::new(key.as_bytes().to_vec()),
            (true, None) => continue,
            (false, _) => Zeroizing::new(public.clone().into_bytes()),
        };
        files.push(IssuedFile {
            file,
            bytes,
            access,
        });
    }
    files
}

fn with_intermediates(certificate: &Certificate, leaf: &Leaf) -> Chain {
    Chain {
        leaf: certificate.clone(),
        intermediates: leaf.intermediates.clone(),
    }
}

/// Lays out old files; whether the tree is sound with them has been judged by the plan.
fn restored(row: &'static Row, files: &[(TreePath, Zeroizing<Vec<u8>>)]) -> Result<IssuedRow> {
    // The key first, as in a new pair.
    let laid_out = layout::files(row)
        .into_iter()
        .rev()
        .filter_map(|(file, access)| {
            let (_, bytes) = files.iter().find(|(old, _)| *old == file)?;
            Some(IssuedFile {
                file,
                bytes: bytes.clone(),
                access,
            })
        });
    let laid_out: Vec<_> = laid_out.collect();
    ensure!(
        laid_out.len() == files.len(),
        "a file does not belong to it"
    );
    Ok(IssuedRow {
        row,
        certificate: None,
        files: laid_out,
    })
}

/// Reads the laid-out files back.
fn check_pair(files: &[IssuedFile], chain: &Chain, key: Option<&PrivateKey>) -> Result<()> {
    let public = chain.leaf.public_key();
    for file in files {
        match file.access {
            Access::Public => {
                ensure!(
                    Chain::from_pem(&file.bytes)? == *chain,
                    "`{}` reads back differently",
                    file.file
                );
            }
            Access::Private => {
                let read = PrivateKey::from_pem(&file.bytes)?.public_key()?;
                ensure!(
                    read == public,
                    "`{}` is not the certificate's key",
                    file.file
                );
            }
        }
    }
    ensure!(
        files.len() == 1 + usize::from(key.is_some()),
        "a file is missing"
    );
    Ok(())
}

fn check_public_pair(files: &[IssuedFile], key: &PrivateKey) -> Result<()> {
    let own = key.public_key()?;
    for file in files {
        if file.file.file_name().ends_with(".pub") {
            ensure!(
                PublicKey::from_pem(&file.bytes)? == [own.clone()],
                "`{}` is not the key's public half",
                file.file
            );
        } else {
            ensure!(
                PrivateKey::from_pem(&file.bytes)?.public_key()? == own,
                "`{}` reads back differently",
                file.file
            );
        }
    }
    Ok(())
}
