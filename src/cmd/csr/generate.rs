//! `pki csr generate`.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result, anyhow};

use crate::catalog::{self, Row};
use crate::check::expected::is_wanted;
use crate::cli::GenerateArgs;
use crate::cmd::failure::{Invalid, Invalids, PlanFailure};
use crate::cmd::output_file::refuse_in_tree;
use crate::cmd::session::{CommitOutcome, Session, WriteRun};
use crate::cmd::target::{ConfigSource, Detection, tree_arguments};
use crate::cmd::{Console, Exit, report_changes};
use crate::config::Cluster;
use crate::fs::file::{self, FileError};
use crate::fs::output;
use crate::plan::csr::generate::{self, GenerateRequest};
use crate::plan::{Action, Plan, Step};
use crate::report::changes::Changes;
use crate::report::findings::TreeArguments;
use crate::store::outcome::TreeState;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout;
use crate::util::escape::shell_path;
use crate::x509::request::CertificateRequest;

/// The mode of a request in `--csr-dir`: it holds nothing secret, and the CA's people read it.
const REQUEST_MODE: u32 = 0o644;

pub(in crate::cmd) fn run(args: &GenerateArgs, console: &Console) -> Result<Exit> {
    let session = Session::open(&args.tree, &args.config, &args.cluster, console)?;
    let run = session.begin("csr generate", &args.write, &args.keep, &|_| Depth::Keys)?;
    let mut run = run;
    run.target.require_record(console)?;
    for warning in &run.target.warnings {
        console.warn(&warning.to_string());
    }
    let layers = run.target.layers(&run.snapshot.inventory);
    let cluster = layers.resolve(Detection::Allowed)?.cluster;
    let is_declared =
        run.target.source() != ConfigSource::Nothing || args.cluster != Default::default();
    let arguments = tree_arguments(&args.tree, &args.config);
    let request = GenerateRequest {
        rows: rows(args, &cluster),
        is_named: !args.names.is_empty(),
        cluster: &cluster,
        is_declared,
        new_key: args.new_key,
    };
    let plan = generate::plan(&request, &run.snapshot.inventory).map_err(|error| PlanFailure {
        error,
        arguments: arguments.clone(),
    })?;
    console.warn_of(&plan);
    let copies = match &args.csr_dir {
        Some(directory) => copies(directory, &plan, &run)?,
        None => Vec::new(),
    };
    finish(run, plan, &copies, &arguments, args, console)
}

/// Returns the rows that are named, or those that the cluster has, in catalog order.
fn rows(args: &GenerateArgs, cluster: &Cluster) -> Vec<&'static Row> {
    let is_selected = |row: &&'static Row| match args.names.is_empty() {
        true => is_wanted(row, cluster),
        false => args.names.iter().any(|name| name == row.name),
    };
    catalog::renewable().filter(is_selected).collect()
}

fn finish(
    run: WriteRun<'_>,
    plan: Plan,
    copies: &[RequestCopy],
    arguments: &TreeArguments,
    args: &GenerateArgs,
    console: &Console,
) -> Result<Exit> {
    let layout = run.target.layout.clone();
    match run.commit(plan)? {
        CommitOutcome::Nothing(plan) => {
            write_copies(copies, args.write.dry_run)?;
            let dry_run = args.write.dry_run;
            let changes = Changes::nothing("csr generate", &plan, dry_run, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
        }
        CommitOutcome::DryRun(dry) => {
            let restricted = &dry.restricted;
            let changes =
                Changes::planned("csr generate", &dry.plan, restricted, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
        }
        CommitOutcome::Done(done) => {
            let copied = write_copies(copies, false);
            copied.map_err(|error| error.context(TreeState::Changed))?;
            let committed = &done.committed;
            let changes = Changes::done("csr generate", &done.plan, committed, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
        }
    }
    Ok(Exit::Done)
}

/// A request of the tree, and the file that it is copied to.
struct RequestCopy {
    request: PathBuf,
    target: PathBuf,
}

/// Returns the copies of the requests that a plan makes or keeps.
///
/// # Errors
/// If a file cannot be written there or is not an earlier copy, or the directory belongs to the tree.
fn copies(directory: &Path, plan: &Plan, run: &WriteRun<'_>) -> Result<Vec<RequestCopy>> {
    let layout = &run.target.layout;
    let mut copies = Vec::new();
    let mut problems = Vec::new();
    for Step { row, action } in &plan.steps {
        let request = layout::request_file(row);
        let Some(request) = request.filter(|_| !matches!(action, Action::Skip { .. })) else {
            continue;
        };
        let target =
            output::target(&directory.join(format!("{}.csr", row.name))).map_err(failed)?;
        let hint = "leave `--csr-dir` out: each request is kept beside its certificate";
        refuse_in_tree(&target, layout, hint)?;
        problems.extend(not_ours(row, &target, &run.snapshot.inventory)?);
        copies.push(RequestCopy {
            request: layout.path(&request),
            target,
        });
    }
    match problems.is_empty() {
        true => Ok(copies),
        false => Err(Invalids(problems).into()),
    }
}

/// Returns why a file is not overwritten.
fn not_ours(row: &Row, target: &Path, inventory: &Inventory) -> Result<Option<Invalid>> {
    let contents = match file::read_given(target, file::MAX_FILE_SIZE) {
        Ok(contents) => contents,
        Err(missing) if missing.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let what = match CertificateRequest::parse(&contents.bytes) {
        Ok(request) if generate::is_own_request(row, &request, inventory) => return Ok(None),
        Ok(_) => format!(
            "it is a request for a key that `{}` does not have here",
            row.name
        ),
        Err(error) => error.to_string(),
    };
    let message = format!("`{}`: {what}; it is not overwritten", target.display());
    Ok(Some(Invalid::new(message).with_hint(generate::MOVE_AWAY)))
}

fn write_copies(copies: &[RequestCopy], dry_run: bool) -> Result<()> {
    for RequestCopy { request, target } in copies.iter().filter(|_| !dry_run) {
        let failed =
            |error: FileError| anyhow!("{error}; the request is in `{}`", shell_path(request));
        let contents = file::read_given(request, file::MAX_FILE_SIZE).map_err(failed)?;
        output::replace(target, contents.bytes.as_slice(), REQUEST_MODE).map_err(failed)?;
    }
    Ok(())
}

fn failed(error: FileError) -> Error {
    anyhow!("{error}")
}
