//! `pki download-certs`.

use std::path::Path;

use anyhow::Result;
use zeroize::Zeroizing;

use super::given_key::given_key;
use super::{refuse_two_readers, shared_etcd};
use crate::catalog::{Profile, Row};
use crate::check::finding::Remedy;
use crate::cli::{ClusterArgs, DownloadCertsArgs};
use crate::cmd::failure::{Invalid, PlanFailure};
use crate::cmd::input::read_input;
use crate::cmd::judgement::JudgementContext;
use crate::cmd::session::{CommitOutcome, Session, TreeSnapshot, WriteRun};
use crate::cmd::target::tree_arguments;
use crate::cmd::{Console, Exit, report_changes};
use crate::objects::kubeadm_certs::{EntryError, UploadedCerts, UploadedCertsError};
use crate::plan::download::{self, DownloadRequest};
use crate::plan::{Plan, PlanError, Reason};
use crate::report::changes::Changes;
use crate::tree::inventory::{Depth, Inventory, KeyFile};
use crate::tree::layout::{self, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::shared::{SharedEtcd, SharedFile, shared_files};
use crate::x509::certificate_key::CertificateKey;
use crate::x509::chain::CaBundle;
use crate::x509::key::PublicKey;

/// Files with their new contents.
type NewFiles = Vec<(TreePath, Zeroizing<Vec<u8>>)>;

const UPLOAD_AGAIN: &str = "upload the files again with `pki upload-certs`";

pub(in crate::cmd) fn run(args: &DownloadCertsArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "the Secret, `--certificate-key-file` and `--config`",
        [
            args.secret
                .as_deref()
                .is_none_or(|path| path == Path::new("-")),
            args.key.reads_stdin(),
            args.config.reads_stdin(),
        ],
    );
    let Some(key) = given_key(&args.key)? else {
        return Err(Invalid::new("the certificate key is missing")
            .with_hint("give the file that holds it with `--certificate-key-file`")
            .into());
    };
    let secret = read_secret(args.secret.as_deref().unwrap_or(Path::new("-")))?;
    let session = Session::open(&args.tree, &args.config, &ClusterArgs::default(), console)?;
    let mut run = session.begin("download-certs", &args.write, &args.keep, &|_| Depth::Keys)?;
    if let Some(error) = run.target.record_error.take() {
        console.warn(&format!("{error:#}"));
    }
    for warning in &run.target.warnings {
        console.warn(&warning.to_string());
    }
    let settings = run.target.layers(&run.snapshot.inventory).settings();
    let shared = shared_files(match uploaded_etcd(&secret) {
        Some(etcd) => etcd,
        None => shared_etcd(&settings),
    });
    let failure = |error| PlanFailure {
        error,
        arguments: tree_arguments(&args.tree, &args.config),
    };
    let files = decrypt(&secret, &shared, &key).map_err(failure)?;
    for shared in &shared {
        if !files.iter().any(|(file, _)| *file == shared.file) {
            let entry = &shared.entry;
            console.warn(&format!(
                "entry `{entry}` is empty: the node that uploaded it has no such file"
            ));
        }
    }
    let plan =
        plan(&files, &shared, &run.snapshot, args.allow_replace, console)?.map_err(failure)?;
    console.warn_of(&plan);
    finish(run, plan, args, console)
}

fn read_secret(path: &Path) -> Result<UploadedCerts> {
    let input = read_input(path, "the Secret `kubeadm-certs`", "pki download-certs -")?;
    let text = Zeroizing::new(String::from_utf8_lossy(&input.bytes).into_owned());
    UploadedCerts::parse(&text).map_err(|error| {
        let invalid = Invalid::new(format!("{}: {error}", input.name));
        match error {
            UploadedCertsError::Count(0) => {
                invalid.with_hint(format!("it may have expired: {UPLOAD_AGAIN}"))
            }
            UploadedCertsError::Count(_) => invalid,
            _ => invalid.with_hint(
                "print it with `kubectl -n kube-system get secret kubeadm-certs -o yaml`",
            ),
        }
        .into()
    })
}

