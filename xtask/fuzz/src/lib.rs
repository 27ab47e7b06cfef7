//! Fuzz targets: for each kind of input, what must hold whatever the bytes are.
//!
//! A target takes any bytes and panics if a promise is broken. `cargo xtask fuzz` links them with libFuzzer; the tests
//! replay what it once found. Beyond the assertions, time and memory are bounded by the options that it is started with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

mod certificate;
mod config;
mod dictionary;
mod key;
mod kubeconfig;
mod object;
mod request;
mod state;

/// A kind of input.
pub struct FuzzTarget {
    /// What it is called on the command line and in paths.
    pub name: &'static str,
    /// Panics if a promise is broken for these bytes.
    pub check: fn(&[u8]),
    /// Words that the input format is made of.
    pub dictionary: fn() -> Vec<Vec<u8>>,
    seeds: fn() -> io::Result<Vec<Seed>>,
}

/// An input to begin with: its file name and its bytes.
pub type Seed = (String, Vec<u8>);

/// Every target.
pub const TARGETS: &[FuzzTarget] = &[
    FuzzTarget {
        name: "certificate",
        check: certificate::check,
        dictionary: dictionary::pem,
        seeds: certificate::seeds,
    },
    FuzzTarget {
        name: "key",
        check: key::check,
        dictionary: dictionary::pem,
        seeds: key::seeds,
    },
    FuzzTarget {
        name: "kubeconfig",
        check: kubeconfig::check,
        dictionary: dictionary::kubeconfig,
        seeds: kubeconfig::seeds,
    },
    FuzzTarget {
        name: "config",
        check: config::check,
        dictionary: dictionary::config,
        seeds: config::seeds,
    },
    FuzzTarget {
        name: "request",
        check: request::check,
        dictionary: dictionary::pem,
        seeds: request::seeds,
    },
    FuzzTarget {
        name: "object",
        check: object::check,
        dictionary: dictionary::object,
        seeds: object::seeds,
    },
    FuzzTarget {
        name: "state",
        check: state::check,
        dictionary: dictionary::state,
        seeds: state::seeds,
    },
];

/// Returns the target of that name.
pub fn find(name: &str) -> Option<&'static FuzzTarget> {
    TARGETS.iter().find(|target| target.name == name)
}

impl FuzzTarget {
    /// Returns the inputs to begin with: parts of the trees that kubeadm made, odd ones, and what once broke a promise.
    pub fn seeds(&self) -> io::Result<Vec<Seed>> {
        let mut seeds = (self.seeds)()?;
        seeds.extend(self.regressions()?);
        Ok(seeds)
    }

    /// Returns what once broke a promise.
    pub fn regressions(&self) -> io::Result<Vec<Seed>> {
        let folder = top().join("tests/regressions/fuzz").join(self.name);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        files(&folder, &|_| true)
    }
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixtures() -> PathBuf {
    top().join("tests/fixtures")
}

/// Returns the files below a folder that a predicate wants, named after their path, in the order of their names.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<Vec<Seed>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&path) {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                let name = name.to_string_lossy().replace('/', "-");
                found.push((name, fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension == wanted)
}

/// Hand-written seeds, numbered.
fn odd<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> impl Iterator<Item = Seed> {
    let number = |(index, text): (usize, T)| (format!("odd-{index}"), text.as_ref().to_vec());
    texts.into_iter().enumerate().map(number)
}

/// Messages go to a terminal: text from a file must not steer it.
#[track_caller]
fn assert_printable(message: impl ToString) {
    let message = message.to_string();
    assert!(
        !message.chars().any(|c| c.is_control() && c != '\n'),
        "control characters in a message: {message:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_once_broke_a_promise_does_so_no_more() {
        for target in TARGETS {
            for (name, bytes) in target.regressions().unwrap() {
                println!("{}/{name}", target.name);
                (target.check)(&bytes);
            }
        }
    }

    #[test]
    fn every_seed_keeps_the_promises() {
        for target in TARGETS {
            let seeds = target.seeds().unwrap();
            assert!(seeds.len() > 10, "{}: {} seeds", target.name, seeds.len());
            for (name, bytes) in seeds {
                println!("{}/{name}", target.name);
                (target.check)(&bytes);
            }
        }
    }
}
