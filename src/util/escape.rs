//! Text of files and arguments, as messages show it: it can neither steer a terminal nor fill the screen.

/// How many characters of a value a message shows.
const SHOWN_CHARACTERS: usize = 80;

/// Returns `text` in backticks, escaped and cut to a readable length.
pub fn quote(text: &str) -> String {
    format!("`{}`", printable(text))
}

/// Returns `text` without characters that a terminal would act on or not show, and cut to a readable length.
pub fn printable(text: &str) -> String {
    beginning(text, SHOWN_CHARACTERS)
}

/// Returns the first characters of `text`, escaped, and a mark where there are more of them.
pub fn beginning(text: &str, characters: usize) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == characters {
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
        assert_eq!(beginning("abc", 3), "abc");
        assert_eq!(beginning("abcd", 3), "abc…");
        assert_eq!(escaped(&"\n".repeat(300)).len(), 600);
    }

    #[test]
    fn what_is_escaped_already_is_not_escaped_again() {
        assert_eq!(tame(r"a\u{1b}b"), r"a\u{1b}b");
        assert_eq!(tame("a\u{1b}b"), r"a\u{1b}b");
        assert_eq!(escaped(r"a\b"), r"a\\b");
    }
}
