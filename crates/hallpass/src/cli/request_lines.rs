//! The lines of requests in the log. Each request has one, so they are formatted without the library's styles, and
//! written together: at the latest after [`MAX_DELAY`], before any other line, and at the end.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::SecondsFormat;
use hallpass_data::now;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::refusals::Refusals;
use crate::config::LogFormat;
use crate::http::{REFUSED, RequestId};
use crate::unprintable::escape_from;

/// The target of the lines.
pub(super) const TARGET: &str = "hallpass::request";
/// How long a line waits for others.
const MAX_DELAY: Duration = Duration::from_millis(100);
/// Lines of this many bytes are written at once.
const MAX_BYTES: usize = 64 * 1024;

/// Lines that are not written yet. Clones share them.
#[derive(Clone, Default)]
pub(super) struct PendingLines(Arc<Pending>);

#[derive(Default)]
struct Pending {
    text: Mutex<String>,
    /// Notified of the first line.
    begun: Condvar,
}

impl PendingLines {
    /// Writes lines from another thread, which ends with the process.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(super) fn write_in_background(&self) -> std::io::Result<()> {
        let this = self.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            loop {
                drop(this.0.begun.wait_while(this.text(), |text| text.is_empty()));
                std::thread::sleep(MAX_DELAY);
                this.write();
            }
        })?;
        Ok(())
    }

    /// Writes what is pending.
    pub(super) fn write(&self) {
        write_all(&mut self.text());
    }

    fn push(&self, line: &str) {
        let mut text = self.text();
        let is_first = text.is_empty();
        text.push_str(line);
        if text.len() >= MAX_BYTES {
            write_all(&mut text);
        } else if is_first {
            self.0.begun.notify_one();
        }
    }

    fn text(&self) -> MutexGuard<'_, String> {
        self.0.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(text: &mut String) {
    // There is no other place to report that stderr is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
    text.clear();
}

/// Writes the lines to the log.
pub(super) struct RequestLines {
    pub(super) format: LogFormat,
    pub(super) pending: PendingLines,
    /// Limits those of refused requests.
    pub(super) refusals: Refusals,
}

impl<S: Subscriber> Layer<S> for RequestLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().name() == REFUSED && !self.refusals.admit(event) {
            return;
        }
        let mut line = Line::begin(self.format, event.metadata());
        event.record(&mut line);
        self.pending.push(&line.end());
    }
}

/// Other lines, as the library formats them, with the id of the request that they belong to. What is not printable is
/// escaped, but ESC, with which the library begins its styles: it escapes that of values itself.
pub(super) struct WithRequestId<F>(pub(super) F, pub(super) LogFormat);

impl<S, N, F> FormatEvent<S, N> for WithRequestId<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        line.truncate(line.trim_end_matches('\n').len());
        escape_from(&mut line, 0, |character| character == '\u{1b}');
        let Some(request) = RequestId::current() else { return writeln!(to, "{line}") };
        let id = request.as_str();
        match (self.1, line.strip_suffix('}')) {
            (LogFormat::Json, Some(object)) => writeln!(to, r#"{object},"request_id":"{id}"}}"#),
            _ => writeln!(to, "{line} request_id={id}"),
        }
    }
}

/// One line, in the form of the library's.
struct Line {
    format: LogFormat,
    target: &'static str,
    text: String,
}

