//! `pki rollback`.

use anyhow::Result;
use zeroize::Zeroizing;

use super::apply::{Work, apply, preview};
use super::target::Target;
use super::{Console, Exit, Invalid, verdict};
use crate::cli::{ClusterArgs, ConfigArgs, RollbackArgs};
use crate::plan::rollback::{self, Request};
use crate::plan::{Plan, Refusal};
use crate::report::text;
use crate::store::generations::{self, Generation};
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::{self, Layout, TreePath};
use crate::tree::overlay::Tree;
use crate::util::escape::escaped;

/// Files with the bytes that they had.
type OldFiles = Vec<(TreePath, Zeroizing<Vec<u8>>)>;

pub(super) fn run(args: &RollbackArgs, console: &Console) -> Result<Exit> {
    let layout = Target::find(&args.tree, &ConfigArgs::default(), &ClusterArgs::default())?.layout;
    // Decided before the lock is taken, so that another run in between does not change which one is the last.
    let generation = choose(&layout, args.generation.as_deref())?;
    let decide =
        |present: &Inventory| decide(&layout, &generation, args.allow_invalid, present, console);
    let tree = Tree::open(&layout)?;
    let inventory = Inventory::read(&tree, |_| Depth::Keys);
    let command = format!("rollback {generation}");
    let work = Work {
        depth: &|_| Depth::Keys,
        layout: &layout,
        command: &command,
        plan: &decide,
        keep: args.write.keep,
    };
    if args.write.dry_run {
        let plan = decide(&inventory)?;
        console.warn_of(&plan);
        console.print(&text::dry_run(&plan, &tree.loose()?, &layout))?;
        return Ok(Exit::Done);
    }
    let plan = preview(&work, &inventory)?;
    console.warn_of(&plan);
    if plan.is_empty() && tree.is_settled()? {
        console.print(&text::nothing_to_put_back(&generation, &layout))?;
        return Ok(Exit::Done);
    }
    let applied = apply(&work, console)?;
    console.print_done(&text::rollback(
        &generation,
        &applied.plan,
        &applied.committed,
        &layout,
    ))?;
    verdict(&layout, None, console)
}

/// Returns the name of the generation that is meant.
fn choose(layout: &Layout, wanted: Option<&str>) -> Result<String> {
    let generations = generations::list(layout)?;
    let found = match wanted {
        Some(name) => generations
            .iter()
            .find(|generation| generation.name == name),
        None => generations.last(),
    };
    if let Some(generation) = found {
        return Ok(generation.name.clone());
    }
    let names: Vec<_> = generations
        .iter()
        .map(|generation| format!("`{}`", generation.name))
        .collect();
    let place = layout.kubeconfigs.display();
    Err(Invalid(match (wanted, names.is_empty()) {
        (_, true) => format!("no generation is kept for `{place}`: there is nothing to put back"),
        (Some(name), false) => format!(
            "there is no generation `{}`; kept are {}",
            escaped(name),
            names.join(", ")
        ),
        (None, false) => format!("no generation of `{place}` can be read"),
    })
    .into())
}

fn decide(
    layout: &Layout,
    generation: &str,
    allow_invalid: bool,
    present: &Inventory,
    console: &Console,
) -> Result<Plan> {
    let generations = generations::list(layout)?;
    let Some(first) = generations.iter().position(|kept| kept.name == generation) else {
        return Err(Invalid(format!("generation `{generation}` is gone")).into());
    };
    let generations = generations.get(first..).unwrap_or_default();
    let mut files = before(layout, generations)?;
    let tree = Tree::open(layout)?;
    let mut unchanged = Vec::new();
    for (file, bytes) in &files {
        if tree.read(file)?.is_some_and(|now| now.bytes == *bytes) {
            unchanged.push(file.clone());
        }
    }
    files.retain(|(file, _)| !unchanged.contains(file));
    let recorded = layout::recorded_configuration();
    let old_record = files
        .iter()
        .find(|(file, _)| *file == recorded)
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    // Where nothing was recorded before, nothing is again: an empty record counts as none.
    let was_first = generations
        .iter()
        .flat_map(|kept| &kept.files)
        .any(|file| file.file == recorded && !file.existed());
    let is_recorded = tree
        .read(&recorded)?
        .is_some_and(|now| !now.bytes.is_empty());
    let record = old_record.or_else(|| (was_first && is_recorded).then(String::new));
    files.retain(|(file, _)| *file != recorded);
    if let Some((stranger, _)) = files
        .iter()
        .find(|(file, _)| layout::row_of(file).is_none())
    {
        return Err(Invalid(format!(
            "generation `{generation}` has a file that belongs to nothing: `{stranger}`"
        ))
        .into());
    }
    let borrowed: Vec<_> = files
        .iter()
        .map(|(file, bytes)| (file.clone(), bytes.as_slice()))
        .collect();
    let restored = Inventory::read(&tree.with_files(&borrowed), |_| Depth::Keys);
    let request = Request {
        files: &borrowed,
        restored: &restored,
        allow_invalid,
    };
    let plan: Result<Plan, Refusal> = rollback::plan(&request, present, console.now);
    Ok(Plan { record, ..plan? })
}

/// Returns the files as they were before the first of these generations: the oldest copy of each counts.
fn before(layout: &Layout, generations: &[Generation]) -> Result<OldFiles> {
    let mut files: OldFiles = Vec::new();
    for generation in generations.iter().rev() {
        for file in &generation.files {
            files.retain(|(known, _)| *known != file.file);
            // A file that was not there before is left alone: nothing is ever deleted.
            if let Some(old) = generations::read(layout, generation, file)? {
                files.push((file.file.clone(), old.bytes));
            }
        }
    }
    Ok(files)
}
