//! `pki download-certs`.

use std::path::Path;

use anyhow::Result;
use zeroize::Zeroizing;

use super::given_key::given_key;
use super::{refuse_two_readers, shared_etcd};
use crate::catalog::Row;
use crate::check::finding::{Findings, PkiCommand};
use crate::cli::{ClusterArgs, DownloadCertsArgs};
use crate::cmd::failure::{Invalid, PlanFailure};
use crate::cmd::input::read_input;
use crate::cmd::judgement::{JudgementContext, encrypted_keys_in_use};
use crate::cmd::session::{CommitOutcome, Session, TreeSnapshot, WriteRun};
use crate::cmd::target::tree_arguments;
use crate::cmd::{Console, Exit, report_changes};
use crate::objects::kubeadm_certs::{UploadedCerts, UploadedCertsError};
use crate::plan::download::{self, DownloadRequest, NewFiles, UPLOAD_AGAIN};
use crate::plan::{Plan, PlanError};
use crate::report::changes::Changes;
use crate::report::findings::lines;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::{self, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::shared::{SharedFile, shared_files};

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
    let shared = shared_files(match download::uploaded_etcd(&secret) {
        Some(etcd) => etcd,
        None => shared_etcd(&settings),
    });
    let failure = |error| PlanFailure {
        error,
        arguments: tree_arguments(&args.tree, &args.config),
    };
    let files = download::decrypted(&secret, &shared, &key).map_err(failure)?;
    for shared in &shared {
        if !files.iter().any(|(file, _)| *file == shared.file) {
            let entry = &shared.entry;
            console.warn(&format!(
                "entry `{entry}` is empty: the node that uploaded it has no such file"
            ));
        }
    }
    let planned =
        plan(&files, &shared, &run.snapshot, args.allow_replace, console)?.map_err(failure)?;
    console.warn_of(&planned.plan);
    for line in lines(&planned.in_use, &tree_arguments(&args.tree, &args.config)) {
        console.warn(&line);
    }
    finish(run, planned, args, console)
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

/// A plan, with what has to be done after it.
struct Planned {
    plan: Plan,
    /// The rows that the old CAs signed, and the command that reissues them.
    to_renew: Option<(Vec<&'static Row>, PkiCommand)>,
    /// The components that would not start again, because a new key is encrypted.
    in_use: Findings,
}

fn plan(
    files: &NewFiles,
    shared: &[SharedFile],
    snapshot: &TreeSnapshot,
    allow_replace: bool,
    console: &Console,
) -> Result<Result<Planned, PlanError>> {
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
    let inventory = &snapshot.inventory;
    let mut after = inventory_with(&changed, snapshot)?;
    let incomparable = download::incomparable_keys(&changed, inventory, &after, allow_replace);
    if !allow_replace && !incomparable.is_empty() {
        let keys: Vec<_> = incomparable
            .iter()
            .filter_map(|(row, _)| layout::key_file(row))
            .collect();
        changed.retain(|(file, _)| !keys.contains(file));
        after = inventory_with(&changed, snapshot)?;
    }
    let knowledge = JudgementContext::nothing(console.now);
    let rows: Vec<_> = shared.iter().map(|shared| shared.row).collect();
    let request = DownloadRequest {
        files: &changed,
        rows: &rows,
        after: &after,
        findings_after: &knowledge.judge(&after),
        findings: &knowledge.judge(inventory),
        allow_replace,
    };
    let plan = download::plan(&request, inventory);
    Ok(plan.map(|mut plan| {
        let warnings = incomparable.into_iter().map(|(_, warning)| warning);
        plan.warnings.extend(warnings);
        Planned {
            plan,
            to_renew: download::to_renew(&request, inventory, console.now),
            in_use: encrypted_keys_in_use(&snapshot.tree, &|row| {
                let key = layout::key_file(row);
                let is_changed = changed.iter().any(|(file, _)| Some(file) == key.as_ref());
                is_changed && after.encrypted_key(row).is_some()
            }),
        }
    }))
}

/// Returns the contents of the tree as it would be with these files.
fn inventory_with(files: &[(TreePath, &[u8])], snapshot: &TreeSnapshot) -> Result<Inventory> {
    let tree = Tree::over(&snapshot.places)?.with_files(files);
    Ok(Inventory::read(&tree, |_| Depth::Keys))
}

fn finish(
    run: WriteRun<'_>,
    Planned {
        plan,
        to_renew,
        in_use,
    }: Planned,
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
    let changes = match &to_renew {
        Some((rows, command)) => changes.renewing_first(rows, arguments.command(command)),
        None => changes,
    };
    report_changes(&changes.with_obstacles(&in_use), &args.write, console)?;
    Ok(in_use.outcome().into())
}
