//! Rows by the position of their columns.

use std::marker::PhantomData;

use chrono::{NaiveDate, NaiveTime};
use sea_orm::sea_query::ValueType;
use sea_orm::{QueryResult, TryGetError, TryGetable};
use sqlx::Row as _;
use sqlx::postgres::PgValueFormat;
use uuid::Uuid;

use crate::{Timestamp, UserId};

/// A row of a table, read by the position of its columns. Implemented by `#[derive(FromRow)]`, beside which this trait
/// must be in scope: import both by their one name.
pub trait FromRow: Sized {
    /// Decodes `row`. `known` has a bit for each of the first 64 columns: whether its type was checked in an earlier row of the
    /// same result. It is not checked again, which takes longer than decoding.
    ///
    /// # Errors
    /// When a column is missing, or has another type.
    fn from_row(row: &QueryResult, known: &mut u64) -> Result<Self, TryGetError>;

    /// A column of this type. For `#[derive(FromRow)]`, which knows no path to this crate.
    #[must_use]
    fn column<T>() -> ColumnOf<T> {
        ColumnOf(PhantomData)
    }
}

/// A column of a type.
pub struct ColumnOf<T>(PhantomData<T>);

impl<T: ColumnValue + TryGetable> ColumnOf<T> {
    /// Reads the value of a row, and checks its type unless the column is `known`: see [`FromRow::from_row`].
    ///
    /// # Errors
    /// When the column is missing, or has another type.
    pub fn read(&self, row: &QueryResult, at: usize, known: &mut u64) -> Result<T, TryGetError> {
        match decoded(row, at, known) {
            Some(value) => Ok(value),
            // Checks the type, and describes the error.
            None => T::try_get_by(row, at),
        }
    }
}

/// A type of columns that is decoded here: SeaORM and the driver check each value again, and take several times as long.
/// Implemented by `row_id!` too.
pub trait ColumnValue: Sized {
    /// From the binary format of PostgreSQL, which is that of the `send` function of the type. None if the value has not
    /// the form of the type.
    fn from_binary(value: Option<&[u8]>) -> Option<Self>;

    /// From a text of SQLite. None for types that are not decoded here.
    #[must_use]
    fn from_text(_: Option<&str>) -> Option<Self> {
        None
    }

    /// Whether the type is decoded from a text of SQLite.
    const HAS_TEXT: bool = false;
}

/// The value of a known column, or a null. None if it must be decoded by SeaORM.
fn decoded<T: ColumnValue>(row: &QueryResult, at: usize, known: &mut u64) -> Option<T> {
    let Some(row) = row.try_as_pg_row() else {
        let text = T::HAS_TEXT.then(|| row.try_as_sqlite_row())??;
        return T::from_text(text.try_get_unchecked(at).ok()?);
    };
    let raw = row.try_get_raw(at).ok()?;
    // The driver's only error is that of a null, which has no type.
    let Ok(value) = raw.as_bytes() else { return T::from_binary(None) };
    if raw.format() != PgValueFormat::Binary {
        return None;
    }
    let bit = at.try_into().ok().and_then(|at| 1_u64.checked_shl(at))?;
    if *known & bit == 0 {
        // SeaORM checks it now.
        *known |= bit;
        return None;
    }
    T::from_binary(Some(value))
}

impl<T: ColumnValue> ColumnValue for Option<T> {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        match value {
            Some(_) => T::from_binary(value).map(Some),
            None => Some(None),
        }
    }

    fn from_text(value: Option<&str>) -> Option<Self> {
        match value {
            Some(_) => T::from_text(value).map(Some),
            None => Some(None),
        }
    }

    const HAS_TEXT: bool = T::HAS_TEXT;
}

impl ColumnValue for bool {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        number(value, |[byte]: [u8; 1]| byte != 0)
    }
}

impl ColumnValue for i16 {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        number(value, Self::from_be_bytes)
    }
}

impl ColumnValue for i32 {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        number(value, Self::from_be_bytes)
    }
}

impl ColumnValue for i64 {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        number(value, Self::from_be_bytes)
    }
}

impl ColumnValue for Uuid {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        number(value, Self::from_bytes)
    }
}

impl ColumnValue for String {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        std::str::from_utf8(value?).ok().map(str::to_owned)
    }
}

impl ColumnValue for UserId {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        let text = String::from_binary(value)?;
        <Self as ValueType>::try_from(text.into()).ok()
    }
}

