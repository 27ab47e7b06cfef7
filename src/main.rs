//! The `pki` command.

fn main() {}
