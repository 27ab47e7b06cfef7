//! `pki upload-certs`.

use anyhow::{Context, Result};

use super::given_key::given_key;
use super::{refuse_two_readers, shared_etcd};
use crate::catalog::{APISERVER_ETCD_CLIENT, ETCD_CA};
use crate::check::{time_text, title};
use crate::cli::{ClusterArgs, UploadCertsArgs};
use crate::cmd::failure::{Invalid, PlanFailure};
use crate::cmd::judgement::JudgementContext;
use crate::cmd::session::{Session, TreeSnapshot};
use crate::cmd::target::tree_arguments;
use crate::cmd::{Console, Exit};
use crate::config::settings::ExternalEtcdSettings;
use crate::execute::check_random;
use crate::objects::bootstrap_token::BootstrapToken;
use crate::objects::kubeadm_certs::{self, EntryFile};
use crate::plan::readiness;
use crate::tree::inventory::Depth;
use crate::tree::layout::{self, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::shared::{SharedEtcd, SharedFile, shared_files};
use crate::util::escape::quote;
use crate::x509::certificate_key::CertificateKey;
use crate::x509::encrypted_key::{CONVERT, Encryption, UnlockError};

pub(in crate::cmd) fn run(args: &UploadCertsArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "`--certificate-key-file` and `--config`",
        [args.key.reads_stdin(), args.config.reads_stdin()],
    );
    let expires = super::expires(&args.ttl, console)?;
    let given = given_key(&args.key)?;
    let session = Session::open(&args.tree, &args.config, &ClusterArgs::default(), console)?;
    session.warn_of_record();
    for warning in &session.target.warnings {
        console.warn(&warning.to_string());
    }
    let snapshot = session.read(&|_| Depth::Keys)?;
    let settings = session.target.layers(&snapshot.inventory).settings();
    let etcd = shared_etcd(&settings);
    if let (SharedEtcd::External, Some(external)) = (etcd, &settings.etcd_external) {
        refuse_other_places(&external.value, &snapshot.tree)?;
    }
    let shared = shared_files(etcd);
    let findings = JudgementContext::nothing(console.now).judge(&snapshot.inventory);
    let mut rows: Vec<_> = shared.iter().map(|shared| shared.row).collect();
    rows.dedup();
    readiness::check(&rows, &snapshot.inventory, &findings).map_err(|error| PlanFailure {
        error,
        arguments: tree_arguments(&args.tree, &args.config),
    })?;
    for ca in rows.iter().copied() {
        let Some(key) = snapshot.inventory.encrypted_key(ca) else {
            continue;
        };
        if let Encryption::Unsupported(how) = key.encryption() {
            let error = UnlockError::Unsupported(how.clone());
            let hint = format!("convert it: `{CONVERT}`");
            return Err(Invalid::new(format!("{}: its key: {error}", title(ca)))
                .with_hint(hint)
                .into());
        }
        console.warn(&format!(
            "{}: the key is encrypted with a passphrase, which `kubeadm join` refuses; `pki download-certs` and `pki init --join` take it",
            title(ca)
        ));
    }
    check_random()?;
    let key = match &given {
        Some(key) => key.clone(),
        None => CertificateKey::generate().context("making a certificate key")?,
    };
    let token = BootstrapToken::generate().context("making a token")?;
    let secret = kubeadm_certs::new_secret(&read(&shared, &snapshot, console)?, &key)
        .context("encrypting the files")?;
    let expiry = kubeadm_certs::expiry_token(&token, &time_text(expires));
    let objects = [expiry, secret].into_iter();
    let objects: Vec<_> = objects.chain(kubeadm_certs::reader_role()).collect();
    console.show_manifests(&objects, args.output)?;
    if given.is_none() {
        console.note(&format!("certificate key: {}", *key.to_hex()));
    }
    console.note(&format!(
        "the Secret does not expire by itself; after `kubectl apply`, run this, so that it is deleted together with its token: `{}`",
        kubeadm_certs::ownership_command(&token)
    ));
    Ok(Exit::Done)
}

/// Returns the contents of the files with the names of their entries.
fn read(
    shared: &[SharedFile],
    snapshot: &TreeSnapshot,
    console: &Console,
) -> Result<Vec<EntryFile>> {
    let mut files = Vec::new();
    for SharedFile { file, entry, .. } in shared {
        let contents = snapshot.tree.read(file)?;
        if contents.is_none() {
            let path = snapshot.tree.layout.path(file);
            console.warn(&format!(
                "`{}` does not exist, so its entry in the Secret is empty",
                path.display()
            ));
        }
        files.push((entry.clone(), contents.map(|contents| contents.bytes)));
    }
    Ok(files)
}

/// Refuses certificates of an external etcd that are in other files than those of kubeadm's guide.
fn refuse_other_places(external: &ExternalEtcdSettings, tree: &Tree) -> Result<()> {
    let named = [
        (
            &external.ca_file,
            "caFile",
            layout::certificate_file(&ETCD_CA),
        ),
        (
            &external.cert_file,
            "certFile",
            layout::certificate_file(&APISERVER_ETCD_CLIENT),
        ),
        (
            &external.key_file,
            "keyFile",
            layout::key_file(&APISERVER_ETCD_CLIENT),
        ),
    ];
    for (setting, field, usual) in named {
        let (Some(setting), Some(usual)) = (setting, usual) else {
            continue;
        };
        let is_usual = |found: TreePath| found == usual;
        if !setting.value.is_empty() && !tree.locate(&setting.value).is_some_and(is_usual) {
            let message = format!(
                "`etcd.external.{field}` is {}: only `{}` is uploaded",
                quote(&setting.value),
                tree.layout.path(&usual).display()
            );
            let hint = "put copies at the usual places and name these in the configuration, see `pki help join`";
            return Err(Invalid::new(message).with_hint(hint).into());
        }
    }
    Ok(())
}
