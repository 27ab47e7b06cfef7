//! The passphrase of encrypted CA keys: from a file or descriptor, a systemd credential, or the terminal.
//!
//! It comes neither from an argument nor from an environment variable, which other processes can see. The terminal is asked
//! only when a key is needed, so a run that signs nothing asks nothing.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result};

use super::Console;
use super::failure::{Invalid, Invalids};
use super::input::read_input;
use super::session::{TreeSnapshot, WriteRun};
use super::terminal::ask_secret;
use crate::catalog::{CATALOG, Row};
use crate::check::ca::mismatch;
use crate::check::title;
use crate::cli::CaPassphraseArgs;
use crate::fs::file::{self, FileError};
use crate::plan::{Plan, message};
use crate::report::findings::{TreeArguments, remedy};
use crate::tree::layout;
use crate::util::escape::shell_path;
use crate::x509::encrypted_key::{CONVERT, EncryptedKey, Encryption, Passphrase, UnlockError};
use crate::x509::key::PrivateKey;

/// The name of the systemd credential (`LoadCredential=`).
const CREDENTIAL: &str = "pki-ca-passphrase";

/// The remedy where there is no passphrase.
const SOURCES: &str = "use `--ca-passphrase-file FILE` or the systemd credential `pki-ca-passphrase`, or run the command at a terminal";

/// The passphrase, as far as it is known.
pub(super) struct CaPassphrase {
    known: Option<Passphrase>,
    /// Where a passphrase comes from that was given.
    name: Option<String>,
}

impl CaPassphrase {
    /// Reads the passphrase that is given with the flag. The systemd credential is read when a passphrase is needed.
    ///
    /// # Errors
    /// If it cannot be read, or its first line is no passphrase. The error does not quote it.
    pub(super) fn read(args: &CaPassphraseArgs, console: &Console) -> Result<CaPassphrase> {
        let (name, bytes) = if args.reads_stdin() {
            let from_stdin = "--ca-passphrase-file -";
            let input = read_input(Path::new("-"), "the passphrase", from_stdin)?;
            (input.name, input.bytes)
        } else if let Some(path) = &args.ca_passphrase_file {
            let contents = file::read_secret(path, FILE_LIMIT)?;
            let mode = contents.attributes.mode;
            if mode & 0o004 != 0 {
                console.warn(&format!(
                    "`{}`: mode {mode:04o}, everybody can read the passphrase: `chmod 0600 {}`",
                    path.display(),
                    shell_path(path)
                ));
            }
            (format!("`{}`", path.display()), contents.bytes)
        } else {
            return Ok(CaPassphrase {
                known: None,
                name: None,
            });
        };
        let mut passphrase = CaPassphrase {
            known: None,
            name: None,
        };
        passphrase.set(name, &bytes)?;
        Ok(passphrase)
    }

    fn set(&mut self, name: String, bytes: &[u8]) -> Result<(), Invalid> {
        let passphrase = Passphrase::from_first_line(bytes)
            .map_err(|error| Invalid::new(format!("{name}: {error}")))?;
        self.known = Some(passphrase);
        self.name = Some(name);
        Ok(())
    }

    /// Reads the systemd credential unless the passphrase is known. A credential that cannot be read must not stop a run that needs
    /// no passphrase.
    fn look_up(&mut self) -> Result<()> {
        if self.known.is_none()
            && let Some((path, contents)) = credential()?
        {
            self.set(format!("`{}`", path.display()), &contents.bytes)?;
        }
        Ok(())
    }

    /// Returns the passphrase for a key that belongs to no tree: that of a file, else one that is typed twice at the terminal.
    ///
    /// # Errors
    /// As [`CaPassphrase::read`], or if there is no terminal.
    pub(super) fn of_new_key(file: Option<&Path>, console: &Console) -> Result<Passphrase> {
        let args = CaPassphraseArgs {
            ca_passphrase_file: file.map(Path::to_path_buf),
        };
        let passphrase = match file {
            Some(_) => CaPassphrase::read(&args, console)?.known,
            None => ask_twice()?,
        };
        passphrase.ok_or_else(|| {
            let message = "`--encrypt-key` needs a passphrase, and there is no terminal";
            let hint = "use `--key-passphrase-file FILE`";
            Invalid::new(message).with_hint(hint).into()
        })
    }

    /// Decrypts the keys of the CAs that sign for a plan, and gets the passphrase for the keys that it makes.
    ///
    /// # Errors
    /// For every CA whose key cannot be decrypted or does not belong to it.
    pub(super) fn unlock(&mut self, plan: &Plan, run: &mut WriteRun<'_>) -> Result<()> {
        let mut cas = plan.signers();
        if plan.encrypts_keys() {
            // `renew all` needs the same passphrase for all of them.
            cas = CATALOG
                .iter()
                .copied()
                .filter(|row| row.is_ca() && plan.made_of(row).is_none())
                .collect();
        }
        self.unlock_cas(&cas, &mut run.snapshot)?;
        if plan.encrypts_keys() {
            run.encrypt_with(self.for_new_keys()?.clone());
        }
        Ok(())
    }

