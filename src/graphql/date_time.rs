//! Scalars `DateTime` and `Date`. Invalid values are rejected before anything runs.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike as _, NaiveDate, SecondsFormat, SubsecRound as _, Timelike as _};
use hallpass_entity::Timestamp;

use super::input_problem::{InputProblem, ProblemKind};

const MOMENT: &str = "give a moment with its time zone (RFC 3339), such as 2027-03-01T09:30:00Z";

const DAY: &str = "give a day, such as 2027-03-01";

const NO_DAY: &str = "this day does not exist: give a day of the calendar, such as 2027-03-01";

const NO_TIME: &str = "this time does not exist: give hours from 00 to 23, minutes and seconds from 00 to 59, and an \
                       offset below 24 hours, such as 2027-03-01T09:30:00Z";

const NO_YEAR: &str = "the year is out of range: give one of four digits, such as 2027";

/// The last year that has four digits.
const LAST_YEAR: usize = 9999;

/// What is wrong with `value`, at `path`, which is no value of the scalar `name`.
pub fn scalar_problem(path: impl Into<String>, name: &str, value: &Value) -> InputProblem {
    let of_kind = |kind, message| InputProblem::new(path, kind, message);
    let (Value::String(text), "DateTime" | "Date") = (value, name) else {
        return of_kind(ProblemKind::WrongType, expected_form(name));
    };
    let is_time = name == "DateTime";
    match written(text) {
        Some(Written { year_digits, .. }) if year_digits != 4 => {
            of_kind(ProblemKind::OutOfRange, NO_YEAR).beyond(LAST_YEAR)
        }
        Some(Written { day, rest, .. }) if is_time != rest.is_empty() => match day {
            None => of_kind(ProblemKind::Invalid, NO_DAY),
            // The form of a time, which no day has at that place.
            Some(_) if is_time && has_form_of_time(rest) => of_kind(ProblemKind::Invalid, NO_TIME),
            Some(_) => of_kind(ProblemKind::WrongType, expected_form(name)),
        },
        _ => of_kind(ProblemKind::WrongType, expected_form(name)),
    }
}

/// A text that begins as a day does: digits, and two times a hyphen and two digits.
struct Written<'a> {
    year_digits: usize,
    /// The day; none where there is no such day.
    day: Option<NaiveDate>,
    /// What follows.
    rest: &'a str,
}

fn written(text: &str) -> Option<Written<'_>> {
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
    Some(Written { year_digits: year.len() + signs, day: date, rest })
}

/// Whether `text` is written as the time of RFC 3339, whatever its numbers.
fn has_form_of_time(text: &str) -> bool {
    let shape: String = text.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
    let upper = shape.to_ascii_uppercase();
    let Some(rest) = upper.strip_prefix("T00:00:00") else { return false };
    let fraction = rest.strip_prefix('.');
    let zone = fraction.map_or(rest, |digits| digits.trim_start_matches('0'));
    fraction.is_none_or(|digits| digits.starts_with('0'))
        && ["Z", "+00:00", "-00:00"].contains(&zone)
}

/// How a value of the scalar `name` is written, for the message about one that is not.
fn expected_form(name: &str) -> &'static str {
    match name {
        "DateTime" => MOMENT,
        "Date" => DAY,
        "Int" => "give a whole number of 32 bits",
        "Float" => "give a number",
        "Boolean" => "give true or false",
        "String" => "give a text",
        "ID" => "give an id, as a text",
        _ => "give a value of this type",
    }
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub Timestamp);

/// A moment, as RFC 3339 has it, such as `2027-03-01T09:30:00Z`; to the microsecond, in UTC.
#[Scalar(name = "DateTime", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(&value).ok_or_else(|| InputValueError::custom(MOMENT))
    }

    fn is_valid(value: &Value) -> bool {
        read(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// Years of four digits, in UTC too, and no leap seconds: the databases disagree about the others.
fn read(value: &Value) -> Option<DateTime> {
    let Value::String(text) = value else { return None };
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let plain = (0..=9999).contains(&time.year()) && time.nanosecond() < 1_000_000_000;
    plain.then(|| DateTime(time.trunc_subsecs(6)))
}

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A day, as `full-date` of RFC 3339 has it, such as `2027-03-01`.
#[Scalar(
    name = "Date",
    specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6"
)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        day(&value).ok_or_else(|| InputValueError::custom(DAY))
    }

    fn is_valid(value: &Value) -> bool {
        day(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format(DAY_FORMAT).to_string())
    }
}

const DAY_FORMAT: &str = "%Y-%m-%d";

/// The length of a day, in bytes.
const DAY_LENGTH: usize = 10;

/// Only as it is written back: with two digits for month and day, and four for the year.
fn day(value: &Value) -> Option<Date> {
    let Value::String(text) = value else { return None };
    let day = NaiveDate::parse_from_str(text, DAY_FORMAT).ok()?;
    // A year of four digits has no sign.
    (text.len() == DAY_LENGTH && day.format(DAY_FORMAT).to_string() == *text).then_some(Date(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_time_or_day_is_named_plainly() {
        use ProblemKind::{Invalid, OutOfRange, WrongType};
        for (name, text, kind, message) in [
            ("Date", "2026-02-30", Invalid, "this day does not exist"),
            ("Date", "2026-13-01", Invalid, "this day does not exist"),
            ("Date", "2027-00-10", Invalid, "this day does not exist"),
            ("Date", "12027-01-01", OutOfRange, "the year is out of range"),
            ("Date", "-2027-01-01", OutOfRange, "the year is out of range"),
            ("Date", "999999999999-01-01", OutOfRange, "the year is out of range"),
            ("Date", "2027-3-1", WrongType, "give a day"),
            ("Date", "2027-03-01T00:00:00Z", WrongType, "give a day"),
            ("Date", "2027-03-é", WrongType, "give a day"),
            ("Date", "", WrongType, "give a day"),
            ("DateTime", "2026-02-30T09:30:00Z", Invalid, "this day does not exist"),
            ("DateTime", "2026-02-28T24:30:00Z", Invalid, "this time does not exist"),
            ("DateTime", "2026-12-31T23:59:60Z", Invalid, "this time does not exist"),
            ("DateTime", "2026-12-31t09:60:00.5+02:00", Invalid, "this time does not exist"),
            ("DateTime", "2026-12-31T09:30:00+99:00", Invalid, "this time does not exist"),
            ("DateTime", "+262143-01-01T00:00:00Z", OutOfRange, "the year is out of range"),
            ("DateTime", "20270-01-01T00:00:00Z", OutOfRange, "the year is out of range"),
            ("DateTime", "2027-03-01", WrongType, "give a moment"),
            ("DateTime", "2027-03-01T09:30", WrongType, "give a moment"),
            ("DateTime", "tomorrow", WrongType, "give a moment"),
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
