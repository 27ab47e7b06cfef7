//! Tells the crate its target, and refuses a build that would make every run of `pki` slow.

use std::env;

/// The setting of aws-lc-sys for the cost below. Cargo sets it from .cargo/config.toml, which it does not read for
/// `cargo install --git` or in another directory.
const SETTING: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={SETTING}");
    // aws-lc-sys ignores an empty value.
    if env::var_os(SETTING).is_none_or(|value| value.is_empty()) {
        println!(
            "cargo::error={SETTING} is not set: without it, AWS-LC needs 37 to 67 ms for the first random byte of every run"
        );
        println!(
            "cargo::error=hint: build again with `{SETTING}=1` in the environment; 0 keeps that source of entropy (CPU jitter)"
        );
    }
    println!(
        "cargo::rustc-env=PKI_TARGET={}",
        env::var("TARGET").unwrap_or_default()
    );
}
