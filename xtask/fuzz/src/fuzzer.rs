//! What libFuzzer calls. It has the command line to itself, so that the target comes from the environment.

use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use pki_fuzz::FuzzTarget;

static TARGET: OnceLock<&FuzzTarget> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("PKI_FUZZ_TARGET").expect("PKI_FUZZ_TARGET names the target");
        let target = pki_fuzz::find(&name).expect("PKI_FUZZ_TARGET names a target");
        TARGET.get_or_init(|| target);
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            (target.check)(data);
        }
    }
);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    // Most changes of a text make another kind of nonsense of it; a changed word leaves the rest in force.
    if seed % 2 == 0 || size >= max_size || !is_text(&data[..size]) {
        return fuzzer_mutate(data, size, max_size);
    }
    let (start, end) = word(&data[..size], seed as usize / 2 % size);
    let rest = data[end..size].to_vec();
    let mut changed = data[start..end].to_vec();
    let length = changed.len();
    let longest = length + LONGEST_GROWTH.min(max_size - size);
    changed.resize(longest, 0);
    let length = fuzzer_mutate(&mut changed, length, longest);
    data[start..start + length].copy_from_slice(&changed[..length]);
    data[start + length..start + length + rest.len()].copy_from_slice(&rest);
    start + length + rest.len()
});

/// By how much a word may grow.
const LONGEST_GROWTH: usize = 64;

fn is_text(data: &[u8]) -> bool {
    data.first().is_some_and(|first| *first != 0x30) && data.is_ascii()
}

/// Returns where the word at a position begins and ends; it may be empty.
fn word(data: &[u8], position: usize) -> (usize, usize) {
    let is_inside = |byte: &u8| !b" \n\r\t,:[]{}'\"".contains(byte);
    let before = data[..position]
        .iter()
        .rev()
        .take_while(|byte| is_inside(byte))
        .count();
    let after = data[position..]
        .iter()
        .take_while(|byte| is_inside(byte))
        .count();
    (position - before, position + after)
}
