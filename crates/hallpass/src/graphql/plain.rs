//! Values of plain fields as JSON: see [`GuardedObject`](super::GuardedObject).

use async_graphql::resolver_utils::EnumType;
use async_graphql::{ScalarType, Value};

use super::date_time::{DateTime, write_time};
use super::json::{write_json, write_text};

/// A value of a plain field, or none, which is null. Used by `#[guarded]`: it calls the methods of the first trait below
/// that applies to the type.
pub struct PlainValue<'a, T>(pub Option<&'a T>);

/// A type that is written as JSON without a value of the library. Used by `#[guarded]`.
pub trait Json {
    /// Writes the value as JSON.
    fn write(&self, json: &mut Vec<u8>);
}

impl Json for bool {
    fn write(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl Json for str {
    fn write(&self, json: &mut Vec<u8>) {
        write_text(self, json);
    }
}

impl Json for String {
    fn write(&self, json: &mut Vec<u8>) {
        write_text(self, json);
    }
}

impl Json for DateTime {
    fn write(&self, json: &mut Vec<u8>) {
        write_time(self.0, json);
    }
}

/// Values that are [`Json`]. Used by `#[guarded]`, as the traits below.
pub trait PlainJson {
    /// Whether fields of the type are plain.
    fn is_plain(&self) -> bool {
        true
    }

    /// Writes the value.
    fn write(&self, json: &mut Vec<u8>);
}

impl<T: Json> PlainJson for &&&PlainValue<'_, T> {
    fn write(&self, json: &mut Vec<u8>) {
        match self.0 {
            Some(value) => value.write(json),
            None => write_json(&Value::Null, json),
        }
    }
}

/// Scalars.
pub trait PlainScalar {
    /// Whether fields of the type are plain.
    fn is_plain(&self) -> bool {
        true
    }

    /// Writes the value.
    fn write(&self, json: &mut Vec<u8>);
}

impl<T: ScalarType> PlainScalar for &&PlainValue<'_, T> {
    fn write(&self, json: &mut Vec<u8>) {
        write_json(&self.0.map_or(Value::Null, T::to_value), json);
    }
}

/// Enums.
pub trait PlainEnum {
    /// Whether fields of the type are plain.
    fn is_plain(&self) -> bool {
        true
    }

    /// Writes the value.
    fn write(&self, json: &mut Vec<u8>);
}

impl<T: EnumType> PlainEnum for &PlainValue<'_, T> {
    fn write(&self, json: &mut Vec<u8>) {
        let item = |value: &T| T::items().iter().find(|item| item.value == *value);
        match self.0.and_then(item) {
            Some(item) => write_text(item.name, json),
            None => write_json(&Value::Null, json),
        }
    }
}

/// Other types: their fields are not plain.
pub trait NotPlain {
    /// Whether fields of the type are plain.
    fn is_plain(&self) -> bool {
        false
    }

    /// Writes nothing.
    fn write(&self, _: &mut Vec<u8>) {}
}

impl<T> NotPlain for PlainValue<'_, T> {}

#[cfg(test)]
mod tests {
    use async_graphql::Enum;

    use super::*;
    use crate::graphql::Date;

    #[derive(Clone, Copy, Enum, PartialEq, Eq)]
    enum Color {
        Red,
    }

    struct Other;

    /// As `#[guarded]` calls it. None if the type is not plain.
    macro_rules! written {
        ($value:expr) => {{
            let value = &&&PlainValue($value);
            let mut json = Vec::new();
            (&value).write(&mut json);
            (&value).is_plain().then(|| String::from_utf8(json).unwrap())
        }};
    }

    #[test]
    fn plain_values_are_written_as_json() {
        let now = DateTime("2027-03-01T09:30:00.25Z".parse().unwrap());
        let day = Date("2027-03-01".parse().unwrap());
        for (written, expected) in [
            (written!(Some(&7_i32)), "7"),
            (written!(Some(&true)), "true"),
            (written!(Some(&"a \"b\"".to_owned())), r#""a \"b\"""#),
            (written!(Some(&now)), "\"2027-03-01T09:30:00.250Z\""),
            (written!(Some(&day)), "\"2027-03-01\""),
            (written!(Some(&Color::Red)), "\"RED\""),
            (written!(None::<&bool>), "null"),
            (written!(None::<&i32>), "null"),
            (written!(None::<&Color>), "null"),
        ] {
            assert_eq!(written.as_deref(), Some(expected));
        }
        assert_eq!(written!(Some(&Other)), None);
    }
}
