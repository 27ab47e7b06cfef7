//! Formats times and periods: RFC 3339 in JSON, date and hour in our tables, kubeadm's formats in its table.

use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, UtcOffset};

/// A time in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(OffsetDateTime);

impl From<OffsetDateTime> for Time {
    fn from(time: OffsetDateTime) -> Time {
        Time(time.to_offset(UtcOffset::UTC))
    }
}

impl Time {
    /// Parses RFC 3339; `None` also for a time that UTC cannot express, such as one of the year 10000.
    pub fn parse(text: &str) -> Option<Time> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        time.checked_to_offset(UtcOffset::UTC).map(Time)
    }

    /// Returns the format for JSON, such as `2027-11-22T00:20:00Z`.
    pub fn rfc3339(self) -> String {
        // RFC 3339 can express every time that a certificate can.
        self.0
            .format(&Rfc3339)
            .unwrap_or_else(|_| self.0.to_string())
    }

    /// Returns the format for tables, such as `2027-11-22 00:20`. The header says that it is UTC.
    pub fn short(self) -> String {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
        self.0.format(format).unwrap_or_else(|_| self.0.to_string())
    }

    /// Returns the format of kubeadm's table, such as `Nov 22, 2027 00:20 UTC`.
    pub fn kubeadm(self) -> String {
        let format = format_description!("[month repr:short] [day], [year] [hour]:[minute] UTC");
        self.0.format(format).unwrap_or_else(|_| self.0.to_string())
    }

    /// Returns the Unix time, in seconds.
    pub fn unix(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// Returns the day, such as `2027-11-22`.
    pub fn date(self) -> String {
        self.0.date().to_string()
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

/// Formats a residual time as kubeadm does (`apimachinery/pkg/util/duration`, `HumanDuration`): with at most two units, and
/// coarser for longer times.
pub fn residual_text(residual: Duration) -> String {
    let seconds = residual.whole_seconds();
    let (minutes, hours) = (residual.whole_minutes(), residual.whole_hours());
    let (days, years) = (residual.whole_days(), residual.whole_days() / 365);
    let two = |large: i64, unit: char, small: i64, small_unit: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{small_unit}"),
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * 60 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        _ if minutes < 3 * 60 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 24 * 8 => two(days, 'd', hours % 24, 'h'),
        _ if days < 365 * 2 => format!("{days}d"),
        _ if days < 365 * 8 => two(years, 'y', days % 365, 'd'),
        _ => format!("{years}y"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn residual_times_are_formatted_as_kubeadm_does() {
        const MINUTE: i64 = 60;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        const YEAR: i64 = 365 * DAY;
        let cases = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (2 * MINUTE, "2m"),
            (10 * MINUTE - 1, "9m59s"),
            (10 * MINUTE, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (8 * HOUR - 1, "7h59m"),
            (8 * HOUR, "8h"),
            (48 * HOUR - 1, "47h"),
            (48 * HOUR, "2d"),
            (8 * DAY - 1, "7d23h"),
            (8 * DAY, "8d"),
            (2 * YEAR - 1, "729d"),
            (2 * YEAR, "2y"),
            (8 * YEAR - 1, "7y364d"),
            (8 * YEAR, "8y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(
                residual_text(Duration::seconds(seconds)),
                expected,
                "{seconds} s"
            );
        }
    }

    #[test]
    fn times_have_one_format_each_for_json_and_tables() {
        let time = Time::parse("2027-11-22T01:20:59+01:00").unwrap();
        assert_eq!(time.rfc3339(), "2027-11-22T00:20:59Z");
        assert_eq!(time.short(), "2027-11-22 00:20");
        assert_eq!(time.kubeadm(), "Nov 22, 2027 00:20 UTC");
        assert_eq!(time.date(), "2027-11-22");
    }
}
