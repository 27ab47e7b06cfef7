//! Many trees on a few threads, in bounded memory.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// How many finished results wait for an earlier one, for each thread.
const WINDOW: usize = 16;

/// Does `work` for each item on all cores, and hands the results to `take` in the order of the items.
///
/// Stops early if `take` fails.
///
/// # Errors
/// The error of `take`.
pub fn for_each<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    for chunk in items.chunks(threads * WINDOW) {
        if let [item] = chunk {
            take(work(item))?;
            continue;
        }
        for result in in_parallel(chunk, threads, &work) {
            take(result)?;
        }
    }
    Ok(())
}

/// Returns the results in the order of the items.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: &(impl Fn(&T) -> R + Sync),
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = sync_channel(items.len());
    let mut results: Vec<(usize, R)> = thread::scope(|scope| {
        let next = &next;
        let take_turns = move |sender: SyncSender<(usize, R)>| {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return };
                if sender.send((index, work(item))).is_err() {
                    return;
                }
            }
        };
        for _ in 1..threads.min(items.len()) {
            let sender = sender.clone();
            // A system that allows no more threads leaves the work to this one.
            _ = thread::Builder::new().spawn_scoped(scope, move || take_turns(sender));
        }
        take_turns(sender);
        receiver.iter().collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        let mut results = Vec::new();
        let take = |result| {
            results.push(result);
            Ok::<(), ()>(())
        };
        assert_eq!(for_each(&items, |item| item * 2, take), Ok(()));
        let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
        assert_eq!(results, doubled);
    }

    #[test]
    fn a_result_that_cannot_be_taken_ends_the_work() {
        let items: Vec<usize> = (0..100_000).collect();
        let done = AtomicUsize::new(0);
        let work = |_: &usize| done.fetch_add(1, Ordering::Relaxed);
        assert_eq!(for_each(&items, work, |_| Err("full")), Err("full"));
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        assert!(done.into_inner() <= threads * WINDOW);
    }
}
