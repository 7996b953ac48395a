//! The log of the whole test run, at every level that a server writes, scanned for credentials: a line with
//! one ends the run.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, Once};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// A credential is recognized by its last bytes: of a JWT that is the end of its signature.
const TAIL: usize = 24;

static SECRETS: LazyLock<Mutex<HashSet<Vec<u8>>>> = LazyLock::new(Mutex::default);
static LINES: AtomicUsize = AtomicUsize::new(0);

/// Starts the scan of the log.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("debug,hallpass=trace,hallpass_entity=trace"))
            .with_ansi(false)
            .with_writer(Watch);
        subscriber.init();
    });
}

/// Forbids this text in the log from now on. One repeated character is a filler of a test, not a secret.
pub fn forbid_in_log(secret: &str) {
    let tail = secret.as_bytes().last_chunk::<TAIL>();
    if let Some(tail) = tail.filter(|tail| tail.iter().any(|byte| *byte != tail[0])) {
        SECRETS.lock().unwrap().insert(tail.to_vec());
    }
}

fn contains_secret(line: &[u8]) -> bool {
    let secrets = SECRETS.lock().unwrap();
    line.windows(TAIL).any(|window| secrets.contains(window))
}

#[derive(Clone, Copy)]
struct Watch;

impl MakeWriter<'_> for Watch {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

impl io::Write for Watch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.fetch_add(1, Ordering::Relaxed);
        if contains_secret(line) {
            // Bypasses the test runner, which would attribute it to another test.
            let line = String::from_utf8_lossy(line);
            let _ = io::Write::write_fmt(
                &mut io::stderr(),
                format_args!("\na credential was logged, which ends the tests: {line}\n"),
            );
            std::process::exit(101);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn test_log_is_scanned_for_credentials() {
    use crate::support::app::{App, Backend};
    use crate::support::callers::alice;

    let app = App::start(Backend::Sqlite).await;
    let before = LINES.load(Ordering::Relaxed);
    app.by_jwt(&alice()).data("{ me { id } }").await;
    assert!(LINES.load(Ordering::Relaxed) > before + 3, "what a request does is logged");
    let token = crate::support::issuer::Issuer::shared().token(&alice().claims());
    assert!(contains_secret(format!("DEBUG authorization: Bearer {token} and more").as_bytes()));
    assert!(!contains_secret(b"DEBUG a line about nothing in particular, which is long enough"));
}
