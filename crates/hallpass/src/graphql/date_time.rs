//! Scalars `DateTime` and `Date`. Invalid values are rejected before execution.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike as _, NaiveDate, SecondsFormat, SubsecRound as _, Timelike as _};
use hallpass_data::Timestamp;

use super::input_problem::{InputProblem, ProblemKind};

const DATE_TIME_FORM: &str =
    "give a date and time with a time zone (RFC 3339), such as 2027-03-01T09:30:00Z";

const DATE_FORM: &str = "give a date, such as 2027-03-01";

const INVALID_DATE: &str =
    "this date does not exist: give a date of the calendar, such as 2027-03-01";

const INVALID_TIME: &str = "this time does not exist: give hours from 00 to 23, minutes and seconds from 00 \
                            to 59, and an offset below 24 hours, such as 2027-03-01T09:30:00Z";

const INVALID_YEAR: &str = "the year is out of range: give a year of four digits, such as 2027";

/// The last year of four digits.
const MAX_YEAR: usize = 9999;

/// The problem of `value` at `path`, which is not a valid value of the scalar `name`.
pub fn scalar_problem(path: impl Into<String>, name: &str, value: &Value) -> InputProblem {
    let problem = |kind, message| InputProblem::new(path, kind, message);
    let (Value::String(text), "DateTime" | "Date") = (value, name) else {
        return problem(ProblemKind::WrongType, expected_form(name));
    };
    let is_time = name == "DateTime";
    match date_prefix(text) {
        Some(DatePrefix { year_digits, .. }) if year_digits != 4 => {
            problem(ProblemKind::OutOfRange, INVALID_YEAR).beyond(MAX_YEAR)
        }
        Some(DatePrefix { day, rest, .. }) if is_time != rest.is_empty() => match day {
            None => problem(ProblemKind::Invalid, INVALID_DATE),
            // It has the form of a time, with impossible numbers.
            Some(_) if is_time && has_form_of_time(rest) => {
                problem(ProblemKind::Invalid, INVALID_TIME)
            }
            Some(_) => problem(ProblemKind::WrongType, expected_form(name)),
        },
        _ => problem(ProblemKind::WrongType, expected_form(name)),
    }
}

/// A text that starts like a date: digits, and twice a hyphen and two digits.
struct DatePrefix<'a> {
    year_digits: usize,
    /// The date. None if there is no such date.
    day: Option<NaiveDate>,
    /// The text after the date.
    rest: &'a str,
}

fn date_prefix(text: &str) -> Option<DatePrefix<'_>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let signs = text.len() - unsigned.len();
    let (year, rest) = unsigned.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    let (day, rest) = rest.split_at_checked(2)?;
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !(are_digits(year) && month.len() == 2 && are_digits(month) && are_digits(day)) {
        return None;
    }
    let date = match (year.parse(), month.parse(), day.parse()) {
        (Ok(year), Ok(month), Ok(day)) => NaiveDate::from_ymd_opt(year, month, day),
        _ => None,
    };
    Some(DatePrefix { year_digits: year.len() + signs, day: date, rest })
}

/// Whether `text` has the form of a time in RFC 3339, regardless of its numbers.
fn has_form_of_time(text: &str) -> bool {
    let shape: String = text.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
    let upper = shape.to_ascii_uppercase();
    let Some(rest) = upper.strip_prefix("T00:00:00") else { return false };
    let fraction = rest.strip_prefix('.');
    let zone = fraction.map_or(rest, |digits| digits.trim_start_matches('0'));
    fraction.is_none_or(|digits| digits.starts_with('0'))
        && ["Z", "+00:00", "-00:00"].contains(&zone)
}

/// How to write a value of the scalar `name`, for error messages.
fn expected_form(name: &str) -> &'static str {
    match name {
        "DateTime" => DATE_TIME_FORM,
        "Date" => DATE_FORM,
        "Int" => "give a 32-bit integer",
        "Float" => "give a number",
        "Boolean" => "give true or false",
        "String" => "give a string",
        "ID" => "give an ID, as a string",
        _ => "give a value of this type",
    }
}

/// Date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub Timestamp);

/// Date and time per RFC 3339, such as `2027-03-01T09:30:00Z`. Returned in UTC, with microsecond precision.
#[Scalar(name = "DateTime", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(&value).ok_or_else(|| InputValueError::custom(DATE_TIME_FORM))
    }

    fn is_valid(value: &Value) -> bool {
        read(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(text_of(self.0))
    }
}

