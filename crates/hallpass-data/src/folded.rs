//! Derived text columns (sort keys and search texts), so that every database sorts and searches alike.

use hallpass_text::{searchable, sort_key, word_set};
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, Value, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, ColumnTrait, QueryResult, TryGetError, TryGetable};

use crate::ColumnValue;

/// Whether `column` is derived from another one.
#[cfg(feature = "testing")]
pub(crate) fn is_derived(column: &impl ColumnTrait) -> bool {
    let sort_key = <SortKey as ValueType>::column_type();
    column.def().get_column_type() == &sort_key || SearchText::is_in(column)
}

/// The sort key of a text. Databases compare its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortKey(String);

impl SortKey {
    /// The sort key of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(sort_key(text))
    }
}

impl From<SortKey> for Value {
    fn from(key: SortKey) -> Self {
        key.0.into()
    }
}

impl TryGetable for SortKey {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        String::try_get_by(row, index).map(Self)
    }
}

impl ColumnValue for SortKey {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        String::from_binary(value).map(Self)
    }
}

impl ValueType for SortKey {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <String as ValueType>::try_from(value).map(Self)
    }

    fn type_name() -> String {
        "SortKey".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::custom("sort_key")
    }
}

impl Nullable for SortKey {
    fn null() -> Value {
        Value::String(None)
    }
}

/// The normalized text that is searched. Write-only: a row that was read has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchText(Option<String>);

/// The type of write-only columns.
const WRITE_ONLY: &str = "search_text";

impl SearchText {
    /// The searchable form of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Some(searchable(text)))
    }

    /// The searchable form of an optional text.
    #[must_use]
    pub fn of_maybe(text: Option<&str>) -> Self {
        Self(text.map(searchable))
    }

    /// The searchable form of a set of words.
    #[must_use]
    pub fn of_words(words: &[String]) -> Self {
        Self(Some(word_set(words.iter().map(String::as_str))))
    }

    /// Whether `column` is a search text.
    pub(crate) fn is_in(column: &impl ColumnTrait) -> bool {
        matches!(column.def().get_column_type(), ColumnType::Custom(name) if name.to_string() == WRITE_ONLY)
    }
}

impl From<SearchText> for Value {
    fn from(text: SearchText) -> Self {
        text.0.into()
    }
}

impl TryGetable for SearchText {
    fn try_get_by<I: ColIdx>(_: &QueryResult, _: I) -> Result<Self, TryGetError> {
        Ok(Self::default())
    }
}

impl ValueType for SearchText {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <Option<String> as ValueType>::try_from(value).map(Self)
    }

    fn type_name() -> String {
        "SearchText".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::custom(WRITE_ONLY)
    }
}

impl Nullable for SearchText {
    fn null() -> Value {
        Value::String(None)
    }
}
