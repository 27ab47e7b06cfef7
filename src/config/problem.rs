//! What is wrong with a configuration, and where it was said.
//!
//! Every declared value carries its [`Origin`], so that a problem found long after reading still names file, line and
//! field. Text from a configuration reaches a message only through [`quote`](crate::util::escape::quote).

use std::fmt;

/// Where a value was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line, by the flag of this name, such as `--service-cidr`.
    Flag(&'static str),
    /// In a configuration file.
    File {
        /// The file's name as the user gave it.
        file: String,
        /// The line, from 1; 0 where the file as a whole is meant.
        line: usize,
        /// The field, such as `apiServer.certSANs[2]`; empty where the document as a whole is meant.
        path: String,
    },
    /// Nowhere: the named fact was detected on the host or read off the tree, or is kubeadm's default.
    Detected(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => f.write_str(flag),
            Origin::Detected(fact) => f.write_str(fact),
            Origin::File { file, line, path } => {
                f.write_str(file)?;
                if *line > 0 {
                    write!(f, ":{line}")?;
                }
                if !path.is_empty() {
                    write!(f, ": {path}")?;
                }
                Ok(())
            }
        }
    }
}

/// A value, and where it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared<T> {
    /// The value.
    pub value: T,
    /// Where it was declared.
    pub origin: Origin,
}

impl<T> Declared<T> {
    /// Returns another value with the same origin.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Declared<U> {
        Declared {
            value: change(self.value),
            origin: self.origin,
        }
    }

    /// Returns a value that a command-line flag declared.
    pub fn by_flag(flag: &'static str, value: T) -> Declared<T> {
        Declared {
            value,
            origin: Origin::Flag(flag),
        }
    }
}

/// One thing that is wrong, or, in a list of warnings, worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// What it is, in one line.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// Everything that is wrong with a configuration; displayed one per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_name_flag_file_line_and_field() {
        let file = |line, path: &str| Origin::File {
            file: "cluster.yaml".into(),
            line,
            path: path.into(),
        };
        assert_eq!(Origin::Flag("--service-cidr").to_string(), "--service-cidr");
        assert_eq!(
            file(14, "apiServer.certSANs[2]").to_string(),
            "cluster.yaml:14: apiServer.certSANs[2]"
        );
        assert_eq!(file(3, "").to_string(), "cluster.yaml:3");
        assert_eq!(file(0, "").to_string(), "cluster.yaml");
    }

    #[test]
    fn problems_are_displayed_one_per_line() {
        let problem = |message: &str| Problem {
            origin: Origin::Flag("--node-name"),
            message: message.into(),
        };
        assert_eq!(
            Problems(vec![problem("a"), problem("b")]).to_string(),
            "--node-name: a\n--node-name: b"
        );
    }
}
