//! `pki csr generate`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::catalog::{self, Row};
use crate::check::expected::is_wanted;
use crate::cli::GenerateArgs;
use crate::cmd::failure::{Invalid, PlanFailure};
use crate::cmd::session::{CommitOutcome, Session, WriteRun};
use crate::cmd::target::{ConfigSource, Detection, tree_arguments};
use crate::cmd::{Console, Exit, report_changes};
use crate::config::Cluster;
use crate::fs::file::{self, FileError};
use crate::fs::output;
use crate::plan::Plan;
use crate::plan::csr::generate::{self, GenerateRequest};
use crate::report::changes::Changes;
use crate::report::findings::TreeArguments;
use crate::store::outcome::TreeState;
use crate::tree::inventory::Depth;
use crate::tree::layout::{self, Layout};
use crate::util::escape::shell_path;

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
    let copies = match &args.csr_dir {
        Some(directory) => copies(directory, &request.rows, &run.target.layout)?,
        None => Vec::new(),
    };
    let plan = generate::plan(&request, &run.snapshot.inventory).map_err(|error| PlanFailure {
        error,
        arguments: arguments.clone(),
    })?;
    console.warn_of(&plan);
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
    copies: &[(PathBuf, PathBuf)],
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

/// Returns each request with the file that it is copied to.
///
/// # Errors
/// If a file cannot be written there, or the directory belongs to the tree.
fn copies(
    directory: &Path,
    rows: &[&'static Row],
    layout: &Layout,
) -> Result<Vec<(PathBuf, PathBuf)>> {
    let failed = |error: FileError| anyhow!("{error}");
    let mut copies = Vec::new();
    for row in rows {
        let Some(request) = layout::request_file(row) else {
            continue;
        };
        let target =
            output::target(&directory.join(format!("{}.csr", row.name))).map_err(failed)?;
        let trees = [&layout.certificates, &layout.kubeconfigs];
        if trees.iter().any(|tree| output::is_in(&target, tree)) {
            let what = format!("`{}` is in the tree", directory.display());
            let hint = "leave `--csr-dir` out: each request is kept beside its certificate";
            return Err(Invalid::new(what).with_hint(hint).into());
        }
        copies.push((layout.path(&request), target));
    }
    Ok(copies)
}

fn write_copies(copies: &[(PathBuf, PathBuf)], dry_run: bool) -> Result<()> {
    for (request, target) in copies.iter().filter(|_| !dry_run) {
        // Rows that `pki` does not manage have no request.
        if fs::symlink_metadata(request).is_err() {
            continue;
        }
        let failed =
            |error: FileError| anyhow!("{error}; the request is in `{}`", shell_path(request));
        let contents = file::read_given(request, file::MAX_FILE_SIZE).map_err(failed)?;
        output::replace(target, contents.bytes.as_slice(), REQUEST_MODE).map_err(failed)?;
    }
    Ok(())
}