impl Line {
    fn begin(format: LogFormat, metadata: &'static Metadata<'static>) -> Self {
        let (level, target) = (metadata.level(), metadata.target());
        let time = now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let text = match format {
            LogFormat::Text => format!("{time} {level:>5} {target}:"),
            LogFormat::Json => format!(r#"{{"timestamp":"{time}","level":"{level}""#),
        };
        Self { format, target, text }
    }

    fn end(mut self) -> String {
        if let LogFormat::Json = self.format {
            self.text.push_str(r#","target":""#);
            self.text.push_str(self.target);
            self.text.push_str("\"}");
        }
        self.text.push('\n');
        self.text
    }

    fn name(&mut self, field: &Field) {
        match self.format {
            LogFormat::Text if field.name() == "message" => self.text.push(' '),
            LogFormat::Text => {
                self.text.push(' ');
                self.text.push_str(field.name());
                self.text.push('=');
            }
            LogFormat::Json => {
                self.text.push_str(",\"");
                self.text.push_str(field.name());
                self.text.push_str("\":");
            }
        }
    }

    fn value(&mut self, value: impl fmt::Display) {
        // Writing to a string does not fail.
        let _ = write!(self.text, "{value}");
    }

    /// A quoted text, escaped as in JSON. Most texts have nothing to escape.
    fn quoted(&mut self, text: &str) {
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_plain) {
            self.text.push('"');
            self.text.push_str(text);
            self.text.push('"');
        } else {
            let start = self.text.len();
            self.text.push_str(&serde_json::to_string(text).unwrap_or_default());
            escape_from(&mut self.text, start, |_| false);
        }
    }

    /// A number with three decimal places, as far as they are not zero.
    fn thousandths(&mut self, thousandths: u64) {
        self.value(thousandths / 1000);
        if !thousandths.is_multiple_of(1000) {
            let places = format!(".{:03}", thousandths % 1000);
            self.text.push_str(places.trim_end_matches('0'));
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        self.quoted(value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        self.value(value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field);
        // Times in milliseconds, rounded to microseconds, for which the library's algorithm is slow.
        let thousandths = (value * 1e3).round();
        match (0.0..1e15).contains(&thousandths) {
            true => self.thousandths(thousandths as u64),
            false => self.value(value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field);
        match self.format {
            LogFormat::Text => {
                let start = self.text.len();
                self.value(format_args!("{value:?}"));
                escape_from(&mut self.text, start, |_| false);
            }
            LogFormat::Json => self.quoted(&format!("{value:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::unprintable::is_unprintable;

    fn lines_to(pending: &PendingLines, format: LogFormat) -> RequestLines {
        RequestLines { format, pending: pending.clone(), refusals: Refusals::default() }
    }

    #[test]
    fn lines_of_refused_requests_are_sampled() {
        let pending = PendingLines::default();
        let lines = lines_to(&pending, LogFormat::Json);
        let refusals = lines.refusals.clone();
        let count = |words: &str| pending.text().lines().filter(|it| it.contains(words)).count();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for _ in 0..100 {
                for client in ["a", "b"] {
                    tracing::event!(name: REFUSED, target: TARGET, Level::INFO, client, "request");
                }
                let caller = Some("c");
                tracing::event!(name: REFUSED, target: TARGET, Level::INFO, caller, "request");
                tracing::info!(target: TARGET, client = "a", "served");
            }
            let counts = [r#""client":"a""#, r#""client":"b""#, r#""caller":"c""#];
            assert_eq!(counts.map(count), [105, 5, 5]);
            assert_eq!(count("served"), 100, "lines of served requests are not limited");
            refusals.report();
            for of in [r#""client":"a","suppressed":95"#, r#""caller":"c","suppressed":95"#] {
                assert_eq!(count(of), 1, "{of}");
            }
            refusals.report();
            assert_eq!(count("suppressed"), 3, "nothing was suppressed since");
        });
    }

    #[test]
    fn number_of_refused_clients_is_bounded() {
        let pending = PendingLines::default();
        let lines = lines_to(&pending, LogFormat::Json);
        let refusals = lines.refusals.clone();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for number in 0..1_500 {
                let client = format!("{number}");
                tracing::event!(name: REFUSED, target: TARGET, Level::INFO, client, "request");
            }
            pending.text().clear();
            refusals.report();
            let text = pending.text().clone();
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(text.contains(r#""suppressed":500"#) && !text.contains("client"), "{text}");
        });
    }

    #[test]
    fn other_lines_are_escaped() {
        use tracing_subscriber::fmt::format;

        let (given, escaped) = ("a\u{202e}b\nc\u{2028}", r"a\u202eb\nc\u2028");
        for is_json in [false, true] {
            let pending = PendingLines::default();
            let to = pending.clone();
            let lines = tracing_subscriber::fmt::layer().with_writer(move || ToPending(to.clone()));
            let lines = match is_json {
                false => lines
                    .event_format(WithRequestId(format().with_ansi(true), LogFormat::Text))
                    .boxed(),
                true => {
                    let format = WithRequestId(format().json(), LogFormat::Json);
                    lines.event_format(format).fmt_fields(format::JsonFields::new()).boxed()
                }
            };
            tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
                tracing::info!(error = %given, "message of {given}");
            });
            let text = pending.text().clone();
            assert_eq!(text.matches(escaped).count(), 2, "{text:?}");
            let styled = |character| character == '\u{1b}' && !is_json;
            let line = text.strip_suffix('\n').unwrap();
            assert!(!line.contains(|it| is_unprintable(it) && !styled(it)), "{text:?}");
            assert!(!is_json || serde_json::from_str::<serde_json::Value>(line).is_ok(), "{text}");
        }
    }

    /// Writes to the pending lines.
    struct ToPending(PendingLines);

    impl std::io::Write for ToPending {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn line_of(format: LogFormat) -> String {
        let pending = PendingLines::default();
        let lines = lines_to(&pending, format);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let (path, none) = ("/\"a\"\n\u{1b}[31m", None::<&str>);
            tracing::info!(target: TARGET, path, none, status = 200_u64, ms = 0.5, "request");
        });
        pending.text().clone()
    }

    #[test]
    fn times_have_up_to_three_decimal_places() {
        let pending = PendingLines::default();
        let lines = lines_to(&pending, LogFormat::Json);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for ms in [0.0, 0.001, 0.05, 1.0, 12.34, 1234.567, 1e300, -0.5] {
                tracing::info!(target: TARGET, ms, "request");
            }
        });
        let text = pending.text().clone();
        let shown = text.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["ms"].as_f64().unwrap()
        });
        let expected = [0.0, 0.001, 0.05, 1.0, 12.34, 1234.567, 1e300, -0.5];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
        assert!(text.contains("\"ms\":12.34,"), "{text}");
    }

