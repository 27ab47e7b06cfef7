//! The order in which `pki rollback` steps through the generations.
//!
//! After a rollback, the tree is in the state before some generation: the cursor. Another rollback moves the cursor
//! back, and a redo moves it forward, up to the state before the first rollback. Any other transaction starts a new
//! branch at the cursor, and the generations after the cursor are no longer reachable by steps.

use super::{Generation, TransactionKind};

/// A step of a rollback: to the state before a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackStep<'a> {
    /// The generation whose old files, and those of all later ones, are restored.
    pub before: &'a Generation,
    /// The kind of transaction that the new generation records.
    pub change: TransactionKind,
}

/// Where the tree is among the states that the generations lead to.
enum Cursor<'a> {
    /// It was not rolled back since the last change.
    Last,
    /// In the state before a generation.
    Before(&'a Generation),
    /// In the state before a generation that is no longer kept.
    BeforeAll,
}

/// Returns the step back from the cursor; `None` if the tree is at the oldest generation.
pub fn back(generations: &[Generation]) -> Option<RollbackStep<'_>> {
    let before = match cursor(generations) {
        Cursor::Last => last_change(generations)?,
        Cursor::Before(cursor) => previous(generations, cursor)?,
        Cursor::BeforeAll => return None,
    };
    Some(to(before))
}

/// Returns whether a rollback can step back from the state before a generation.
pub fn has_earlier(generations: &[Generation], before: &Generation) -> bool {
    previous(generations, before).is_some()
}

/// Returns the step to the state before a generation.
pub fn to(before: &Generation) -> RollbackStep<'_> {
    let to = Some(before.name.clone());
    RollbackStep {
        before,
        change: TransactionKind::Rollback { to },
    }
}

/// Returns the step forward; `None` if nothing was rolled back since the last change.
pub fn forward(generations: &[Generation]) -> Option<RollbackStep<'_>> {
    let position = match cursor(generations) {
        Cursor::Last => return None,
        Cursor::Before(cursor) => cursor.sequence,
        // Every change that is kept is ahead.
        Cursor::BeforeAll => 0,
    };
    let first_rollback = first_of_last_rollbacks(generations)?;
    // The changes on the way back from the last one: abandoned branches are not stepped into.
    let way = std::iter::successors(last_change(generations), |change| {
        previous(generations, change)
    });
    let next = way.take_while(|change| change.sequence > position).last();
    Some(match next {
        Some(next) => to(next),
        None => RollbackStep {
            before: first_rollback,
            change: TransactionKind::Rollback { to: None },
        },
    })
}

/// Returns the generation before which the tree is, after a rollback; it may no longer be kept.
pub(super) fn position(generations: &[Generation]) -> Option<String> {
    match &generations.last()?.change {
        TransactionKind::Rollback { to } => to.clone(),
        TransactionKind::New { .. } => None,
    }
}

fn cursor(generations: &[Generation]) -> Cursor<'_> {
    match position(generations) {
        Some(name) => find(generations, &name).map_or(Cursor::BeforeAll, Cursor::Before),
        None => Cursor::Last,
    }
}

/// Returns the generation before that one on its branch.
fn previous<'a>(generations: &'a [Generation], from: &'a Generation) -> Option<&'a Generation> {
    let mut from = from;
    // A change after a rollback begins in the state that the rollback restored, which may be that before another such change.
    while let TransactionKind::New {
        after_rollback_to: Some(name),
    } = &from.change
    {
        // If it is no longer kept, nothing older is.
        from = find(generations, name).filter(|earlier| earlier.sequence < from.sequence)?;
    }
    let is_earlier = |kept: &&Generation| kept.sequence < from.sequence && !kept.is_rollback();
    generations.iter().rfind(is_earlier)
}

fn last_change(generations: &[Generation]) -> Option<&Generation> {
    generations.iter().rfind(|kept| !kept.is_rollback())
}

fn find<'a>(generations: &'a [Generation], name: &str) -> Option<&'a Generation> {
    generations.iter().find(|kept| kept.name == name)
}

/// Returns the first rollback after the last other change.
fn first_of_last_rollbacks(generations: &[Generation]) -> Option<&Generation> {
    let last_change = generations.iter().rposition(|kept| !kept.is_rollback());
    generations.get(last_change.map_or(0, |index| index + 1))
}

