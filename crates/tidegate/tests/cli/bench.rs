//! A shell with an org behind it: commands are run as a person would type them, and everything they print is caught.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use regex::Regex;
use tempfile::TempDir;
use tidegate_emulator::server::{Config, Emulator, SeedConfig};
use tidegate_emulator::settings::Settings;

/// The binary that cargo built for these tests.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");

/// A secret that opens nothing, for what has to be refused.
pub(crate) const MARKED: &str = "marked-5Aep861-of-nobody";

/// An org that all tests of this file share; nobody writes into it.
static ORG: LazyLock<Org> = LazyLock::new(Org::start);

pub(crate) struct Org {
    _runtime: tokio::runtime::Runtime,
    emulator: Emulator,
    files: TempDir,
}

impl Org {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let files = tempfile::tempdir().unwrap();
        let config = Config {
            seed: Some(SeedConfig { number: 1, contacts: 60 }),
            settings: Settings { keep_alive_ms: 200, ..Settings::default() },
            ..Config::default()
        };
        let emulator = runtime.block_on(Emulator::start(config)).unwrap();
        std::fs::write(files.path().join("ca.pem"), emulator.ca_pem()).unwrap();
        std::fs::write(files.path().join("key.pem"), &emulator.credentials().private_key_pem).unwrap();
        Self { _runtime: runtime, emulator, files }
    }

    pub(crate) fn shared() -> &'static Self {
        &ORG
    }

    pub(crate) fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    /// What must never be printed.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let credentials = self.emulator.credentials();
        let key = credentials.private_key_pem.lines().nth(1).unwrap();
        vec![
            credentials.client_secret.clone(),
            credentials.password.clone(),
            credentials.security_token.clone(),
            credentials.access_token.clone(),
            // What every session id of this org begins with.
            credentials.access_token.split('!').next().map(|org| format!("{org}!")).unwrap(),
            key.to_owned(),
        ]
    }
}

/// A folder to work in, and the environment that leads to the org.
pub(crate) struct Bench {
    pub(crate) org: &'static Org,
    dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { org: Org::shared(), dir: tempfile::tempdir().unwrap() }
    }

    /// One with an org that nobody else uses. It lives until the tests end.
    pub(crate) fn alone() -> Self {
        Self { org: Box::leak(Box::new(Org::start())), dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command line for `sh`, in which `tidegate` is the binary under test.
    pub(crate) fn command(&self, line: &str) -> Command {
        let emulator = self.org.emulator();
        let credentials = emulator.credentials();
        let folder = Path::new(BINARY).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("HOME", self.dir.path())
            .env("TMPDIR", self.dir.path())
            .env("TIDEGATE_LOGIN_URL", emulator.url())
            .env("TIDEGATE_CLIENT_ID", &credentials.client_id)
            .env("TIDEGATE_USERNAME", &credentials.username)
            .env("TIDEGATE_PRIVATE_KEY_FILE", self.org.file("key.pem"))
            .env("TIDEGATE_CA_FILE", self.org.file("ca.pem"))
            .env("TIDEGATE_PUBSUB_ENDPOINT", emulator.pubsub())
            .env("TIDEGATE_EMULATOR_URL", emulator.url())
            // For tests of the other ways to sign in.
            .env("EMULATOR_SECRET", &credentials.client_secret)
            .env("MARKED_TOKEN", MARKED)
            .env("EMULATOR_PASSWORD", format!("{}{}", credentials.password, credentials.security_token))
            .env("EMULATOR_TOKEN", &credentials.access_token)
            .env("EMULATOR_KEY", self.org.file("key.pem"))
            .env("SMALL_KEY", concat!(env!("CARGO_MANIFEST_DIR"), "/../client/tests/keys/small.pem"))
            .env("OTHER_KEY", concat!(env!("CARGO_MANIFEST_DIR"), "/../client/tests/keys/pkcs8.pem"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Runs a command that must succeed, and gives its standard output.
    pub(crate) fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn json(&self, line: &str) -> serde_json::Value {
        let text = self.ok(line);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}\n{text}"))
    }

    /// The text without what differs from run to run.
    pub(crate) fn filtered(&self, text: &str) -> String {
        let emulator = self.org.emulator();
        let credentials = emulator.credentials();
        let dir = self.dir.path().display().to_string();
        let mut text = text
            .replace(&dir, "[DIR]")
            .replace(&self.org.file(""), "[FILES]/")
            .replace(emulator.url(), "[URL]")
            .replace(emulator.pubsub(), "[PUBSUB]")
            .replace(emulator.url().trim_start_matches("http://"), "[HOST]")
            .replace(&credentials.org_id, "[ORG]")
            .replace(&credentials.client_id, "[CLIENT_ID]");
        for (pattern, with) in [
            // What is used of a limit depends on what ran before.
            (r"[\d,]+ of [\d,]+ (API|Bulk|delivered|MB|used)", "[N] of [N] $1"),
            (r#""api_calls_used": \d+"#, "\"api_calls_used\": [N]"),
            (r"\b750\w{15}\b", "[JOB]"),
            (r"\d+\.\d+ s\b", "[N] s"),
            (r"\d+ bytes", "[N] bytes"),
            (r"\d+ API calls", "[N] API calls"),
            (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "[UUID]"),
            (r"\b(cometd|pubsub):[0-9a-f]+", "$1:[POSITION]"),
            (r#""schema":"[\w-]{22}""#, r#""schema":"[SCHEMA]""#),
            (r#""commitTimestamp":\d+,"commitNumber":\d+"#, r#""commitTimestamp":[N],"commitNumber":[N]"#),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
        ] {
            text = Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
        }
        text
    }
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits for `done`, but not for ever.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !done() {
        assert!(std::time::Instant::now() < deadline, "{what} did not happen within a minute");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
