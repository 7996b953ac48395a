//! Log on stderr, rate-limited per call site: further lines in the same second are suppressed and counted, since
//! clients can trigger log lines without limit.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::fmt::format;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use super::CliError;
use super::refusals::Refusals;
use super::request_lines::{PendingLines, RequestLines, TARGET, WithRequestId};
use crate::config::{Config, LogFilter, LogFormat};
use crate::telemetry::{self, Exporter};

/// Log filter unless `RUST_LOG` is set. `hallpass migrate` reports migrations itself, of which PostgreSQL notes what exists.
const DEFAULT_FILTER: &str = "info,sea_orm_migration=warn,sqlx::postgres::notice=warn";
/// Lines per call site and `WINDOW`, at INFO and above.
const MAX_LINES_PER_WINDOW: u64 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// The log. What is pending is written when it is dropped.
pub(super) struct Log {
    sampler: Sampler,
    refusals: Refusals,
    pending: PendingLines,
    _exporter: Option<Exporter>,
}

impl Drop for Log {
    fn drop(&mut self) {
        self.refusals.report();
        self.pending.write();
    }
}

impl Log {
    /// Begins a new window of the limits every second, and logs the numbers of suppressed lines; never resolves.
    pub(super) fn keep_reporting(&self) -> impl Future<Output = ()> + use<> {
        let (sampler, refusals) = (self.sampler.clone(), self.refusals.clone());
        async move {
            loop {
                tokio::time::sleep(WINDOW).await;
                sampler.report();
                refusals.report();
            }
        }
    }
}

/// Starts the log, with the filter of `RUST_LOG`, and the export of traces.
///
/// # Errors
/// If the filter is invalid, or traces cannot be exported.
pub(super) fn start(config: &Config) -> Result<Log, CliError> {
    let directives = config.log.as_ref().map_or(DEFAULT_FILTER, LogFilter::directives);
    let parse = || EnvFilter::try_new(directives);
    let filter = || parse().map_err(|error| CliError::Usage(format!("RUST_LOG: {error}")));
    let (sampler, pending) = (Sampler::default(), PendingLines::default());
    pending.write_in_background().map_err(|error| CliError::Usage(format!("the log: {error}")))?;
    let before = pending.clone();
    let lines = tracing_subscriber::fmt::layer().with_writer(move || {
        before.write();
        std::io::stderr()
    });
    let lines = match config.log_format {
        LogFormat::Text => {
            let format = format().with_ansi(std::io::stderr().is_terminal());
            lines.event_format(WithRequestId(format, LogFormat::Text)).boxed()
        }
        LogFormat::Json => {
            let format = format().json().flatten_event(true).with_current_span(false);
            let format = WithRequestId(format.with_span_list(false), LogFormat::Json);
            lines.event_format(format).fmt_fields(JsonFields::new()).boxed()
        }
    };
    let refusals = Refusals::default();
    let requests = RequestLines {
        format: config.log_format,
        pending: pending.clone(),
        refusals: refusals.clone(),
    };
    let log = tracing_subscriber::registry().with(filtered(lines, filter()?, &sampler)).with(
        requests.with_filter(filter()?.and(Targets::new().with_target(TARGET, Level::TRACE))),
    );
    let exporter = match telemetry::layer(&config.telemetry).map_err(CliError::Usage)? {
        Some((traces, exporter)) => {
            log.with(traces).init();
            Some(exporter)
        }
        None => {
            log.init();
            None
        }
    };
    Ok(Log { sampler, refusals, pending, _exporter: exporter })
}

/// `lines` that pass `filter` and the sampler, without those of requests. Both are filters of this layer: a layer without a filter would enable
/// every event and span of every library.
fn filtered<S>(lines: impl Layer<S>, filter: EnvFilter, sampler: &Sampler) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let others = filter_fn(|metadata| metadata.target() != TARGET);
    let others = others.with_max_level_hint(LevelFilter::TRACE);
    let filter = telemetry::without_traces(filter).and(others);
    lines.with_filter(filter.and(sampler.clone()))
}

/// Limits the lines of each call site. DEBUG and TRACE are not limited: they are enabled on purpose.
#[derive(Clone, Default)]
struct Sampler(Arc<Mutex<HashMap<Identifier, CallSite>>>);

struct CallSite {
    metadata: &'static Metadata<'static>,
    lines: u64,
}

impl Sampler {
    /// Begins a new window, and logs the number of lines that were suppressed in the last one.
    fn report(&self) {
        let last = std::mem::take(&mut *self.call_sites());
        for CallSite { metadata, lines } in
            last.into_values().filter(|it| it.lines > MAX_LINES_PER_WINDOW)
        {
            let (target, line) = (metadata.target(), metadata.line().unwrap_or_default());
            let suppressed = lines - MAX_LINES_PER_WINDOW;
            tracing::warn!(module = target, line, suppressed, "log lines suppressed");
        }
    }

    fn call_sites(&self) -> MutexGuard<'_, HashMap<Identifier, CallSite>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Filter<S> for Sampler {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    /// Not always: the library then keeps the decision on a suppressed event for the next one.
    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    /// No limit. Without a hint, the hint of the other filter would be ignored.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO {
            return true;
        }
        let mut call_sites = self.call_sites();
        let call_site =
            call_sites.entry(metadata.callsite()).or_insert(CallSite { metadata, lines: 0 });
        call_site.lines += 1;
        call_site.lines <= MAX_LINES_PER_WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer of the written lines.
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
    fn lines_of_one_call_site_are_sampled() {
        let written = Written::default();
        let sampler = Sampler::default();
        let writer = written.clone();
        let lines =
            tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let lines = filtered(lines, EnvFilter::new("debug"), &sampler);
        let log = tracing_subscriber::registry().with(lines);
        let count = |words: &str| {
            let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            text.lines().filter(|line| line.contains(words)).count()
        };
        assert_eq!(log.max_level_hint(), Some(LevelFilter::DEBUG), "the rest costs nothing");
        tracing::subscriber::with_default(log, || {
            for _ in 0..100 {
                tracing::info!("credential rejected");
                tracing::debug!("asked for");
            }
            tracing::warn!("another call site");
            assert_eq!((count("credential rejected"), count("another call site")), (20, 1));
            assert_eq!(count("asked for"), 100);
            sampler.report();
            assert_eq!(count("suppressed=80"), 1);
            tracing::info!("credential rejected");
            sampler.report();
            assert_eq!(count("suppressed"), 1, "nothing was suppressed since");
        });
    }
}