/// Returns the generations to be removed so that `keep` changes are left: the oldest changes, and rollbacks that no step needs.
/// Rollbacks push no change out.
pub(super) fn surplus(generations: &[Generation], keep: usize) -> Vec<&Generation> {
    if keep == 0 {
        return generations.iter().collect();
    }
    let changes: Vec<_> = generations
        .iter()
        .filter(|kept| !kept.is_rollback())
        .collect();
    let mut surplus: Vec<_> = changes
        .iter()
        .take(changes.len().saturating_sub(keep))
        .copied()
        .collect();
    let redo = first_of_last_rollbacks(generations).map(|kept| kept.sequence);
    let (last, earlier): (Vec<_>, Vec<_>) = generations
        .iter()
        .filter(|kept| kept.is_rollback())
        .partition(|kept| redo.is_some_and(|redo| kept.sequence >= redo));
    surplus.extend(earlier.iter().take(earlier.len().saturating_sub(keep)));
    // To redo everything, the first copy of each file that the rollbacks replaced is needed, and the last step.
    let mut known = Vec::new();
    for (index, rollback) in last.iter().enumerate() {
        let new: Vec<_> = rollback
            .files
            .iter()
            .map(|file| &file.file)
            .filter(|file| !known.contains(file))
            .collect();
        if new.is_empty() && index + 1 < last.len() {
            surplus.push(rollback);
        }
        known.extend(new);
    }
    surplus
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::generations::GenerationFile;
    use crate::tree::layout::{Root, TreePath};

    fn generation(sequence: u64, change: TransactionKind, file: &str) -> Generation {
        Generation {
            name: format!("g{sequence}"),
            sequence,
            command: "renew all".to_owned(),
            time: String::new(),
            certificates: "pki".to_owned(),
            earlier: Vec::new(),
            change,
            files: vec![GenerationFile {
                file: TreePath::new(Root::Certificates, file),
                stored: None,
            }],
        }
    }

    fn new(sequence: u64) -> Generation {
        let after_rollback_to = None;
        generation(
            sequence,
            TransactionKind::New { after_rollback_to },
            "apiserver.crt",
        )
    }

    /// Does a step, and returns the name of the generation that the tree then stands before.
    fn apply(
        generations: &mut Vec<Generation>,
        step: fn(&[Generation]) -> Option<RollbackStep<'_>>,
    ) -> Option<String> {
        let step = step(generations)?;
        let (name, change) = (step.before.name.clone(), step.change.clone());
        let sequence = generations.last().unwrap().sequence + 1;
        generations.push(generation(sequence, change, "apiserver.crt"));
        Some(name)
    }

    #[test]
    fn rollbacks_step_back_and_redo_steps_forward_to_where_it_began() {
        let mut generations: Vec<_> = (1..=3).map(new).collect();
        let mut went = Vec::new();
        for step in [back, back, back, forward, forward, forward] {
            went.push(apply(&mut generations, step).unwrap());
        }
        assert_eq!(went, ["g3", "g2", "g1", "g2", "g3", "g4"]);
        assert_eq!(apply(&mut generations, forward), None);
        assert_eq!(apply(&mut generations, back).unwrap(), "g3");
        let mut at_the_end = vec![new(1)];
        apply(&mut at_the_end, back).unwrap();
        assert_eq!(apply(&mut at_the_end, back), None);
    }

    #[test]
    fn another_change_ends_redo_and_goes_back_to_where_it_was_made() {
        let mut generations: Vec<_> = (1..=3).map(new).collect();
        apply(&mut generations, back).unwrap();
        apply(&mut generations, back).unwrap();
        let after_rollback_to = position(&generations);
        assert_eq!(after_rollback_to.as_deref(), Some("g2"));
        generations.push(generation(
            6,
            TransactionKind::New { after_rollback_to },
            "apiserver.crt",
        ));
        assert_eq!(forward(&generations), None);
        assert_eq!(apply(&mut generations, back).unwrap(), "g6");
        assert_eq!(apply(&mut generations, back).unwrap(), "g1");
    }

    #[test]
    fn abandoned_branches_are_not_stepped_into() {
        // Three changes; back, back; then twice another change and back.
        let mut generations: Vec<_> = (1..=3).map(new).collect();
        apply(&mut generations, back).unwrap();
        apply(&mut generations, back).unwrap();
        for _ in 0..2 {
            let after_rollback_to = position(&generations);
            let sequence = generations.last().unwrap().sequence + 1;
            let change = TransactionKind::New { after_rollback_to };
            generations.push(generation(sequence, change, "apiserver.crt"));
            let name = generations.last().unwrap().name.clone();
            assert_eq!(apply(&mut generations, back).unwrap(), name);
        }
        // The tree is in the state before the second change, which is that after the first one.
        let last = generations.last().unwrap();
        let now = position(&generations).unwrap();
        let now = find(&generations, &now).unwrap();
        assert!(has_earlier(&generations, now), "{last:?}");
        assert_eq!(apply(&mut generations, back).unwrap(), "g1");
        assert_eq!(apply(&mut generations, back), None);
        let change = last_change(&generations).unwrap().name.clone();
        assert_eq!(apply(&mut generations, forward).unwrap(), change);
        assert!(apply(&mut generations, forward).is_some());
        assert_eq!(apply(&mut generations, forward), None);
        // Where the beginning of a branch is no longer kept, nothing before it is.
        generations.retain(|kept| !["g1", "g2"].contains(&kept.name.as_str()));
        let branch = generations
            .iter()
            .rfind(|kept| !kept.is_rollback())
            .unwrap();
        assert!(!has_earlier(&generations, branch));
    }

    #[test]
    fn a_cursor_that_is_no_longer_kept_is_before_all_that_is() {
        let mut generations: Vec<_> = (1..=3).map(new).collect();
        apply(&mut generations, back).unwrap();
        apply(&mut generations, back).unwrap();
        generations.retain(|kept| !["g1", "g2"].contains(&kept.name.as_str()));
        assert_eq!(apply(&mut generations, back), None);
        assert_eq!(apply(&mut generations, forward).unwrap(), "g3");
    }

    #[test]
    fn rollbacks_push_no_change_out_and_are_bounded() {
        let mut generations: Vec<_> = (1..=3).map(new).collect();
        for step in [back, back, back, forward, forward, forward, back, back] {
            apply(&mut generations, step).unwrap();
            let surplus: Vec<_> = surplus(&generations, 3)
                .iter()
                .map(|kept| kept.name.clone())
                .collect();
            generations.retain(|kept| !surplus.contains(&kept.name));
        }
        let names: Vec<_> = generations.iter().map(|kept| kept.name.as_str()).collect();
        assert_eq!(names, ["g1", "g2", "g3", "g4", "g11"]);
        let names = |keep| -> Vec<_> {
            surplus(&generations, keep)
                .iter()
                .map(|kept| kept.name.as_str())
                .collect()
        };
        assert_eq!(names(1), ["g1", "g2"]);
        assert_eq!(names(0).len(), 5);
    }
}
