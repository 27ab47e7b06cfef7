//! What is wrong with a configuration, and where it was said.
//!
//! Every declared value carries its [`Origin`], so that a problem found long after reading still names file, line and
//! field. Text from a configuration reaches a message only through [`quote`].

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

/// How many characters of a value a message shows.
const SHOWN_CHARACTERS: usize = 80;

/// Returns `text` in backticks, escaped and cut so that it can neither steer a terminal nor fill the screen.
pub fn quote(text: &str) -> String {
    format!("`{}`", printable(text))
}

/// Returns `text` without characters that a terminal would act on or not show, and cut to a readable length.
pub fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN_CHARACTERS {
            shown.push('…');
            break;
        }
        escape(character, &mut shown);
    }
    shown
}

/// Returns `text` as [`printable`] does, however long it is.
pub fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        escape(character, &mut shown);
    }
    shown
}

/// Returns `text` with nothing changed but what a terminal would act on or not show; what is escaped already stays as it is.
pub fn tame(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        match character {
            '\\' => shown.push(character),
            _ => escape(character, &mut shown),
        }
    }
    shown
}

fn escape(character: char, shown: &mut String) {
    match character {
        // `escape_debug` would escape these two as well, for the sake of Rust literals.
        '\'' | '"' => shown.push(character),
        _ => shown.extend(character.escape_debug()),
    }
}

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

    #[test]
    fn quoted_text_cannot_steer_a_terminal() {
        assert_eq!(quote("a\u{1b}[31mb"), "`a\\u{1b}[31mb`");
        assert_eq!(quote("a\nb\tc\r\0"), "`a\\nb\\tc\\r\\0`");
        assert_eq!(quote("a\u{202e}b\u{200b}c"), "`a\\u{202e}b\\u{200b}c`");
        assert_eq!(quote("e\u{301}"), "`e\\u{301}`");
        assert_eq!(quote("it's \"zömbo\""), "`it's \"zömbo\"`");
    }

    #[test]
    fn long_text_is_cut() {
        let quoted = quote(&"a".repeat(300));
        assert_eq!(quoted, format!("`{}…`", "a".repeat(80)));
    }
}