    #[test]
    fn texts_are_escaped_where_it_is_needed() {
        for text in [
            "",
            "plain ~!",
            "\"",
            "\\",
            "\\\\u202e",
            "\u{1f}",
            "\u{7f}",
            "é",
            "\n\u{1b}[0m",
            "\u{2028}",
            "\u{202e}",
            "\u{e0041}",
        ] {
            let mut line = Line { format: LogFormat::Json, target: TARGET, text: String::new() };
            line.quoted(text);
            assert_eq!(serde_json::from_str::<String>(&line.text).unwrap(), text);
            assert!(!line.text.contains(is_unprintable), "{:?}", line.text);
        }
    }

    #[test]
    fn lines_have_their_fields() {
        let text = line_of(LogFormat::Text);
        let (time, rest) = text.split_once(' ').unwrap();
        chrono::DateTime::parse_from_rfc3339(time).unwrap();
        let fields = r#"path="/\"a\"\n\u001b[31m" status=200 ms=0.5"#;
        assert_eq!(rest, format!(" INFO hallpass::request: request {fields}\n"));
        let json = line_of(LogFormat::Json);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        chrono::DateTime::parse_from_rfc3339(json["timestamp"].as_str().unwrap()).unwrap();
        assert_eq!(json["message"], "request");
        assert_eq!((&json["level"], &json["target"]), (&"INFO".into(), &TARGET.into()));
        assert_eq!((&json["path"], &json["ms"]), (&"/\"a\"\n\u{1b}[31m".into(), &0.5.into()));
        assert_eq!((&json["status"], json.get("none")), (&200.into(), None));
    }
}
