//! The mutants of a file, and the sweep over them.

use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::everything;

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    /// Only its first bytes are left.
    Cut(usize),
    /// One bit is the other way round.
    Flip { byte: usize, bit: u8 },
}

impl Mutant {
    /// Returns every mutant of a file of this length.
    pub(super) fn all(length: usize) -> Vec<Mutant> {
        let flips = (0..length).flat_map(|byte| (0..8).map(move |bit| Mutant::Flip { byte, bit }));
        (0..length).map(Mutant::Cut).chain(flips).collect()
    }

    /// Returns the byte at which it begins to differ.
    pub(super) fn place(self) -> usize {
        match self {
            Mutant::Cut(byte) | Mutant::Flip { byte, .. } => byte,
        }
    }

    /// Returns a number; every sixteenth one, say, is a choice in which each bit and each part of the file occurs.
    pub(super) fn number(self) -> usize {
        match self {
            Mutant::Cut(length) => length,
            Mutant::Flip { byte, bit } => 8 * byte + usize::from(bit) + byte / 2,
        }
    }

    /// Returns the bytes of the mutant.
    pub(super) fn of(self, original: &[u8]) -> Vec<u8> {
        match self {
            Mutant::Cut(length) => original[..length].to_vec(),
            Mutant::Flip { byte, bit } => {
                let mut bytes = original.to_vec();
                bytes[byte] ^= 1 << bit;
                bytes
            }
        }
    }
}

impl Display for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Mutant::Cut(length) => write!(f, "cut off after {length} bytes"),
            Mutant::Flip { byte, bit } => write!(f, "bit {bit} of byte {byte} flipped"),
        }
    }
}

/// Judges mutants of a file, in several threads, and returns each with its verdict, in order; a panic is a wrong one.
pub(super) fn sweep<T: Send>(
    original: &[u8],
    mutants: &[Mutant],
    judge: impl Fn(Mutant, &[u8]) -> Result<T, String> + Sync,
) -> Vec<(Mutant, Result<T, String>)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut verdicts = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = mutants.get(index).copied() else {
                return verdicts;
            };
            let verdict = catch_unwind(AssertUnwindSafe(|| judge(mutant, &mutant.of(original))));
            let verdict = verdict.unwrap_or_else(|_| Err("panicked".to_owned()));
            verdicts.push((index, mutant, verdict));
        }
    };
    let mut verdicts: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..thread::available_parallelism().map_or(1, usize::from))
            .map(|_| scope.spawn(work))
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.flatten().collect()
    });
    verdicts.sort_by_key(|(index, ..)| *index);
    verdicts
        .into_iter()
        .map(|(_, mutant, verdict)| (mutant, verdict))
        .collect()
}

/// Fails if there is something wrong, and says what of which mutants.
#[track_caller]
pub(super) fn assert_none_wrong(what: &str, total: usize, wrong: &[(Mutant, String)]) {
    let shown = if everything() { usize::MAX } else { 40 };
    let lines: String = wrong
        .iter()
        .take(shown)
        .map(|(mutant, why)| format!("{mutant}: {}\n", why.replace('\n', " / ")))
        .collect();
    assert!(
        wrong.is_empty(),
        "{what}: {} of {total} mutants are judged wrong, such as\n{lines}",
        wrong.len()
    );
}
