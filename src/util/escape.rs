//! Makes text from files and arguments safe to print: it cannot control a terminal or fill the screen.

use std::path::Path;

/// The number of characters of a value that a message shows.
pub const MAX_CHARACTERS: usize = 80;

/// Returns `text` as a quoted value in a message: escaped, at most 80 characters long, in backticks.
pub fn quote(text: &str) -> String {
    format!("`{}`", truncate(text, MAX_CHARACTERS))
}

/// Returns the first `length` characters of `text`, escaped. An ellipsis marks what was cut off.
pub fn truncate(text: &str, length: usize) -> String {
    let mut truncated = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == length {
            truncated.push('…');
            break;
        }
        push_escaped(character, &mut truncated);
    }
    truncated
}

/// Returns all of `text`, with control characters, invisible characters and backslashes escaped.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        push_escaped(character, &mut escaped);
    }
    escaped
}

/// Returns a line that may contain escaped text: like [`escape`], but backslashes are kept, so nothing is escaped twice.
pub fn escape_line(line: &str) -> String {
    let mut escaped = String::new();
    for character in line.chars() {
        match character {
            '\\' => escaped.push(character),
            _ => push_escaped(character, &mut escaped),
        }
    }
    escaped
}

fn push_escaped(character: char, escaped: &mut String) {
    match character {
        // `escape_debug` escapes these two for Rust literals.
        '\'' | '"' => escaped.push(character),
        _ => escaped.extend(character.escape_debug()),
    }
}

/// Returns a JSON text of the same value in which nothing can steer a terminal: control characters and invisible
/// characters are escaped. serde_json leaves those from U+007F on as they are, and only strings can hold them.
pub fn json(text: &str) -> String {
    let mut units = [0; 2];
    escape_all(text, |character, escaped| {
        for unit in character.encode_utf16(&mut units) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

/// Like [`json`], for YAML in which all strings with such characters are in double quotes.
pub fn yaml(text: &str) -> String {
    escape_all(text, |character, escaped| {
        escaped.push_str(&match u32::from(character) {
            code @ ..=0xffff => format!("\\u{code:04X}"),
            code => format!("\\U{code:08X}"),
        });
    })
}

/// Returns whether a text has a character that [`json`] and [`yaml`] escape.
pub fn is_unprintable(text: &str) -> bool {
    text.chars().any(is_steering)
}

/// Returns whether a character beyond printable ASCII is escaped in text.
fn is_steering(character: char) -> bool {
    character >= '\u{7f}' && character.escape_debug().len() > 1
}

fn escape_all(text: &str, mut escape: impl FnMut(char, &mut String)) -> String {
    if text.bytes().all(|byte| byte < 0x7f) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match is_steering(character) {
            true => escape(character, &mut escaped),
            false => escaped.push(character),
        }
    }
    escaped
}

/// Returns a path as a word of a command that is printed to be pasted into a shell. What cannot be printed as it is, such as
/// a line end or a byte that is not UTF-8, is written as in `$'a\nb'`, which bash, zsh and POSIX 2024 read.
pub fn shell_path(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    match path.to_str() {
        // A command would read it as an option.
        Some(text) if text.starts_with('-') => shell_path(&Path::new(".").join(path)),
        Some(text) if !text.chars().any(is_escaped) => shell_word(text),
        _ => {
            let mut word = String::from("$'");
            for chunk in bytes.utf8_chunks() {
                for character in chunk.valid().chars() {
                    match character {
                        '\'' | '\\' => word.extend(['\\', character]),
                        _ if is_escaped(character) => {
                            let mut utf_8 = [0; 4];
                            push_octal(character.encode_utf8(&mut utf_8).as_bytes(), &mut word);
                        }
                        _ => word.push(character),
                    }
                }
                push_octal(chunk.invalid(), &mut word);
            }
            word.push('\'');
            word
        }
    }
}

/// Returns whether a character other than a quote or a backslash is not printed as it is.
fn is_escaped(character: char) -> bool {
    !"'\"\\".contains(character) && character.escape_debug().len() > 1
}

/// Writes bytes with three digits each, so that a digit after them is not read as one of theirs.
fn push_octal(bytes: &[u8], word: &mut String) {
    for byte in bytes {
        word.push_str(&format!("\\{byte:03o}"));
    }
}

/// Returns a word as a shell takes it.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_cannot_steer_a_terminal() {
        assert_eq!(quote("a\u{1b}[31mb"), "`a\\u{1b}[31mb`");
        assert_eq!(quote("a\nb\tc\r\0"), "`a\\nb\\tc\\r\\0`");
        assert_eq!(quote("a\u{202e}b\u{200b}c"), "`a\\u{202e}b\\u{200b}c`");
        assert_eq!(quote("e\u{301}"), "`e\\u{301}`");
        assert_eq!(quote("it's \"zömbo\""), "`it's \"zömbo\"`");
    }

    #[test]
    fn a_shell_reads_a_printed_path_as_that_path() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        use std::process::Command;

        for (bytes, word) in [
            (&b"/etc/kubernetes/pki"[..], "/etc/kubernetes/pki"),
            (b"/a $(touch pwned)/pki", "'/a $(touch pwned)/pki'"),
            (b"/it's", r"'/it'\''s'"),
            (b"-rf", "./-rf"),
            (b"/a\nb", r"$'/a\012b'"),
            (b"/it's\\\x1b1", r"$'/it\'s\\\0331'"),
            (b"/\xff7", r"$'/\3777'"),
            ("/\u{202e}ö".as_bytes(), r"$'/\342\200\256ö'"),
        ] {
            let path = Path::new(OsStr::from_bytes(bytes));
            assert_eq!(shell_path(path), word);
            let script = format!("printf %s {word}");
            if let Ok(read) = Command::new("bash").args(["-c", &script]).output() {
                let name = read.stdout.strip_prefix(b"./").unwrap_or(&read.stdout);
                assert_eq!(name, bytes, "{word}");
            }
        }
    }

    #[test]
    fn long_text_is_truncated() {
        let quoted = quote(&"a".repeat(300));
        assert_eq!(quoted, format!("`{}…`", "a".repeat(80)));
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(truncate("abcd", 3), "abc…");
        assert_eq!(escape(&"\n".repeat(300)).len(), 600);
    }

    #[test]
    fn json_and_yaml_escape_what_steers_a_terminal() {
        let text = "\"zömbo \u{7f}\u{9b}2J\u{202e}\u{e0041}\"";
        assert_eq!(json(text), r#""zömbo \u007f\u009b2J\u202e\udb40\udc41""#);
        assert_eq!(yaml(text), r#""zömbo \u007F\u009B2J\u202E\U000E0041""#);
        assert!(is_unprintable(text) && !is_unprintable("\"zömbo\"\n"));
    }

    #[test]
    fn a_line_is_not_escaped_twice() {
        assert_eq!(escape_line(r"a\u{1b}b"), r"a\u{1b}b");
        assert_eq!(escape_line("a\u{1b}b"), r"a\u{1b}b");
        assert_eq!(escape(r"a\b"), r"a\\b");
    }
}
