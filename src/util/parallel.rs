//! Work on all cores, in bounded memory.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// How many finished results of each thread wait for those before them.
const WINDOW: usize = 16;

/// Does `work` for each item on all cores, and hands the results to `take` in the order of the items.
///
/// Thread `n` of `N` takes the items `n`, `n + N`, `n + 2N` and so on. Stops early if `take` fails.
///
/// # Errors
/// The error of `take`.
pub fn for_each<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if let [item] = items {
        return take(work(item));
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let work = &work;
    thread::scope(|scope| {
        let start = |first| -> Option<Receiver<R>> {
            let (sender, receiver) = sync_channel(WINDOW);
            let share = items.iter().skip(first).step_by(threads);
            let run = move || {
                // Sending fails once the receiver is gone.
                share
                    .map(work)
                    .try_for_each(|result| sender.send(result))
                    .ok()
            };
            let started = thread::Builder::new().spawn_scoped(scope, run);
            started.is_ok().then_some(receiver)
        };
        let workers: Vec<_> = (0..threads.min(items.len())).map(start).collect();
        for (item, worker) in items.iter().zip(workers.iter().cycle()) {
            take(match worker {
                Some(results) => match results.recv() {
                    Ok(result) => result,
                    // The thread panicked; so will the end of the scope.
                    Err(_) => return Ok(()),
                },
                // A system that allows no more threads leaves the work to this one.
                None => work(item),
            })?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        // Each thread has one result in its hands, and one was taken.
        assert!(done.into_inner() <= threads * (WINDOW + 1) + 1);
    }
}
