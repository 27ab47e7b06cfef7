//! When the processes of this machine started, from /proc.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use time::{Duration, OffsetDateTime};

use super::file::read_given;

/// The largest file of /proc that is read.
const MAX_SIZE: u64 = 1024 * 1024;

/// Returns when the only process of this program started, with an error of up to two seconds; `None` if there is not exactly one,
/// or if this user may not see it. A kubelet in a container may run the same program for another cluster.
pub fn started_at(program: &str) -> Option<OffsetDateTime> {
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let mut found = processes
        .map(|entry| entry.path())
        .filter(|process| runs(process, program));
    let process = found.next().filter(|_| found.next().is_none())?;
    start_of(&process)
}

/// Returns what /proc says of this process; empty if it cannot be read.
pub(crate) fn own_status() -> String {
    let status = read_given(Path::new("/proc/self/status"), MAX_SIZE);
    status.map_or_else(
        |_| String::new(),
        |status| String::from_utf8_lossy(&status.bytes).into_owned(),
    )
}

/// Returns whether a process was started by a command with this name.
fn runs(process: &Path, program: &str) -> bool {
    let name = process.file_name().and_then(OsStr::to_str);
    if !name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    let command = read_given(&process.join("cmdline"), MAX_SIZE);
    command.is_ok_and(|command| {
        let mut words = command.bytes.split(|byte| *byte == 0);
        let first = words.next().and_then(|word| str::from_utf8(word).ok());
        first.and_then(|first| Path::new(first).file_name()) == Some(OsStr::new(program))
    })
}

fn start_of(process: &Path) -> Option<OffsetDateTime> {
    let read = |path: &Path| {
        let contents = read_given(path, MAX_SIZE).ok()?;
        String::from_utf8(contents.bytes.to_vec()).ok()
    };
    let boot = boot_time(&read(Path::new("/proc/stat"))?)?;
    let ticks = start_ticks(&read(&process.join("stat"))?)?;
    let since_boot = ticks / rustix::param::clock_ticks_per_second();
    Some(boot + Duration::seconds(i64::try_from(since_boot).ok()?))
}

/// Returns when the machine was booted (proc_stat(5), `btime`).
fn boot_time(stat: &str) -> Option<OffsetDateTime> {
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    OffsetDateTime::from_unix_timestamp(seconds.trim().parse().ok()?).ok()
}

/// Returns how many clock ticks after the boot a process started (proc_pid_stat(5), field 22). The name in field 2 may contain
/// spaces and parentheses.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_read_behind_a_name_with_parentheses() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 9 8 0 0 1 2 3 4 20 0 5 0 123456 6 7";
        assert_eq!(start_ticks(stat), Some(123_456));
        assert_eq!(start_ticks("7 (a) S 1"), None);
        let boot = boot_time("cpu 1 2\nbtime 1790000000\nprocesses 3\n").unwrap();
        assert_eq!(boot.unix_timestamp(), 1_790_000_000);
    }

    #[test]
    fn this_process_started_after_the_boot_and_before_now() {
        let own = Path::new("/proc").join(std::process::id().to_string());
        let started = start_of(&own).unwrap();
        let boot = boot_time(&fs::read_to_string("/proc/stat").unwrap()).unwrap();
        // The clock may have been set since the boot.
        assert!(started >= boot, "{started} {boot}");
        let words = fs::read(own.join("cmdline")).unwrap();
        let first = words.split(|byte| *byte == 0).next().unwrap();
        let name = Path::new(str::from_utf8(first).unwrap())
            .file_name()
            .unwrap();
        assert!(runs(&own, name.to_str().unwrap()));
        assert!(!runs(&own, "kube-apiserver"));
        assert!(!runs(Path::new("/proc/self"), name.to_str().unwrap()));
    }
}
