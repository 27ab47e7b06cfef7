//! Puts right what a killed run has left: finishes what its journal promises, either way, and removes its litter.

use super::generations;
use super::outcome::{TransactionError, TreeState, refused_or};
use crate::fs::directory::{Directory, Entry};
use crate::fs::file::FileError;
use crate::tree::journal::{Direction, Journal, JournalFile, is_litter, kept_name, staged_name};
use crate::tree::layout::{Layout, Root};
use crate::tree::places::{Places, directories};

/// Finishes what the journal promises, or removes the litter of a run that promised nothing.
pub(super) fn recover(
    layout: &Layout,
    state: &Directory,
) -> Result<Option<(String, Direction)>, TransactionError> {
    let pending = |error| TransactionError::Failed {
        error,
        state: TreeState::Pending,
    };
    let Some((direction, journal)) = Journal::read(state).map_err(TransactionError::Refused)?
    else {
        remove_litter(layout, state).map_err(refused_or(TreeState::Unchanged))?;
        return Ok(None);
    };
    if journal.certificates != layout.certificates_name() {
        let what = format!(
            "it is pending for the certificates directory `{}`: run again with that one",
            journal.certificates
        );
        return Err(TransactionError::Refused(FileError::unexpected(
            "finishing the transaction of",
            state.path(),
            what,
        )));
    }
    let mut places = Places::default();
    let mut files = Vec::new();
    for file in &journal.files {
        let (directory, name) = places.locate(layout, &file.file).map_err(pending)?;
        files.push((directory, name, file));
    }
    if direction == Direction::Commit {
        for (directory, name, file) in &files {
            let opened = places.open(directory).map_err(pending)?;
            check_promise(opened, name, file, layout).map_err(TransactionError::Refused)?;
        }
    }
    for (directory, name, file) in &files {
        let opened = places.open(directory).map_err(pending)?;
        match direction {
            Direction::Commit if opened.contains(&staged_name(name)).map_err(pending)? => {
                opened.rename(&staged_name(name), name).map_err(pending)?;
            }
            // Its rename had been done.
            Direction::Commit => {}
            Direction::Undo => undo_one(opened, name, file.existed).map_err(pending)?,
        }
    }
    places.sync().map_err(pending)?;
    match (direction, &journal.generation) {
        (Direction::Commit, Some(generation)) => {
            generations::finish(state, generation).map_err(pending)?
        }
        _ => generations::discard(state).map_err(pending)?,
    }
    Journal::remove(state).map_err(pending)?;
    let settled = match direction {
        Direction::Commit => TreeState::Changed,
        Direction::Undo => TreeState::Unchanged,
    };
    remove_litter(layout, state).map_err(|error| TransactionError::Failed {
        error,
        state: settled,
    })?;
    Ok(Some((journal.command, direction)))
}

/// Checks that the promised bytes of a file are there, waiting or in place: if somebody has taken them away, finishing would
/// leave half a pair and call it done.
fn check_promise(
    directory: &Directory,
    name: &str,
    file: &JournalFile,
    layout: &Layout,
) -> Result<(), FileError> {
    for candidate in [staged_name(name), name.to_owned()] {
        if let Entry::File(contents) = directory.entry_with_links(&candidate)?
            && file.is_promised(&contents.bytes)
        {
            return Ok(());
        }
    }
    let what = format!(
        "the new file that was promised for it is gone; the old files are in `{}`: put them back, and remove the journal there",
        layout
            .directory(Root::State)
            .join(generations::UNFINISHED_PATH)
            .display()
    );
    Err(FileError::unexpected(
        "finishing the transaction of",
        directory.path().join(name),
        what,
    ))
}

/// Gives the old file its name back, or takes the name away from the new one where there was no old one.
pub(super) fn undo_one(directory: &Directory, name: &str, existed: bool) -> Result<(), FileError> {
    let (staged, kept) = (staged_name(name), kept_name(name));
    let renamed = !directory.contains(&staged)?;
    if !renamed {
        directory.remove(&staged)?;
    }
    if existed {
        if directory.contains(&kept)? {
            // Where the file was not renamed, both names are the same file and rename would do nothing.
            if renamed {
                directory.rename(&kept, name)?;
            }
            directory.remove(&kept)?;
        }
    } else if renamed {
        directory.remove(name)?;
    }
    Ok(())
}

fn remove_litter(layout: &Layout, state: &Directory) -> Result<(), FileError> {
    for directory in directories(layout)? {
        let mut removed = false;
        for name in directory.names()?.iter().filter(|name| is_litter(name)) {
            // Whoever made a directory of that name, it was not a transaction.
            removed |= directory.is_file(name)? && directory.remove(name)?;
        }
        if removed {
            directory.sync()?;
        }
    }
    generations::discard(state)
}
