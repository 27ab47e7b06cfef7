//! Durations as kubeadm writes them (`8760h0m0s`), and `d` for days, which Go has no unit for.

use std::time::Duration;

use fundu::{DurationParser, TimeUnit};

use crate::util::escape::quote;

/// The longest validity: a certificate of this length still ends in a year of four digits.
const LONGEST: Duration = Duration::from_secs(36_525 * 24 * 60 * 60);

const PARSER: DurationParser<'static> = DurationParser::builder()
    .time_units(&[
        TimeUnit::Second,
        TimeUnit::Minute,
        TimeUnit::Hour,
        TimeUnit::Day,
    ])
    .disable_exponent()
    .disable_infinity()
    .build();

/// Returns the duration that `text` spells, such as `8760h`, `1h30m`, `1.5h` or `365d`.
///
/// Zero is a duration; whether it makes sense is for the caller to say.
pub fn parse(text: &str) -> Result<Duration, String> {
    let no_duration = || {
        format!(
            "{} is not a duration; want numbers with the units `d`, `h`, `m` or `s`, such as `8760h` or `365d`",
            quote(text)
        )
    };
    if text.starts_with('-') {
        return Err(format!("{} is negative", quote(text)));
    }
    // The library takes a number without unit as seconds, and skips blanks, so the shape is judged here.
    if text.is_empty() || !text.split_inclusive(UNITS).all(is_number_with_unit) {
        return Err(no_duration());
    }
    // One after the other: of two, the library does not take a second one that begins with a point. What is left to fail is
    // the size.
    let sum = text
        .split_inclusive(UNITS)
        .try_fold(Duration::ZERO, |sum, part| {
            let duration = Duration::try_from(PARSER.parse(part).ok()?).ok()?;
            sum.checked_add(duration)
        });
    match sum {
        Some(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(format!(
            "{} is longer than 100 years (`36525d`)",
            quote(text)
        )),
    }
}

const UNITS: [char; 4] = ['d', 'h', 'm', 's'];

fn is_number_with_unit(part: &str) -> bool {
    let Some(number) = part.strip_suffix(UNITS) else {
        return false;
    };
    number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && number.bytes().any(|b| b.is_ascii_digit())
        && number.bytes().filter(|&b| b == b'.').count() <= 1
}

/// Returns `duration` as Go prints it, such as `8760h0m0s`; kubeadm reads it back.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    text.push_str(&(seconds % 60).to_string());
    if duration.subsec_nanos() > 0 {
        let fraction = format!("{:09}", duration.subsec_nanos());
        text.push('.');
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('s');
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_ok(text: &str, seconds: u64) {
        assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
    }

    fn check_err(text: &str, message: &str) {
        assert_eq!(parse(text), Err(message.to_owned()), "{text}");
    }

    #[test]
    fn go_durations_and_days_are_read() {
        check_ok("8760h0m0s", 8760 * 3600);
        check_ok("8760h", 8760 * 3600);
        check_ok("1h30m", 5400);
        check_ok("1.5h", 5400);
        check_ok(".5h", 1800);
        check_ok("1h.5m", 3630);
        check_ok("1.5h1.5m", 5490);
        check_ok("365d", 365 * 86400);
        check_ok("1d12h", 36 * 3600);
        check_ok("36525d", 36525 * 86400);
        check_ok("0h", 0);
        check_ok("0s", 0);
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_units() {
        for text in [
            "",
            "8760",
            "1h30",
            "1y",
            "1w",
            "1M",
            "h",
            ".h",
            "1.2.3h",
            "1 h",
            " 1h",
            "1h 1m",
            "1e3h",
            "1H",
            "inf",
            "+1h",
            "1h-1m",
            "0x1Fh",
            "\u{1b}[31m",
        ] {
            let message = parse(text).unwrap_err();
            assert!(
                message.ends_with(
                    "is not a duration; want numbers with the units `d`, `h`, `m` or `s`, such as `8760h` or `365d`"
                ),
                "{text}: {message}"
            );
            assert!(!message.contains('\u{1b}'));
        }
    }

    #[test]
    fn negative_and_endless_durations_are_refused() {
        check_err("-1h", "`-1h` is negative");
        check_err("36526d", "`36526d` is longer than 100 years (`36525d`)");
        for text in ["99999999999999999999999h", &format!("{}d", "9".repeat(300))] {
            assert!(parse(text).unwrap_err().contains("longer than 100 years"));
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (seconds, text) in [
            (8760 * 3600, "8760h0m0s"),
            (5400, "1h30m0s"),
            (90, "1m30s"),
            (3, "3s"),
            (0, "0s"),
        ] {
            assert_eq!(format(Duration::from_secs(seconds)), text);
        }
        assert_eq!(format(Duration::from_millis(1500)), "1.5s");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos in 0..LONGEST.as_nanos() as u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
