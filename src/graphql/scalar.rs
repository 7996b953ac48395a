//! The scalar of moments. Our own, so that a bad one is found before anything runs.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike as _, NaiveDate, SecondsFormat, SubsecRound as _, Timelike as _};
use hallpass_entity::Timestamp;

const MOMENT: &str = "give a moment with its time zone (RFC 3339), such as 2027-03-01T09:30:00Z";

const DAY: &str = "give a day, such as 2027-03-01";

/// How a value of the scalar `name` is written, for the message about one that is not.
#[must_use]
pub fn expected_form(name: &str) -> &'static str {
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

/// Years of four digits, and no leap seconds: the databases disagree about the others.
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

/// Only as it is written back: with two digits for month and day, and four for the year.
fn day(value: &Value) -> Option<Date> {
    let Value::String(text) = value else { return None };
    let day = NaiveDate::parse_from_str(text, DAY_FORMAT).ok()?;
    (day.format(DAY_FORMAT).to_string() == *text).then_some(Date(day))
}
