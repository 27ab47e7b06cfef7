//! Work on all cores, in bounded memory.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many finished results of each thread wait for those before them, at most.
const WINDOW: usize = 16;
/// How many results are handed over at once, at most: the thread that takes them is woken each time.
const BATCH: usize = 8;

/// Does `work` for each item on all cores, and hands the results to `take` in the order of the items.
///
/// The items are cut into batches, and thread `n` of `N` takes the batches `n`, `n + N`, `n + 2N` and so on. Stops early if `take`
/// fails.
///
/// # Errors
/// The error of `take`.
pub fn for_each<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    for_each_on(threads, items, work, take)
}

/// Does `work` for each item on `threads` threads, one of which is the calling thread. Work that waits for a disk needs more
/// threads than there are cores.
///
/// # Errors
/// The failure of the first item that failed. `work` is done for every item.
pub(crate) fn try_all<T: Sync, E: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            if let Err(error) = work(item) {
                // A thread that panicked left the list as it was.
                let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.push((index, error));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            // If no more threads can be started, the existing ones do the work.
            if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
    let failures = failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let first = failures.into_iter().min_by_key(|(index, _)| *index);
    first.map_or(Ok(()), |(_, error)| Err(error))
}

/// Like [`for_each`], on this many threads.
fn for_each_on<T: Sync, R: Send, E>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    match items {
        [] => return Ok(()),
        [item] => return take(work(item)),
        _ => {}
    }
    let threads = threads.max(1);
    let work = &work;
    // A few items have to keep all threads busy.
    let batch = (items.len() / (threads * WINDOW)).clamp(1, BATCH);
    thread::scope(|scope| {
        let start = |first| -> Option<Receiver<Vec<R>>> {
            let (sender, receiver) = sync_channel(WINDOW / batch);
            let share = items.chunks(batch).skip(first).step_by(threads);
            let run = move || {
                // Sending fails once the receiver is gone.
                share
                    .map(|items| items.iter().map(work).collect())
                    .try_for_each(|results| sender.send(results))
                    .ok()
            };
            let started = thread::Builder::new().spawn_scoped(scope, run);
            started.is_ok().then_some(receiver)
        };
        let workers: Vec<_> = (0..threads.min(items.len())).map(start).collect();
        for (items, worker) in items.chunks(batch).zip(workers.iter().cycle()) {
            match worker {
                Some(results) => match results.recv() {
                    Ok(results) => results.into_iter().try_for_each(&mut take)?,
                    // The thread panicked; so will the end of the scope.
                    Err(_) => return Ok(()),
                },
                // A system that allows no more threads leaves the work to this one.
                None => items.iter().map(work).try_for_each(&mut take)?,
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_even_if_some_fail() {
        for (threads, count) in [(0, 0), (0, 3), (1, 7), (2, 1), (8, 28), (8, 3)] {
            let items: Vec<_> = (0..count)
                .map(|number| (number, AtomicUsize::new(0)))
                .collect();
            let work = |(number, done): &(usize, AtomicUsize)| {
                done.fetch_add(1, Ordering::Relaxed);
                match *number >= count / 2 {
                    true => Err(*number),
                    false => Ok(()),
                }
            };
            let wanted = if count == 0 { Ok(()) } else { Err(count / 2) };
            assert_eq!(try_all(threads, &items, work), wanted);
            assert_eq!(try_all(threads, &items, |_| Ok::<(), ()>(())), Ok(()));
            let times = items.into_iter().map(|(_, done)| done.into_inner());
            assert_eq!(
                times.collect::<Vec<_>>(),
                vec![1; count],
                "{threads} threads"
            );
        }
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for (threads, count) in [(0, 0), (0, 3), (1, 7), (2, 1), (2, 1000), (8, 28), (8, 3)] {
            let items: Vec<usize> = (0..count).collect();
            let mut results = Vec::new();
            let take = |result| {
                results.push(result);
                Ok::<(), ()>(())
            };
            assert_eq!(for_each_on(threads, &items, |item| item * 2, take), Ok(()));
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(results, doubled, "{threads} threads");
        }
    }

    #[test]
    fn a_result_that_cannot_be_taken_ends_the_work() {
        let items: Vec<usize> = (0..100_000).collect();
        let done = AtomicUsize::new(0);
        let work = |_: &usize| done.fetch_add(1, Ordering::Relaxed);
        assert_eq!(for_each(&items, work, |_| Err("full")), Err("full"));
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        // Each thread has one batch in its hands, and one was taken.
        assert!(done.into_inner() <= threads * (WINDOW + BATCH) + BATCH);
    }
}