/// A time as RFC 3339: see [`write_rfc3339`].
pub(super) fn text_of(time: Timestamp) -> String {
    let mut text = Vec::with_capacity(32);
    write_rfc3339(time, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Writes a time as a JSON string.
pub(super) fn write_time(time: Timestamp, json: &mut Vec<u8>) {
    json.push(b'"');
    write_rfc3339(time, json);
    json.push(b'"');
}

/// Writes a time as RFC 3339, in UTC, with three, six or nine decimals if it has them. Every row has such texts, and the
/// formatter of `chrono`, which knows any form, takes five times as long; it writes the years that are not of four
/// digits, and leap seconds.
fn write_rfc3339(time: Timestamp, into: &mut Vec<u8>) {
    let naive = time.naive_utc();
    let (date, clock) = (naive.date(), naive.time());
    let (year, nanosecond) = (date.year().unsigned_abs(), clock.nanosecond());
    if date.year() < 0 || year > 9999 || nanosecond >= NANOSECONDS {
        let text = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        return into.extend_from_slice(text.as_bytes());
    }
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    for (at, number) in [
        (0, year / 100),
        (2, year % 100),
        (5, date.month()),
        (8, date.day()),
        (11, clock.hour()),
        (14, clock.minute()),
        (17, clock.second()),
    ] {
        put_digits(&mut text[at..at + 2], number);
    }
    put_digits(&mut text[20..29], nanosecond);
    let end = match nanosecond {
        0 => 19,
        _ if nanosecond % 1_000_000 == 0 => 23,
        _ if nanosecond % 1_000 == 0 => 26,
        _ => 29,
    };
    text[end] = b'Z';
    into.extend_from_slice(&text[..=end]);
}

/// Nanoseconds of a second; those of a leap second are more.
const NANOSECONDS: u32 = 1_000_000_000;

/// Writes the last digits of `number`, as many as there is place for.
fn put_digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        // A digit: one byte.
        let [.., last] = (number % 10).to_be_bytes();
        *digit = b'0' + last;
        number /= 10;
    }
}

/// Accepts years of four digits, in UTC too, and no leap seconds: the databases disagree about others.
fn read(value: &Value) -> Option<DateTime> {
    let Value::String(text) = value else { return None };
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let plain = (0..=9999).contains(&time.year()) && time.nanosecond() < 1_000_000_000;
    plain.then(|| DateTime(time.trunc_subsecs(6)))
}

/// Date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// Date (`full-date` of RFC 3339), such as `2027-03-01`.
#[Scalar(
    name = "Date",
    specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6"
)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        day(&value).ok_or_else(|| InputValueError::custom(DATE_FORM))
    }

    fn is_valid(value: &Value) -> bool {
        day(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format(DATE_FORMAT).to_string())
    }
}

const DATE_FORMAT: &str = "%Y-%m-%d";

/// Length of a date, in bytes.
const DATE_LENGTH: usize = 10;

/// Accepts the canonical form only: four digits for the year, two for month and day.
/// The year of a date or a time, in UTC.
pub(crate) fn year(value: &Value) -> Option<i32> {
    read(value).map(|time| time.0.year()).or_else(|| day(value).map(|day| day.0.year()))
}

fn day(value: &Value) -> Option<Date> {
    let Value::String(text) = value else { return None };
    let day = NaiveDate::parse_from_str(text, DATE_FORMAT).ok()?;
    // A year of four digits has no sign.
    (text.len() == DATE_LENGTH && day.format(DATE_FORMAT).to_string() == *text).then_some(Date(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_by_chrono() {
        for text in [
            "2027-03-01T09:30:00Z",
            "2026-12-31T23:59:59.999999Z",
            "2026-01-02T03:04:05.006Z",
            "0001-10-20T00:00:00.000000001Z",
            "9999-12-31T23:59:59.120Z",
            "1969-12-31T23:59:59.5Z",
            "2016-12-31T23:59:60.25Z",
            "+12026-01-01T00:00:00Z",
            "-0044-03-15T12:00:00Z",
        ] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(text_of(time), time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
    }

    #[test]
    fn invalid_times_and_dates_have_clear_messages() {
        use ProblemKind::{Invalid, OutOfRange, WrongType};
        for (name, text, kind, message) in [
            ("Date", "2026-02-30", Invalid, "this date does not exist"),
            ("Date", "2026-13-01", Invalid, "this date does not exist"),
            ("Date", "2027-00-10", Invalid, "this date does not exist"),
            ("Date", "12027-01-01", OutOfRange, "the year is out of range"),
            ("Date", "-2027-01-01", OutOfRange, "the year is out of range"),
            ("Date", "999999999999-01-01", OutOfRange, "the year is out of range"),
            ("Date", "2027-3-1", WrongType, "give a date"),
            ("Date", "2027-03-01T00:00:00Z", WrongType, "give a date"),
            ("Date", "2027-03-é", WrongType, "give a date"),
            ("Date", "", WrongType, "give a date"),
            ("DateTime", "2026-02-30T09:30:00Z", Invalid, "this date does not exist"),
            ("DateTime", "2026-02-28T24:30:00Z", Invalid, "this time does not exist"),
            ("DateTime", "2026-12-31T23:59:60Z", Invalid, "this time does not exist"),
            ("DateTime", "2026-12-31t09:60:00.5+02:00", Invalid, "this time does not exist"),
            ("DateTime", "2026-12-31T09:30:00+99:00", Invalid, "this time does not exist"),
            ("DateTime", "+262143-01-01T00:00:00Z", OutOfRange, "the year is out of range"),
            ("DateTime", "20270-01-01T00:00:00Z", OutOfRange, "the year is out of range"),
            ("DateTime", "2027-03-01", WrongType, "give a date and time"),
            ("DateTime", "2027-03-01T09:30", WrongType, "give a date and time"),
            ("DateTime", "tomorrow", WrongType, "give a date and time"),
        ] {
            let value = Value::from(text);
            let problem = scalar_problem("input", name, &value);
            let limit = (kind == OutOfRange).then_some(9999);
            assert_eq!((problem.kind, problem.limit), (kind, limit), "{text}");
            assert!(problem.message.starts_with(message), "{text}: {}", problem.message);
            let is_read =
                if name == "Date" { day(&value).is_some() } else { read(&value).is_some() };
            assert!(!is_read, "{text}");
        }
    }
}
