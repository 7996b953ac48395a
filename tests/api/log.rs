//! The log of the whole test run, at every level that a server writes for its operator, watched for
//! credentials: a line with one ends the run.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, Once};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// A credential is known by so many of its last bytes: of a JWT that is the end of its signature.
const TAIL: usize = 24;

static SECRETS: LazyLock<Mutex<HashSet<Vec<u8>>>> = LazyLock::new(Mutex::default);
static LINES: AtomicUsize = AtomicUsize::new(0);

/// From now on the log is watched.
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

/// Must not be logged from now on. One repeated character is a text as long as a test needs, not a secret.
pub fn must_not_show(secret: &str) {
    let tail = secret.as_bytes().last_chunk::<TAIL>();
    if let Some(tail) = tail.filter(|tail| tail.iter().any(|byte| *byte != tail[0])) {
        SECRETS.lock().unwrap().insert(tail.to_vec());
    }
}

fn shows_a_secret(line: &[u8]) -> bool {
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
        if shows_a_secret(line) {
            // Past the runner, which would keep it for a test that is not at fault.
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
async fn the_log_of_the_test_run_is_watched_for_credentials() {
    use crate::app::{App, Backend};
    use crate::people::alice;

    let app = App::start(Backend::Sqlite).await;
    let before = LINES.load(Ordering::Relaxed);
    app.by_jwt(&alice()).data("{ me { id } }").await;
    assert!(LINES.load(Ordering::Relaxed) > before + 3, "what a request does is logged");
    let token = crate::issuer::Issuer::shared().token(&alice().claims());
    assert!(shows_a_secret(format!("DEBUG authorization: Bearer {token} and more").as_bytes()));
    assert!(!shows_a_secret(b"DEBUG a line about nothing in particular, which is long enough"));
}
