//! Carries out a plan in memory: `keys` generates keys on all cores, `certificates` signs, `kubeconfigs` writes kubeconfigs,
//! `requests` makes requests and installs what others signed, `standalone` makes what belongs to no tree, and `verify` checks every file as if it had just been read from disk. Nothing is written here.

mod certificates;
mod keys;
mod kubeconfigs;
mod requests;
pub mod sign;
pub mod standalone;
mod verify;

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;
use rustix::rand::GetRandomFlags;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use self::certificates::{Issuers, NewCa};
use crate::catalog::Row;
use crate::check::time_text;
use crate::fs::error::describe;
use crate::plan::{Leaf, Make, Plan};
use crate::store::ledger;
use crate::tree::inventory::Inventory;
use crate::tree::layout::{self, Access, TreePath};
use crate::util::parallel;
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::digest::hex;
use crate::x509::encrypted_key::Passphrase;
use crate::x509::key::PrivateKey;

pub use self::keys::{Interrupted, Progress};

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
    /// The files, in the order in which they must be renamed into place.
    pub files: Vec<IssuedFile>,
}

/// A file ready to be written.
pub struct IssuedFile {
    /// Where it goes.
    pub file: TreePath,
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Who may read it.
    pub access: Access,
}

impl Issued {
    /// Returns the ledger's entries for issued certificates; restored ones are not issued again.
    pub fn ledger_entries(
        &self,
        before: &Inventory,
        command: &str,
        now: OffsetDateTime,
    ) -> Vec<ledger::LedgerEntry> {
        let entry = |issued: &IssuedRow| {
            let certificate = issued.certificate.as_ref()?;
            let replaces = before.row(issued.row).certificate();
            Some(ledger::LedgerEntry {
                replaces: replaces.map(Certificate::serial),
                ..ledger_entry(certificate, command, issued.row.name, now)
            })
        };
        self.rows.iter().filter_map(entry).collect()
    }
}

/// Returns the ledger's entry for a certificate that was issued as `name` by a command.
pub fn ledger_entry(
    certificate: &Certificate,
    command: &str,
    name: &str,
    now: OffsetDateTime,
) -> ledger::LedgerEntry {
    ledger::LedgerEntry {
        time: time_text(now),
        command: command.to_owned(),
        name: name.to_owned(),
        serial: certificate.serial(),
        subject: certificate.subject().to_string(),
        sans: certificate.san_texts(),
        usages: certificate.usage_names(),
        not_before: time_text(certificate.not_before()),
        not_after: time_text(certificate.not_after()),
        issuer_key_id: certificate.authority_key_id().map(|id| hex(&id)),
        fingerprint: hex(&certificate.fingerprint()),
        replaces: None,
    }
}

/// Makes everything that `plan` asks for, and checks it. Keys that are to be encrypted need a passphrase.
///
/// # Errors
/// [`Interrupted`]; a failure of the cryptography library; or a result that does not pass its own check.
pub fn issue(
    plan: &Plan,
    inventory: &Inventory,
    passphrase: Option<&Passphrase>,
    now: OffsetDateTime,
    progress: &dyn Progress,
) -> Result<Issued> {
    check_random()?;
    let algorithms: Vec<_> = plan.made().map(|(_, make, _)| make.new_key()).collect();
    let keys = keys::generate(&algorithms, progress)?;
    issue_with(keys, plan, inventory, passphrase, now)
}

/// Like [`issue`], but with keys that are made quickly, for judging the result of a plan.
///
/// # Errors
/// As [`issue`].
pub fn rehearse(plan: &Plan, inventory: &Inventory, now: OffsetDateTime) -> Result<Issued> {
    check_random()?;
    let key = |make: &Make| {
        make.new_key()
            .map(|_| PrivateKey::generate(Algorithm::EcdsaP256))
            .transpose()
    };
    let keys = plan
        .made()
        .map(|(_, make, _)| key(make).context("generating a key"))
        .collect::<Result<_>>()?;
    issue_with(keys, plan, inventory, None, now)
}

/// Checks that the kernel gives random bytes: AWS-LC aborts the process if it is refused them, as in a container whose seccomp
/// profile does not know the call. Without the call it reads `/dev/urandom`.
pub(crate) fn check_random() -> Result<()> {
    match rustix::rand::getrandom(&mut [0u8; 1], GetRandomFlags::empty()) {
        Ok(_) | Err(Errno::NOSYS | Errno::INTR) => Ok(()),
        Err(error) => bail!(
            "getting random bytes from the kernel: {}",
            describe(&error.into())
        ),
    }
}