impl ColumnValue for Timestamp {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        let micros = number(value, i64::from_be_bytes)?.checked_add(EPOCH)?;
        Self::from_timestamp_micros(micros)
    }

    fn from_text(value: Option<&str>) -> Option<Self> {
        written_time(value?)
    }

    const HAS_TEXT: bool = true;
}

impl ColumnValue for NaiveDate {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        let days = number(value, i32::from_be_bytes)?.checked_add(EPOCH_DAY)?;
        Self::from_num_days_from_ce_opt(days)
    }
}

/// A value of exactly this size.
fn number<T, const BYTES: usize>(value: Option<&[u8]>, from: fn([u8; BYTES]) -> T) -> Option<T> {
    value?.try_into().ok().map(from)
}

/// Microseconds from the Unix epoch to that of PostgreSQL, 2000-01-01.
const EPOCH: i64 = 946_684_800_000_000;

/// Days from the first of year 1, which is day 1, to the epoch of PostgreSQL.
const EPOCH_DAY: i32 = 730_120;

/// The form in which the driver writes a time, such as `2027-03-01T09:30:00.25+00:00`. None for other forms of RFC 3339.
fn written_time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.strip_suffix("+00:00")?.split_once('T')?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    if fraction.is_empty() {
        return None;
    }
    let [year, month, day] = digits(date, b'-', [4, 2, 2])?;
    let [hour, minute, second] = digits(clock, b':', [2, 2, 2])?;
    let [nanosecond] = digits(fraction, b'.', [fraction.len()])?;
    let unit = 10_u32.checked_pow(9_u32.checked_sub(fraction.len().try_into().ok()?)?)?;
    let date = NaiveDate::from_ymd_opt(year.try_into().ok()?, month, day)?;
    let time = NaiveTime::from_hms_nano_opt(hour, minute, second, nanosecond.checked_mul(unit)?)?;
    Some(date.and_time(time).and_utc())
}

/// Numbers of these lengths, separated by a byte.
fn digits<const N: usize>(text: &str, separator: u8, lengths: [usize; N]) -> Option<[u32; N]> {
    let mut rest = text.as_bytes();
    let mut numbers = [0_u32; N];
    for (place, (number, length)) in numbers.iter_mut().zip(lengths).enumerate() {
        if place > 0 {
            rest = rest.strip_prefix(&[separator])?;
        }
        let (own, others) = rest.split_at_checked(length)?;
        for digit in own {
            let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
            *number = number.checked_mul(10)?.checked_add(digit)?;
        }
        rest = others;
    }
    rest.is_empty().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_times_are_read_as_by_chrono() {
        for text in [
            "2027-03-01T09:30:00+00:00",
            "2026-12-31T23:59:59.999999+00:00",
            "2024-02-29T00:00:00.5+00:00",
            "0001-01-01T00:00:00.000000001+00:00",
            "9999-12-31T23:59:59.120+00:00",
        ] {
            assert_eq!(written_time(text), text.parse().ok(), "{text}");
        }
        for text in [
            "2027-03-01T09:30:00Z",
            "2027-03-01T09:30:00+02:00",
            "2027-02-29T09:30:00+00:00",
            "2027-03-01T24:00:00+00:00",
            "2027-3-01T09:30:00+00:00",
            "2027-03-01T09:30:00.+00:00",
            "2027-03-01T09:30:00.0000000001+00:00",
            "-027-03-01T09:30:00+00:00",
            "2027-03-01T09:30:00.1.2+00:00",
            "1740821400",
            "",
        ] {
            assert_eq!(written_time(text), None, "{text}");
        }
    }

    #[test]
    fn binary_values_are_decoded_if_of_their_size() {
        assert_eq!(i16::from_binary(Some(&[0, 7])), Some(7));
        assert_eq!(i16::from_binary(Some(&[0, 0, 0, 7])), None);
        assert_eq!(i16::from_binary(None), None);
        assert_eq!(Option::<i16>::from_binary(None), Some(None));
        assert_eq!(Option::<i16>::from_binary(Some(&[0])), None);
        let epoch = "2000-01-01T00:00:00Z".parse().ok();
        assert_eq!(Timestamp::from_binary(Some(&0_i64.to_be_bytes())), epoch);
        assert_eq!(Timestamp::from_binary(Some(&i64::MAX.to_be_bytes())), None);
        let day = NaiveDate::from_ymd_opt(2001, 1, 1);
        assert_eq!(NaiveDate::from_binary(Some(&366_i32.to_be_bytes())), day);
        assert_eq!(String::from_binary(Some(&[0xff])), None);
    }
}
