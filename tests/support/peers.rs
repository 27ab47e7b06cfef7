//! Finds programs that this project does not build, and runs servers that end with the test.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use super::run::trusting_nobody;

/// Returns the paths of programs that this project does not build.
///
/// Where one is missing, the test is recorded as skipped and has to return; if peers are required, it fails here instead.
pub(crate) fn peers<const N: usize>(names: [&str; N]) -> Option<[PathBuf; N]> {
    let paths = names.map(find);
    let missing: Vec<_> = names
        .iter()
        .zip(&paths)
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Some(paths.map(Option::unwrap));
    }
    skip(&format!("{} not installed", missing.join(", ")));
    None
}

/// Records that the current test is skipped, which then has to return; if peers are required, it fails here instead.
pub(crate) fn skip(reason: &str) {
    let is = |name, value| env::var(name).is_ok_and(|found| found == value);
    assert!(
        !is("CI", "true") && !is("PKI_REQUIRE_PEERS", "1"),
        "{reason}, and the environment says that peers are required"
    );
    record_skip(reason);
}

/// Returns the path of one program that this project does not build; see [`peers`].
pub(crate) fn peer(name: &str) -> Option<PathBuf> {
    peers([name]).map(|[path]| path)
}

fn find(name: &str) -> Option<PathBuf> {
    // Prepared by `cargo xtask test`, with the packages of peers/requirements.txt.
    if ["python", "go"].contains(&name) {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/venv/bin");
        return Some(programs.join(name)).filter(|path| path.is_file());
    }
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Records that the current test is skipped, even where peers are required; `cargo xtask test` counts the lines of the file.
pub(crate) fn record_skip(reason: &str) {
    let thread = thread::current();
    let line = format!("skipped: {}: {reason}\n", thread.name().unwrap_or("?"));
    say(&line);
    if let Some(path) = env::var_os("PKI_SKIPPED_FILE") {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        // One write call, because other tests write to the file too.
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Prints a line even if the test passes: the text of a macro is shown only if it fails.
pub(crate) fn say(text: &str) {
    io::stderr().write_all(text.as_bytes()).unwrap();
}

/// Returns a loopback port that is free, and that no other test of this process gets.
///
/// Below the range that the kernel takes for outgoing connections, so that no connection takes it meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const COUNT: u16 = 12_000;
    let start = u16::try_from(std::process::id() % 10_000).unwrap();
    (0..COUNT)
        .map(|_| 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// A program in the background; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Arc<Log>,
}

/// What a server has printed so far, on either stream, and how many streams are still open.
#[derive(Default)]
struct Log {
    state: Mutex<(Vec<u8>, usize)>,
    changed: Condvar,
}

impl Server {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Server {
        trusting_nobody(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Arc::new(Log {
            state: Mutex::new((Vec::new(), 2)),
            changed: Condvar::new(),
        });
        collect(child.stdout.take().unwrap(), &log);
        collect(child.stderr.take().unwrap(), &log);
        Server { child, log }
    }

    /// Returns what it has printed so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.state.lock().unwrap().0).into_owned()
    }

    /// Waits until it has printed `text`, and fails if it ends before.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let mut state = self.log.state.lock().unwrap();
        while !String::from_utf8_lossy(&state.0).contains(text) {
            assert!(
                state.1 > 0,
                "the server ended without {text:?}:\n{}",
                String::from_utf8_lossy(&state.0)
            );
            state = self.log.changed.wait(state).unwrap();
        }
    }

    /// Fails if it has ended.
    #[track_caller]
    pub(crate) fn assert_running(&mut self) {
        let status = self.child.try_wait().unwrap();
        assert!(
            status.is_none(),
            "the server ended with {status:?}:\n{}",
            self.log()
        );
    }
}

fn collect(mut stream: impl Read + Send + 'static, log: &Arc<Log>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).unwrap_or(0);
            let mut state = log.state.lock().unwrap();
            state.0.extend(&buffer[..count]);
            if count == 0 {
                state.1 -= 1;
            }
            log.changed.notify_all();
            if count == 0 {
                return;
            }
        }
    });
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until a run of our binary holds the lock of its tree, and fails if it ends before.
pub(crate) fn wait_until_locked(child: &mut Child) {
    let process = child.id().to_string();
    let is_its = |line: &str| {
        let mut words = line.split_whitespace();
        words.any(|word| word == "FLOCK") && words.nth(2) == Some(&process)
    };
    while !fs::read_to_string("/proc/locks")
        .unwrap()
        .lines()
        .any(is_its)
    {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended without the lock: {ended:?}");
        thread::yield_now();
    }
}
