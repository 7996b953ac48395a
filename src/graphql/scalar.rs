//! The scalar of moments. Our own, so that a bad one is found before anything runs.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike as _, SecondsFormat, SubsecRound as _, Timelike as _};
use hallpass_entity::Timestamp;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub Timestamp);

/// A moment, as RFC 3339 has it, such as `2027-03-01T09:30:00Z`; to the microsecond, in UTC.
#[Scalar(name = "DateTime", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(&value).ok_or_else(|| InputValueError::custom("write a moment as RFC 3339 has it"))
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
