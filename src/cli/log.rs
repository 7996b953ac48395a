//! The log on stderr. What an outsider can cause without limit is logged with one: each place in the code
//! writes so many lines a second, and the others are counted.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

/// What is logged unless `RUST_LOG` says otherwise: migrations are told by their own command.
const USUAL_LOG: &str = "info,sea_orm_migration=warn";
/// How many lines a place in the code writes in each `WINDOW`, at INFO and above.
const MAX_LINES: u64 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// Starts the log, of what `RUST_LOG` says.
pub(super) fn start(said: Option<&str>) -> Sampler {
    let filter = said.and_then(|said| EnvFilter::try_new(said).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(USUAL_LOG));
    let sampler = Sampler::default();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(sampler.clone()).with(lines).init();
    sampler
}

/// Limits how many lines each place in the code writes. DEBUG and TRACE have no limit: they are asked for.
#[derive(Clone, Default)]
pub(super) struct Sampler(Arc<Mutex<HashMap<Identifier, Place>>>);

struct Place {
    metadata: &'static Metadata<'static>,
    lines: u64,
}

impl Sampler {
    /// Begins a new window every second, and logs what was left out in the last, for ever.
    pub(super) async fn keep_reporting(self) {
        loop {
            tokio::time::sleep(WINDOW).await;
            self.report();
        }
    }

    fn report(&self) {
        let last = std::mem::take(&mut *self.places());
        for Place { metadata, lines } in last.into_values().filter(|it| it.lines > MAX_LINES) {
            let (place, line) = (metadata.target(), metadata.line().unwrap_or_default());
            let left_out = lines - MAX_LINES;
            tracing::warn!(place, line, left_out, "more log lines of one kind were left out");
        }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Identifier, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Sampler {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO {
            return true;
        }
        let mut places = self.places();
        let place = places.entry(metadata.callsite()).or_insert(Place { metadata, lines: 0 });
        place.lines += 1;
        place.lines <= MAX_LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_of_one_place_are_limited_and_counted() {
        let written = Written::default();
        let sampler = Sampler::default();
        let writer = written.clone();
        let lines =
            tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let log = tracing_subscriber::registry().with(sampler.clone()).with(lines);
        let count = |words: &str| {
            let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            text.lines().filter(|line| line.contains(words)).count()
        };
        tracing::subscriber::with_default(log, || {
            for _ in 0..100 {
                tracing::info!("credential refused");
                tracing::debug!("asked for");
            }
            tracing::warn!("another place");
            assert_eq!((count("credential refused"), count("another place")), (20, 1));
            assert_eq!(count("asked for"), 100);
            sampler.report();
            assert_eq!(count("left_out=80"), 1);
            tracing::info!("credential refused");
            sampler.report();
            assert_eq!(count("left_out"), 1, "nothing was left out since");
        });
    }
}
