//! Child processes: ours in a clean environment, peers where they are installed, servers that end with the test.

use std::{
    env,
    fmt::Display,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How long any one program, or any one wait, may take.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Between two looks at something that another process brings about.
const POLL: Duration = Duration::from_millis(10);

/// Returns a command that runs our binary and inherits nothing.
pub(crate) fn pki() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pki"));
    command.env_clear().env("TZ", "UTC");
    command
}

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
    if name == "python" {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/venv/bin/python");
        return path.is_file().then_some(path);
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
        // In one piece: other tests write too.
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Says something whatever becomes of the test: the text of a macro would only be shown if it failed.
pub(crate) fn say(text: &str) {
    io::stderr().write_all(text.as_bytes()).unwrap();
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The command line.
    pub(crate) command: String,
    /// Exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// Returns the run if it ended with exit code 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Run {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// Returns the run if it failed by itself and said `reason`.
    #[track_caller]
    pub(crate) fn refused(self, reason: &str) -> Run {
        assert!(
            self.code.is_some_and(|code| code != 0),
            "should have failed: {self}"
        );
        assert!(
            self.stdout.contains(reason) || self.stderr.contains(reason),
            "should have failed with {reason:?}: {self}"
        );
        self
    }
}

impl Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Run {
            command,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{command}\nexit code: {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}"
        )
    }
}

/// Runs a program to its end, without input.
pub(crate) fn run(command: &mut Command) -> Run {
    run_with_input(command, "")
}

/// Runs a program to its end with `input` as standard input; no output may hold a private key.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Run {
    let line = format!("{command:?}");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let stdout = read_in_background(child.stdout.take().unwrap());
    let stderr = read_in_background(child.stderr.take().unwrap());
    // A program may end without having read its input.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));

    let deadline = Instant::now() + TIME_LIMIT;
    let mut collect = |output: mpsc::Receiver<Vec<u8>>| {
        let bytes = output
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .unwrap_or_else(|_| {
                child.kill().unwrap();
                panic!("{line}: still running after {TIME_LIMIT:?}");
            });
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stdout, stderr) = (collect(stdout), collect(stderr));
    let code = child.wait().unwrap().code();
    assert!(
        ![&stdout, &stderr]
            .iter()
            .any(|text| text.contains("PRIVATE KEY-----")),
        "{line}: printed a private key"
    );
    Run {
        command: line,
        code,
        stdout,
        stderr,
    }
}

fn read_in_background(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        // Nobody listens any more once the time limit has passed.
        drop(sender.send(bytes));
    });
    receiver
}

/// Looks again and again until `look` returns something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIME_LIMIT;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            Instant::now() < deadline,
            "waited {TIME_LIMIT:?} in vain: {what}"
        );
        thread::sleep(POLL);
    }
}

/// Returns a loopback port that is free, and that no other test of this process gets.
///
/// Below the range that the kernel takes for outgoing connections, so that none of those takes it meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 10_000).unwrap();
    until("a free port", || {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    })
}

/// A program in the background; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it, with everything it says in the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Server {
        let file = File::create(log).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Server {
            child,
            log: log.to_owned(),
        }
    }

    /// Returns what it has said so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until it has said `text`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        until(text, || {
            let log = self.log();
            self.assert_running();
            log.contains(text).then_some(())
        });
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

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
