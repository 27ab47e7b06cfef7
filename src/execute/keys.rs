//! Generates keys on all cores. Reports to [`Progress`]; does not use terminals or signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::x509::algorithm::Algorithm;
use crate::x509::key::{KeyError, PrivateKey};

/// Receives the progress of key generation, and can stop it.
pub trait Progress {
    /// Reports that `done` of `total` keys are generated.
    fn keys(&self, done: usize, total: usize);
    /// Returns whether to stop.
    fn is_interrupted(&self) -> bool;
}

/// A signal asked the run to stop during key generation.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted by a signal")
    }
}

impl std::error::Error for Interrupted {}

/// Generates a key for each `Some`, on all cores.
pub(super) fn generate(
    algorithms: &[Option<Algorithm>],
    progress: &dyn Progress,
) -> Result<Vec<Option<PrivateKey>>> {
    let jobs: Vec<_> = algorithms
        .iter()
        .enumerate()
        .filter_map(|(slot, algorithm)| Some((slot, (*algorithm)?)))
        .collect();
    let mut keys: Vec<Option<PrivateKey>> = Vec::new();
    keys.resize_with(algorithms.len(), || None);
    progress.keys(0, jobs.len());
    let total = jobs.len();
    let receiver = start(Arc::new(jobs));
    let mut done = 0;
    while done < total {
        if progress.is_interrupted() {
            bail!(Interrupted);
        }
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok((slot, key)) => {
                let key = key.context("generating a key")?;
                if let Some(place) = keys.get_mut(slot) {
                    *place = Some(key);
                }
                done += 1;
                progress.keys(done, total);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("generating keys: a thread ended early"),
        }
    }
    Ok(keys)
}

/// A key with its place in the plan.
type Generated = (usize, Result<PrivateKey, KeyError>);

/// Starts as many threads as there are cores; the keys arrive in any order.
fn start(jobs: Arc<Vec<(usize, Algorithm)>>) -> Receiver<Generated> {
    // An elliptic-curve key takes microseconds, less than starting a thread.
    let threads = match jobs.iter().any(|(_, algorithm)| algorithm.is_rsa()) {
        true => std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(jobs.len()),
        false => 0,
    };
    let (sender, receiver) = channel();
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = 0;
    for _ in 0..threads {
        let (jobs, next, sender) = (Arc::clone(&jobs), Arc::clone(&next), sender.clone());
        // The threads are not scoped, so an interrupted run does not wait for them.
        let started = std::thread::Builder::new().spawn(move || work(&jobs, &next, &sender));
        running += usize::from(started.is_ok());
    }
    if running == 0 {
        work(&jobs, &next, &sender);
    }
    receiver
}

fn work(jobs: &[(usize, Algorithm)], next: &AtomicUsize, sender: &Sender<Generated>) {
    while let Some((slot, algorithm)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
        let key = PrivateKey::generate(*algorithm);
        if sender.send((*slot, key)).is_err() {
            return;
        }
    }
}
