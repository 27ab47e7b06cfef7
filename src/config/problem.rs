//! Settings with their origin, and problems with a configuration.
//!
//! Every setting has its [`Origin`], so that a problem with its value can name file, line and field. Messages quote text
//! of a configuration only through `secret`, which escapes and shortens it, and hides keys.

use std::fmt;

/// The name of a file that was read from standard input.
pub(crate) const STANDARD_INPUT: &str = "standard input";

/// Where a value was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line, by the flag of this name, such as `--service-cidr`.
    Flag(&'static str),
    /// In a configuration file.
    File {
        /// The file's name as the user gave it.
        file: String,
        /// The line, from 1; 0 means the file as a whole.
        line: usize,
        /// The field, such as `apiServer.certSANs[2]`; an empty path means the document as a whole.
        path: String,
    },
    /// Not declared: the value was inferred from this file of the tree.
    Tree(&'static str),
    /// Not declared: the value is this fact about the host.
    Host(&'static str),
    /// Not declared: the value is kubeadm's default for this field.
    Default(&'static str),
}

impl Origin {
    /// Returns a place in a file.
    pub(super) fn file(file: &str, line: usize, path: impl Into<String>) -> Origin {
        Origin::File {
            file: file.to_owned(),
            line,
            path: path.into(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name)
            | Origin::Tree(name)
            | Origin::Host(name)
            | Origin::Default(name) => f.write_str(name),
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

/// A declared value and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was declared.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// Changes the value and keeps the origin.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting {
            value: change(self.value),
            origin: self.origin,
        }
    }

    /// Returns a setting that a command-line flag declares.
    pub fn by_flag(flag: &'static str, value: T) -> Setting<T> {
        Setting {
            value,
            origin: Origin::Flag(flag),
        }
    }
}

/// A problem or a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place.
    pub origin: Origin,
    /// The message, one line without the place.
    pub message: String,
}

impl Problem {
    /// Returns the line in the file; 0 for a problem outside files.
    pub fn line(&self) -> usize {
        match self.origin {
            Origin::File { line, .. } => line,
            Origin::Flag(_) | Origin::Tree(_) | Origin::Host(_) | Origin::Default(_) => 0,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// All problems of a configuration; displayed one per line.
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
