//! Properties of all configurations, kubeconfigs, names, durations and trees, tested on random examples.
//!
//! Python, with independent libraries and the grammars of Kubernetes and Go, decides what a text means. One process gets
//! thousands of texts at once.

mod configurations;
mod kubeconfigs;
mod names;
mod plans;
mod settings;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngSeed, TestRunner},
};

/// Returns this many examples.
fn examples<S: Strategy>(strategy: S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::new(cases(1));
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// Returns how a property is tested on this many examples; what fails is printed, and written nowhere.
fn cases(count: u32) -> Config {
    Config {
        failure_persistence: None,
        // A fixed seed, so that a result depends only on the change.
        rng_seed: RngSeed::Fixed(20_261_122),
        ..Config::with_cases(count)
    }
}
