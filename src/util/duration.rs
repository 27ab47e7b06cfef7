//! Durations in Go's notation (`8760h`, `1h30m`), as kubeadm reads and writes them, and with `d` for days.

use std::fmt;
use std::time::Duration;

use super::secret::quote;

/// The longest period: a certificate that is valid for this long still ends in a year of four digits.
const MAX_PERIOD: Duration = Duration::from_secs(36_525 * 24 * 60 * 60);

/// The units of Go's `time.ParseDuration`, and days, in nanoseconds.
const UNITS: [(&str, u128); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000), // U+00B5, the micro sign
    ("μs", 1_000), // U+03BC, the Greek letter
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

/// A length of time that is shown as it was typed.
#[derive(Clone, Debug, Default)]
pub struct Period {
    length: Duration,
    text: String,
}

impl Period {
    /// Reads a period such as `8760h`, `1h30m`, `1.5h` or `365d`.
    ///
    /// Zero is a valid period; callers decide whether they accept it.
    pub fn parse(text: &str) -> Result<Period, String> {
        let length = parse(text)?;
        let text = text.to_owned();
        Ok(Period { length, text })
    }

    /// Returns the length.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Returns the length as a difference of two times.
    pub fn span(&self) -> time::Duration {
        // 100 years fit.
        time::Duration::try_from(self.length).unwrap_or(time::Duration::MAX)
    }

    /// Returns the period in Go's notation, which has no unit for days.
    pub fn to_go(&self) -> String {
        match self.text.contains('d') {
            true => format(self.length),
            false => self.text.clone(),
        }
    }
}

impl From<Duration> for Period {
    fn from(length: Duration) -> Period {
        let text = format(length);
        Period { length, text }
    }
}

/// Periods of the same length are equal, however they were typed.
impl PartialEq for Period {
    fn eq(&self, other: &Period) -> bool {
        self.length == other.length
    }
}

impl Eq for Period {}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the duration that `text` spells, such as `8760h`, `1h30m`, `1.5h` or `365d`.
pub fn parse(text: &str) -> Result<Duration, String> {
    let Some(nanoseconds) = nanoseconds(text.strip_prefix(['+', '-']).unwrap_or(text)) else {
        return Err(format!(
            "{} is not a duration; write `30d` or `720h`",
            quote(text)
        ));
    };
    if text.starts_with('-') {
        return Err(format!("{} is negative", quote(text)));
    }
    match u64::try_from(nanoseconds).map(Duration::from_nanos) {
        Ok(duration) if duration <= MAX_PERIOD => Ok(duration),
        _ => Err(format!(
            "{} is longer than 100 years (`36525d`)",
            quote(text)
        )),
    }
}

/// Reads a duration without a sign. Returns `None` for what Go's `time.ParseDuration` refuses.
fn nanoseconds(text: &str) -> Option<u128> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut sum = 0_u128;
    while !rest.is_empty() || text.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit());
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum = sum.saturating_add(number(whole).saturating_mul(*length));
        // Eighteen digits are more than a nanosecond needs; more would overflow.
        let fraction = fraction.get(..18).unwrap_or(fraction);
        sum = sum.saturating_add(number(fraction) * length / 10_u128.pow(fraction.len() as u32));
        rest = after;
    }
    Some(sum)
}

/// Splits a text after its leading digits.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

fn number(digits: &str) -> u128 {
    digits.bytes().fold(0_u128, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u128::from(digit - b'0'))
    })
}

/// Returns `duration` in Go's notation without units that are zero, such as `8760h` or `1h30m`.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let mut text = String::new();
    for (count, unit) in [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm')] {
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    let (seconds, nanoseconds) = (seconds % 60, duration.subsec_nanos());
    if nanoseconds > 0 {
        let fraction = format!("{nanoseconds:09}");
        text.push_str(&format!("{seconds}.{}s", fraction.trim_end_matches('0')));
    } else if seconds > 0 || text.is_empty() {
        text.push_str(&format!("{seconds}s"));
    }
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
        check_ok("0", 0);
        check_ok("+1h", 3600);
        check_ok("1.h", 3600);
        check_ok("1000ms", 1);
        check_ok("1000000us", 1);
        check_ok("500000µs500000μs", 1);
        check_ok("1000000000ns", 1);
        check_ok(&format!("0.{}1s", "0".repeat(30)), 0);
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
            "+",
            "++1h",
            "+-1h",
            ".",
            "1h-1m",
            "0x1Fh",
            "\u{1b}[31m",
        ] {
            let message = parse(text).unwrap_err();
            assert!(
                message.ends_with("is not a duration; write `30d` or `720h`"),
                "{text}: {message}"
            );
            assert!(!message.contains('\u{1b}'));
        }
    }

    #[test]
    fn negative_and_endless_durations_are_refused() {
        check_err("-1h", "`-1h` is negative");
        check_err("-0", "`-0` is negative");
        check_err("36526d", "`36526d` is longer than 100 years (`36525d`)");
        for text in ["99999999999999999999999h", &format!("{}d", "9".repeat(300))] {
            assert!(parse(text).unwrap_err().contains("longer than 100 years"));
        }
    }

    #[test]
    fn periods_are_shown_as_typed() {
        for (typed, go) in [
            ("30d", "720h"),
            ("8760h", "8760h"),
            ("1.5h", "1.5h"),
            ("90m0s", "90m0s"),
        ] {
            let period = Period::parse(typed).unwrap();
            assert_eq!(period.to_string(), typed);
            assert_eq!(period.to_go(), go);
            assert_eq!(period, Period::from(period.length()));
        }
        let longest = Period::parse("36525d").unwrap();
        assert_eq!(longest.span(), time::Duration::days(36_525));
    }

    #[test]
    fn durations_are_written_without_zeros() {
        for (seconds, text) in [
            (8760 * 3600, "8760h"),
            (5400, "1h30m"),
            (3601, "1h1s"),
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
        fn what_is_written_is_read_back(nanos in 0..MAX_PERIOD.as_nanos() as u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
