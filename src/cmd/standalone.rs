//! What `csr new` and `ca new` have in common: names from flags or from cfssl's requests, new keys, and files that are never
//! overwritten.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use time::OffsetDateTime;

use super::Console;
use super::ca_passphrase::CaPassphrase;
use super::console::KeyProgress;
use super::failure::{Invalid, Invalids};
use super::input::read_input;
use super::interrupts::Interrupts;
use super::output_file::refuse_in_any_tree;
use super::paths::TreePaths;
use crate::cli::TreeArgs;
use crate::config::Settings;
use crate::execute::{self, standalone};
use crate::fs::file;
use crate::fs::output::{self, CreationError, OutputFile};
use crate::objects::cfssl::CfsslRequest;
use crate::plan::subject::DesiredNames;
use crate::store::outcome::{TransactionError, TreeState};
use crate::util::escape::shell_path;
use crate::util::secret::quote;
use crate::x509::algorithm::Algorithm;
use crate::x509::attribute::Attribute;
use crate::x509::chain::CaBundle;
use crate::x509::encrypted_key::StoredKey;
use crate::x509::key::PrivateKey;
use crate::x509::sign::Issuer;

/// The mode of a private key.
pub(super) const KEY_MODE: u32 = 0o600;
/// The mode of a certificate or a request.
pub(super) const PUBLIC_MODE: u32 = 0o644;

/// Returns the names that flags ask for: `O` before `CN`, as kubeadm orders them.
pub(super) fn names_of_flags(
    common_name: Option<&str>,
    org: &[String],
    san: &[String],
) -> DesiredNames {
    let entry = |flag: &str, attribute, value: &str| (flag.to_owned(), attribute, value.to_owned());
    let groups = org
        .iter()
        .map(|group| entry("--org", Attribute::Organization, group));
    let common_name = common_name
        .iter()
        .map(|name| entry("--common-name", Attribute::CommonName, name));
    let alternative = san.iter().map(|san| ("--san".to_owned(), san.clone()));
    DesiredNames {
        subject: groups.chain(common_name).collect(),
        alternative: alternative.collect(),
    }
}

/// Reads cfssl's request, and returns it with the name of its file; `from_stdin` is how standard input is asked for.
pub(super) fn read_cfssl(
    path: &Path,
    from_stdin: &str,
    console: &Console,
) -> Result<(CfsslRequest, String)> {
    let input = read_input(path, "the request", from_stdin)?;
    let request = CfsslRequest::parse(&input.bytes).map_err(|problems| {
        let problems = problems.iter();
        let invalid = |problem| Invalid::new(format!("{}: {problem}", input.name));
        Invalids(problems.map(invalid).collect())
    })?;
    let request = request.below(&input.name);
    for field in &request.ignored {
        console.warn(&format!("{}: {} is ignored", input.name, quote(field)));
    }
    Ok((request, input.name))
}

/// Reads the file of a private key.
pub(super) fn read_key(path: &Path) -> Result<PrivateKey> {
    let contents = file::read_given(path, file::MAX_FILE_SIZE)?;
    let key = PrivateKey::from_pem(&contents.bytes);
    Ok(key.map_err(|error| Invalid::new(format!("`{}`: {error}", path.display())))?)
}

/// Reads the files of a CA that belongs to no tree.
pub(super) fn read_ca(
    certificate: &Path,
    key: &Path,
    passphrase: &mut CaPassphrase,
) -> Result<(CaBundle, PrivateKey)> {
    let read = |path: &Path| file::read_given(path, file::MAX_FILE_SIZE);
    let invalid = |path: &Path, what: String| Invalid::new(format!("`{}`: {what}", path.display()));
    let bundle = CaBundle::from_pem(&read(certificate)?.bytes)
        .map_err(|error| invalid(certificate, error.to_string()))?;
    let stored = StoredKey::from_pem(&read(key)?.bytes);
    let private = match stored.map_err(|error| invalid(key, error.to_string()))? {
        StoredKey::Plain(private) => private,
        StoredKey::Encrypted(encrypted) => {
            passphrase.decrypt(&encrypted, &format!("`{}`", key.display()))?
        }
    };
    Ok((bundle, private))
}

/// Returns the CA as an issuer; `name` is its name in messages.
pub(super) fn issuer<'a>(
    bundle: &'a CaBundle,
    key: &'a PrivateKey,
    name: &str,
    now: OffsetDateTime,
) -> Result<Issuer<'a>> {
    let issuer = Issuer::new(bundle, key, now);
    Ok(issuer.map_err(|error| Invalid::new(format!("CA `{name}`: {error}")))?)
}

/// Finds the file that is created for `name` in a directory.
///
/// # Errors
/// If it exists, cannot be written, or would be in a tree, which is written in transactions only.
pub(super) fn new_file(directory: &Path, name: &str, extension: &str) -> Result<PathBuf> {
    let path = output::new_target(&directory.join(format!("{name}.{extension}")))?;
    let layout = TreePaths::typed(&TreeArgs::default())?.layout(&Settings::default())?;
    refuse_in_any_tree(&path, &layout)?;
    Ok(path)
}

/// Checks who else can change the files in the directory of a new key.
///
/// # Errors
/// If everybody can.
pub(super) fn check_directory(directory: &Path, console: &Console) -> Result<()> {
    if let Some(others) = output::other_writers(directory)? {
        console.warn(&others);
    }
    Ok(())
}

/// Makes a key, with a progress bar on a terminal.
pub(super) fn new_key(algorithm: Algorithm) -> Result<PrivateKey> {
    let interrupts = Interrupts::register()?;
    let bar = KeyProgress::new(interrupts.clone());
    let key = standalone::key(algorithm, &bar);
    bar.finish();
    let key = key.map_err(|error| match interrupts.signal() {
        Some(signal) if error.is::<execute::Interrupted>() => {
            TransactionError::Interrupted { signal }.into()
        }
        _ => error.context(TreeState::Unchanged),
    })?;
    match interrupts.signal() {
        Some(signal) => Err(TransactionError::Interrupted { signal }.into()),
        None => Ok(key),
    }
}

/// Creates all files, or none. The key comes first, because a certificate without its key is worse than the reverse.
pub(super) fn write(files: &[OutputFile<'_>]) -> Result<()> {
    output::create_all(files).map_err(|CreationError { error, left }| {
        let left: Vec<_> = left.iter().map(|path| shell_path(path)).collect();
        match left.is_empty() {
            true => anyhow!("{error}").context(TreeState::Unchanged),
            false => anyhow!("{error}; {} could not be removed again", left.join(" and ")),
        }
    })
}
