//! Documents: parsed once, counted on each request, refused before anything runs. Limits of size come before
//! validation, whose time they bound; the cost comes after it, so that a wrong field is told first.

use std::sync::{Arc, PoisonError, RwLock};

use async_graphql::Variables;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};
use moka::sync::Cache;

use super::answer::Rejection;
use super::cost::{Cost, Endless, measure};
use super::validation::{self, Invalid};
use crate::access::View;
use crate::config::Limits;
use crate::graphql::code;
use crate::schema::Seen;

/// Remembered documents, together, in tokens. A parsed token takes up to 300 bytes, so this is at most
/// some 12 MiB.
const REMEMBERED: u64 = 40_000;
/// A longer document is rare and parsed each time.
const LONGEST_REMEMBERED: usize = 16 * 1024;
/// Root fields of one operation.
const MOST_ROOT_FIELDS: u64 = 20;
/// Directives of one operation.
const MOST_DIRECTIVES: u64 = 50;
/// Values in the arguments of one operation, the parts of lists and objects included.
const MOST_VALUES: u64 = 2_000;
/// Uses of variables in one operation: each is a copy of the variable's value.
const MOST_USES: u64 = 100;
/// Names, numbers, texts and signs of a document. The parser takes microseconds for each.
const MOST_TOKENS: usize = 5_000;
/// Fields of one operation, those of fragments once for each spread.
const MOST_FIELDS: u64 = 2_000;
/// Operations in one document.
const MOST_OPERATIONS: usize = 10;

/// Parses documents and remembers them by their whole text.
pub(super) struct Documents {
    limits: Limits,
    introspection: bool,
    parsed: Cache<String, Arc<Document>>,
}

/// A document that is within the limits of size.
pub(super) struct Document {
    pub(super) parsed: Arc<ExecutableDocument>,
    /// The views of the schema that it fits: a handful.
    fits: RwLock<Vec<View>>,
}

impl Document {
    /// Whether the document, whose text is `query`, fits the schema as it is seen; looked at once for each view.
    pub(super) fn validate(&self, query: &str, seen: &Seen) -> Result<(), Invalid> {
        if self.fits.read().unwrap_or_else(PoisonError::into_inner).contains(&seen.view) {
            return Ok(());
        }
        validation::validate(query, &self.parsed, &seen.types, &seen.rules)?;
        self.fits.write().unwrap_or_else(PoisonError::into_inner).push(seen.view);
        Ok(())
    }
}

impl Documents {
    pub(super) fn new(limits: Limits, introspection: bool) -> Self {
        let weight =
            |text: &String, _: &Arc<Document>| u32::try_from(tokens(text)).unwrap_or(u32::MAX);
        Self {
            limits,
            introspection,
            parsed: Cache::builder().max_capacity(REMEMBERED).weigher(weight).build(),
        }
    }

    /// The document `query`, within the limits of size, and its cost.
    pub(super) fn prepare(
        &self,
        query: &str,
        variables: &Variables,
    ) -> Result<(Arc<Document>, Cost), Rejection> {
        if let Some(document) = self.parsed.get(query) {
            let cost = self.check_size(&document.parsed, variables)?;
            return Ok((document, cost));
        }
        let parsed = Arc::new(parse(query)?);
        let cost = self.check_size(&parsed, variables)?;
        let document = Arc::new(Document { parsed, fits: RwLock::default() });
        if query.len() <= LONGEST_REMEMBERED {
            self.parsed.insert(query.to_owned(), Arc::clone(&document));
        }
        Ok((document, cost))
    }

    /// Holds the cost of a valid document against `MAX_COST`.
    pub(super) fn check_cost(&self, cost: &Cost) -> Result<(), Rejection> {
        if cost.total() <= self.limits.cost {
            return Ok(());
        }
        Err(rejected(format!(
            "The query costs {}, and MAX_COST is {}: ask for fewer fields, shorter lists, or fewer \
             searches and counts.",
            cost.total(),
            self.limits.cost
        )))
    }

    fn check_size(
        &self,
        document: &ExecutableDocument,
        variables: &Variables,
    ) -> Result<Cost, Rejection> {
        let operations = document.operations.iter().count();
        within("operations", operations as u64, MOST_OPERATIONS as u64)?;
        let cost = measure(document, variables).map_err(|endless| match endless {
            Endless::Cycle => rejected("The query has a fragment that spreads itself.".to_owned()),
            Endless::Unknown => Rejection::document(
                code::GRAPHQL_VALIDATION_FAILED,
                "The query spreads a fragment that it does not define.".to_owned(),
            ),
            Endless::Depth => rejected("The query is nested too deeply.".to_owned()),
            Endless::Name => rejected("The query has an alias that is too long.".to_owned()),
        })?;
        if cost.asks_for_schema && !self.introspection {
            let message = "This server does not show its schema: INTROSPECTION is off.".to_owned();
            return Err(Rejection::document(code::GRAPHQL_VALIDATION_FAILED, message));
        }
        if cost.is_introspection_too_deep() {
            return Err(rejected("The query is nested too deeply.".to_owned()));
        }
        within("levels of fields", cost.depth.into(), self.limits.depth.into())?;
        within("fields", cost.fields, MOST_FIELDS)?;
        within("root fields", cost.width, MOST_ROOT_FIELDS)?;
        within("aliases", cost.aliases, self.limits.aliases)?;
        within("values in arguments", cost.values, MOST_VALUES)?;
        within("uses of variables", cost.uses, MOST_USES)?;
        within("directives", cost.directives, MOST_DIRECTIVES)?;
        Ok(cost)
    }
}

fn parse(query: &str) -> Result<ExecutableDocument, Rejection> {
    if tokens(query) > MOST_TOKENS {
        return Err(rejected(format!("The query is longer than {MOST_TOKENS} words and signs.")));
    }
    parse_query(query).map_err(|error| {
        let place = error.positions().next().map_or_else(String::new, |position| {
            format!(" at line {}, column {}", position.line, position.column)
        });
        Rejection::document(code::GRAPHQL_PARSE_FAILED, format!("Syntax error{place}."))
    })
}

/// About how many tokens the text has (section 2.1.6 of the GraphQL specification), counted without
/// parsing: a word is one, a sign is one, a text in quotes is two and its words.
fn tokens(query: &str) -> usize {
    let mut inside_word = false;
    query
        .bytes()
        .filter(|byte| {
            let is_word = byte.is_ascii_alphanumeric() || b"_.-".contains(byte) || !byte.is_ascii();
            let begins =
                if is_word { !inside_word } else { !byte.is_ascii_whitespace() && *byte != b',' };
            inside_word = is_word;
            begins
        })
        .count()
}

fn within(what: &str, count: u64, most: u64) -> Result<(), Rejection> {
    if count <= most {
        return Ok(());
    }
    Err(rejected(format!("The query has {count} {what}, and {most} are allowed.")))
}

fn rejected(message: String) -> Rejection {
    Rejection::query(message)
}

/// The operation that `name` selects; none when it selects none, which validation says.
pub(super) fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name)?,
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()?
        }
        (DocumentOperations::Multiple(_), None) => return None,
    };
    Some(&operation.node)
}