/// Returns whose certificates for etcd a Secret has.
fn uploaded_etcd(secret: &UploadedCerts) -> Option<SharedEtcd> {
    let has = |etcd| {
        let files = shared_files(etcd).into_iter();
        files
            .filter(|file| file.row.needs_local_etcd())
            .any(|file| secret.has(&file.entry))
    };
    [SharedEtcd::External, SharedEtcd::Local]
        .into_iter()
        .find(|etcd| has(*etcd))
}

/// Decrypts every file, and checks that each is of its kind.
fn decrypt(
    secret: &UploadedCerts,
    shared: &[SharedFile],
    key: &CertificateKey,
) -> Result<NewFiles, PlanError> {
    let mut files = NewFiles::new();
    let mut error = PlanError::default();
    let mut refused = 0;
    for SharedFile { row, file, entry } in shared {
        let problem = match secret.file(entry, key) {
            Ok(None) => None,
            Ok(Some(contents)) => {
                let problem = kind_problem(row, file, &contents);
                files.push((file.clone(), contents));
                problem
            }
            Err(problem) => {
                refused += usize::from(matches!(problem, EntryError::Decryption(_)));
                Some(problem.to_string())
            }
        };
        error
            .reasons
            .extend(problem.map(|problem| reason(&format!("entry `{entry}`: {problem}"))));
    }
    if refused > 1 && files.is_empty() {
        error.reasons = vec![Reason {
            remedy: Remedy::words("give the certificate key with which it was encrypted"),
            ..reason("none of its entries can be decrypted with this certificate key")
        }];
    }
    match error.reasons.is_empty() {
        true => Ok(files),
        false => Err(error),
    }
}

fn reason(problem: &str) -> Reason {
    Reason {
        row: None,
        id: None,
        message: format!("the Secret `kubeadm-certs`: {problem}"),
        remedy: Remedy::words(UPLOAD_AGAIN),
    }
}

/// Returns why the contents cannot be those of a file.
fn kind_problem(row: &Row, file: &TreePath, contents: &[u8]) -> Option<String> {
    if layout::key_file(row).as_ref() == Some(file) {
        return KeyFile::from_pem(row, contents)
            .err()
            .map(|error| error.to_string());
    }
    match row.profile {
        Profile::ServiceAccount => PublicKey::from_pem(contents)
            .err()
            .map(|error| error.to_string()),
        _ => CaBundle::from_pem(contents)
            .err()
            .map(|error| error.to_string()),
    }
}

fn plan(
    files: &NewFiles,
    shared: &[SharedFile],
    snapshot: &TreeSnapshot,
    allow_replace: bool,
    console: &Console,
) -> Result<Result<Plan, PlanError>> {
    let mut changed = Vec::new();
    for (file, contents) in files {
        let is_same = match snapshot.tree.read(file)? {
            Some(now) => now.bytes == *contents,
            None => false,
        };
        if !is_same {
            changed.push((file.clone(), contents.as_slice()));
        }
    }
    let after = Tree::over(&snapshot.places)?.with_files(&changed);
    let after = Inventory::read(&after, |_| Depth::Keys);
    let knowledge = JudgementContext::nothing(console.now);
    let rows: Vec<_> = shared.iter().map(|shared| shared.row).collect();
    let request = DownloadRequest {
        files: &changed,
        rows: &rows,
        after: &after,
        findings_after: &knowledge.judge(&after),
        findings: &knowledge.judge(&snapshot.inventory),
        allow_replace,
    };
    Ok(download::plan(&request, &snapshot.inventory))
}

fn finish(
    run: WriteRun<'_>,
    plan: Plan,
    args: &DownloadCertsArgs,
    console: &Console,
) -> Result<Exit> {
    const COMMAND: &str = "download-certs";
    let layout = run.target.layout.clone();
    let arguments = &tree_arguments(&args.tree, &args.config);
    let changes = match run.commit(plan)? {
        CommitOutcome::Nothing(plan) => {
            Changes::nothing(COMMAND, &plan, args.write.dry_run, &layout, arguments)
        }
        CommitOutcome::DryRun(dry) => {
            Changes::planned(COMMAND, &dry.plan, &dry.restricted, &layout, arguments)
        }
        CommitOutcome::Done(done) => {
            Changes::done(COMMAND, &done.plan, &done.committed, &layout, arguments)
        }
    };
    report_changes(&changes, &args.write, console)?;
    Ok(Exit::Done)
}
