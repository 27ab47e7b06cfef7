//! The mutants of a file, and the sweep over them.

use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    thread,
    time::Duration,
};

use super::everything;

/// How long any one mutant may take before it counts as a hang; they take milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

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
///
/// Fails if one does not come to an end, and says which.
pub(super) fn sweep<T: Send + 'static>(
    what: &str,
    original: &[u8],
    mutants: Vec<Mutant>,
    judge: impl Fn(Mutant, &[u8]) -> Result<T, String> + Send + Sync + 'static,
) -> Vec<(Mutant, Result<T, String>)> {
    let work = Arc::new((mutants, original.to_vec(), judge));
    let next = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = channel();
    let mut busy_with = Vec::new();
    for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
        let current = Arc::new(AtomicUsize::new(0));
        busy_with.push(Arc::clone(&current));
        let (work, next, sender) = (Arc::clone(&work), Arc::clone(&next), sender.clone());
        // Not scoped: one that hangs must not keep the test from saying so.
        thread::spawn(move || {
            let (mutants, original, judge) = &*work;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(mutant) = mutants.get(index).copied() else {
                    return;
                };
                current.store(index, Ordering::Relaxed);
                let verdict =
                    catch_unwind(AssertUnwindSafe(|| judge(mutant, &mutant.of(original))));
                let verdict = verdict.unwrap_or_else(|_| Err("panicked".to_owned()));
                if sender.send((index, verdict)).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mutants = &work.0;
    let mut verdicts = Vec::new();
    for _ in mutants {
        verdicts.push(receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let busy_with: Vec<_> = busy_with
                .iter()
                .map(|index| mutants[index.load(Ordering::Relaxed)].to_string())
                .collect();
            panic!("{what}: hangs with one of: {}", busy_with.join("; "));
        }));
    }
    verdicts.sort_by_key(|(index, _)| *index);
    mutants
        .iter()
        .copied()
        .zip(verdicts.into_iter().map(|(_, verdict)| verdict))
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