    /// Decrypts the keys of these CAs.
    ///
    /// # Errors
    /// As [`CaPassphrase::unlock`].
    pub(super) fn unlock_cas(
        &mut self,
        cas: &[&'static Row],
        snapshot: &mut TreeSnapshot,
    ) -> Result<()> {
        let mut problems = Vec::new();
        for ca in cas.iter().copied() {
            match self.unlock_ca(ca, snapshot).map_err(Error::downcast) {
                Ok(()) => {}
                Err(Ok(problem)) => problems.push(problem),
                Err(Err(other)) => return Err(other),
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Invalids(problems).into()),
        }
    }

    fn unlock_ca(&mut self, ca: &'static Row, snapshot: &mut TreeSnapshot) -> Result<()> {
        let inventory = &mut snapshot.inventory;
        let (Some(key), Some(bundle)) = (inventory.encrypted_key(ca), inventory.ca_bundle(ca))
        else {
            return Ok(());
        };
        let file = layout::key_file(ca).map(|file| snapshot.tree.layout.path(&file));
        let path = file.unwrap_or_default();
        let key = self.decrypt(key, &format!("{}: `{}`", title(ca), path.display()))?;
        if let Some(finding) = mismatch(ca, bundle, &key) {
            let hint = remedy(&finding.remedy, &TreeArguments::default());
            return Err(Invalid::new(message(&finding)).with_hint(hint).into());
        }
        inventory.unlock(ca, key);
        Ok(())
    }

    /// Decrypts a key; errors name it by `what`.
    ///
    /// # Errors
    /// If there is no passphrase, if it is wrong, or if the key cannot be used.
    pub(super) fn decrypt(&mut self, key: &EncryptedKey, what: &str) -> Result<PrivateKey> {
        // No passphrase helps.
        if let Encryption::Unsupported(how) = key.encryption() {
            let error = UnlockError::Unsupported(how.clone());
            let hint = format!("convert it: `{CONVERT}`");
            return Err(Invalid::new(format!("{what}: {error}"))
                .with_hint(hint)
                .into());
        }
        self.look_up()?;
        if self.known.is_none() {
            let line = ask_secret(&format!("Passphrase of {what}"))?;
            self.known = line.map(|line| typed(&line)).transpose()?;
        }
        let Some(passphrase) = &self.known else {
            let message = format!("{what} is encrypted, and no passphrase was given");
            return Err(Invalid::new(message).with_hint(SOURCES).into());
        };
        key.decrypt(passphrase).map_err(|error| {
            let source = match (&error, &self.name) {
                (UnlockError::Refused, Some(name)) => format!(" (passphrase of {name})"),
                _ => String::new(),
            };
            Invalid::new(format!("{what}: {error}{source}")).into()
        })
    }

    /// Returns the passphrase for new keys. At a terminal, it has to be typed twice.
    fn for_new_keys(&mut self) -> Result<&Passphrase> {
        self.look_up()?;
        if self.known.is_none() {
            self.known = ask_twice()?;
        }
        self.known.as_ref().ok_or_else(|| {
            let message = "`--encrypt-ca-keys` needs a passphrase, and none is given";
            Invalid::new(message).with_hint(SOURCES).into()
        })
    }
}

/// The largest file of a passphrase. Only its first line counts.
const FILE_LIMIT: u64 = 64 * 1024;

/// Reads the credential that systemd gives to this service, if there is one.
fn credential() -> Result<Option<(PathBuf, file::Contents)>, FileError> {
    let Some(directory) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
        return Ok(None);
    };
    // systemd sets an absolute path. Anything else would lead to a file of the current directory.
    let directory = PathBuf::from(directory);
    if !directory.is_absolute() {
        return Ok(None);
    }
    let path = directory.join(CREDENTIAL);
    match file::read_secret(&path, FILE_LIMIT) {
        Ok(contents) => Ok(Some((path, contents))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn ask_twice() -> Result<Option<Passphrase>> {
    let Some(first) = ask_secret("New passphrase for the CA keys")? else {
        return Ok(None);
    };
    let first = typed(&first)?;
    let again = ask_secret("Repeat the passphrase")?;
    let again = again.map(|line| typed(&line)).transpose()?;
    match again.as_ref() == Some(&first) {
        true => Ok(Some(first)),
        false => Err(Invalid::new("the two passphrases differ").into()),
    }
}

fn typed(line: &[u8]) -> Result<Passphrase, Invalid> {
    Passphrase::from_first_line(line).map_err(|error| Invalid::new(error.to_string()))
}