fn issue_with(
    mut keys: Vec<Option<PrivateKey>>,
    plan: &Plan,
    inventory: &Inventory,
    passphrase: Option<&Passphrase>,
    now: OffsetDateTime,
) -> Result<Issued> {
    let made: Vec<_> = plan.made().map(|(row, make, _)| (row, make)).collect();
    let issuing = |row: &Row| format!("issuing `{}`", row.name);
    // CAs come first, because they sign the leaves of the plan.
    let mut new_cas = Vec::new();
    for ((row, make), key) in made.iter().zip(&mut keys) {
        if let Make::Ca {
            common_name,
            validity,
            ..
        } = make
        {
            let key = key.take().context("there is no key");
            let ca = key.and_then(|key| NewCa::make(row, common_name, key, *validity));
            new_cas.push(ca.with_context(|| issuing(row))?);
        }
    }
    let signers = made
        .iter()
        .filter_map(|(_, make)| make.leaf())
        .map(|leaf| leaf.signer);
    let maker = RowBuilder {
        inventory,
        passphrase,
        issuers: Issuers::new(signers, &new_cas, inventory, now)?,
        now,
    };
    let rows: Vec<_> = made.into_iter().zip(keys).collect();
    let work = |((row, make), key): &((&'static Row, &Make), Option<PrivateKey>)| {
        maker
            .make(row, make, key.as_ref())
            .with_context(|| issuing(row))
    };
    let mut issued = Issued::default();
    let mut take = |row: Result<IssuedRow>| -> Result<()> {
        issued.rows.push(row?);
        Ok(())
    };
    // An elliptic-curve signature takes microseconds, less than starting a thread.
    match maker.issuers.sign_slowly() {
        true => parallel::for_each(&rows, work, take)?,
        false => rows.iter().map(work).try_for_each(&mut take)?,
    }
    Ok(issued)
}

/// Makes the rows of a plan.
struct RowBuilder<'a> {
    inventory: &'a Inventory,
    passphrase: Option<&'a Passphrase>,
    issuers: Issuers<'a>,
    now: OffsetDateTime,
}

impl RowBuilder<'_> {
    fn make(&self, row: &'static Row, make: &Make, key: Option<&PrivateKey>) -> Result<IssuedRow> {
        match make {
            Make::Ca { is_encrypted, .. } => {
                let passphrase = match is_encrypted {
                    true => Some(self.passphrase.context("there is no passphrase")?),
                    false => None,
                };
                self.ca(row, passphrase)
            }
            Make::Leaf(leaf) => self.leaf(row, leaf, key),
            Make::NewKubeconfig {
                leaf,
                cluster,
                server,
                user,
            } => {
                let new = kubeconfigs::NewKubeconfig {
                    cluster,
                    server,
                    user,
                };
                self.new_kubeconfig(row, leaf, &new, key)
            }
            Make::RenewedKubeconfig { leaf, ca, server } => {
                let renewed = kubeconfigs::RenewedKubeconfig {
                    ca: ca.as_deref(),
                    server: server.as_deref(),
                };
                self.renewed_kubeconfig(row, leaf, &renewed, key)
            }
            Make::MovedKubeconfig { server } => self.moved_kubeconfig(row, server),
            Make::ServiceAccount { .. } => {
                let key = key.context("there is no key")?;
                service_account(row, key, Some(key.to_pem()?))
            }
            Make::ServiceAccountPublic => {
                let key = self.inventory.row(row).key();
                service_account(row, key.context("sa.key is gone")?, None)
            }
            Make::Request(request) => self.request(row, request, key),
            Make::Import(import) => self.import(row, import),
            Make::Install { files } | Make::Restore { files } => existing(row, files),
        }
    }

    /// Returns the key of a leaf: the new key, or the key in the tree.
    fn old_or_new_key<'k>(
        &'k self,
        row: &Row,
        leaf: &Leaf,
        new: Option<&'k PrivateKey>,
    ) -> Result<&'k PrivateKey> {
        match leaf.key.is_new() {
            true => new.context("there is no key"),
            false => self.inventory.row(row).key().context("the key is gone"),
        }
    }
}

fn service_account(
    row: &'static Row,
    key: &PrivateKey,
    new: Option<Zeroizing<String>>,
) -> Result<IssuedRow> {
    let files = pair(row, key.public_key().to_pem(), new);
    verify::service_account(&files, key)?;
    Ok(IssuedRow {
        row,
        certificate: None,
        files,
    })
}

/// Returns the files of a pair. The key comes first, because a certificate without its key is worse than the reverse.
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

/// Returns files that exist elsewhere, the key first; the plan has already judged them.
fn existing(row: &'static Row, files: &[(TreePath, Zeroizing<Vec<u8>>)]) -> Result<IssuedRow> {
    let found = layout::all_files(row)
        .into_iter()
        .rev()
        .filter_map(|(file, access)| {
            let (_, bytes) = files.iter().find(|(given, _)| *given == file)?;
            Some(IssuedFile {
                file,
                bytes: bytes.clone(),
                access,
            })
        });
    let found: Vec<_> = found.collect();
    ensure!(
        found.len() == files.len(),
        "a file does not belong to the row"
    );
    Ok(IssuedRow {
        row,
        certificate: None,
        files: found,
    })
}
