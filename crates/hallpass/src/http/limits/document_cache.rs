//! Cache of parsed documents, and their limits. Size limits are checked before validation, whose time they bound;
//! the cost limit after it, so that an invalid field is reported first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_graphql::Variables;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};
use async_graphql::parser::{Error as ParseError, parse_query};
use aws_lc_rs::digest;
use moka::sync::Cache;

use super::block_strings::without_escapes;
use super::cost::{Cost, Measured, Overflow, measure};
use super::validation;
use super::validation::Invalid;
use super::weights::Weights;
use crate::access::SchemaView;
use crate::code;
use crate::config::Limits;
use crate::graphql::has_repeated_keys;
use crate::http::graphql::rejection::Rejection;
use crate::schema::SchemaForView;

/// Capacity of the cache, in tokens. A parsed token takes up to 300 bytes, so the cache takes at most about
/// 12 MiB.
const CACHE_CAPACITY: u64 = 40_000;
/// Longer documents are rare, and not cached.
const MAX_CACHED_BYTES: usize = 16 * 1024;
/// Root fields of one operation.
const MAX_ROOT_FIELDS: u64 = 20;
/// Directives of one operation.
const MAX_DIRECTIVES: u64 = 50;
/// Values in the arguments of one operation, including the elements of lists and objects.
const MAX_VALUES: u64 = 2_000;
/// Uses of variables in one operation: each copies the variable's value.
const MAX_VARIABLE_USES: u64 = 100;
/// Tokens of a document. The parser takes microseconds per token.
const MAX_TOKENS: usize = 5_000;
/// Fields of one operation; those of a fragment count once per spread.
const MAX_FIELDS: u64 = 2_000;
/// Operations in one document.
const MAX_OPERATIONS: usize = 10;

/// Parses documents, and caches them by their text.
pub struct DocumentCache {
    limits: Limits,
    introspection: bool,
    weights: Weights,
    parsed: Cache<Arc<str>, Arc<Document>>,
}

/// A document within the size limits.
pub(crate) struct Document {
    pub(crate) text: Arc<str>,
    sha256: digest::Digest,
    pub(crate) parsed: Arc<ExecutableDocument>,
    /// Whether fields of one response key must be merged.
    pub(crate) has_repeated_keys: bool,
    /// Whether an omitted variable may leave an argument at its default that must not be null.
    pub(crate) may_omit_required: AtomicBool,
    /// The cost, if no variable changes it.
    cost: Option<Cost>,
    /// The schema views that it was validated against: only a few.
    valid_for: RwLock<Vec<SchemaView>>,
}

impl Document {
    /// The SHA-256 of the text.
    pub(crate) fn sha256(&self) -> &[u8] {
        self.sha256.as_ref()
    }

    /// Validates the document against a schema view; once for each view.
    pub(crate) fn validate(&self, visible: &SchemaForView) -> Result<(), Invalid> {
        if self.valid_for.read().unwrap_or_else(PoisonError::into_inner).contains(&visible.view) {
            return Ok(());
        }
        let valid = validation::validate(&self.text, &self.parsed, &visible.types, &visible.rules)?;
        if valid.may_omit_required {
            self.may_omit_required.store(true, Ordering::Release);
        }
        self.valid_for.write().unwrap_or_else(PoisonError::into_inner).push(visible.view);
        Ok(())
    }
}

impl DocumentCache {
    /// An empty cache, with limits of the documents.
    #[must_use]
    pub fn new(limits: Limits, introspection: bool, weights: Weights) -> Self {
        let weight =
            |text: &Arc<str>, _: &Arc<Document>| u32::try_from(tokens(text)).unwrap_or(u32::MAX);
        Self {
            limits,
            introspection,
            weights,
            parsed: Cache::builder().max_capacity(CACHE_CAPACITY).weigher(weight).build(),
        }
    }

    /// Parses `query` or takes it from the cache, checks the size limits, and returns its cost.
    pub(crate) fn prepare(
        &self,
        query: &str,
        variables: &Variables,
    ) -> Result<(Arc<Document>, Cost), Rejection> {
        if let Some(document) = self.parsed.get(query) {
            let cost = self.measure(&document, variables)?;
            return Ok((document, cost));
        }
        let parsed = Arc::new(parse(query)?);
        let Measured { cost, depends_on_variables } = self.check_size(&parsed, variables)?;
        let constant = (!depends_on_variables).then_some(cost);
        let text: Arc<str> = query.into();
        let sha256 = digest::digest(&digest::SHA256, text.as_bytes());
        let valid_for = RwLock::default();
        let document = Document {
            text: Arc::clone(&text),
            sha256,
            has_repeated_keys: has_repeated_keys(&parsed),
            may_omit_required: AtomicBool::new(false),
            parsed,
            cost: constant,
            valid_for,
        };
        let document = Arc::new(document);
        if query.len() <= MAX_CACHED_BYTES {
            self.parsed.insert(text, Arc::clone(&document));
        }
        Ok((document, cost))
    }

    /// Checks the size limits of a document that is already parsed, and returns its cost.
    pub(crate) fn measure(
        &self,
        document: &Document,
        variables: &Variables,
    ) -> Result<Cost, Rejection> {
        match document.cost {
            Some(cost) => Ok(cost),
            None => self.check_size(&document.parsed, variables).map(|measured| measured.cost),
        }
    }

    /// Parses, measures and validates `query` as a request without variables.
    ///
    /// # Errors
    /// With the reason to reject it.
    pub(crate) fn check(
        &self,
        query: &str,
        visible: &SchemaForView,
    ) -> Result<Arc<Document>, String> {
        let of_rejection = |rejection: Rejection| rejection.reason();
        let (document, cost) = self.prepare(query, &Variables::default()).map_err(of_rejection)?;
        document.validate(visible).map_err(|invalid| match invalid {
            Invalid::Inputs(problems) => Rejection::inputs(&problems).reason(),
            Invalid::Document(errors) => Rejection::invalid(errors).reason(),
        })?;
        self.check_cost(&cost).map_err(of_rejection)?;
        Ok(document)
    }

    /// Checks the cost of a valid document against `MAX_COST`.
    pub(crate) fn check_cost(&self, cost: &Cost) -> Result<(), Rejection> {
        if cost.total() <= self.limits.cost {
            return Ok(());
        }
        let message = format!(
            "The query costs {}, and MAX_COST is {}: request fewer fields, shorter lists, or fewer \
             searches and counts.",
            cost.total(),
            self.limits.cost
        );
        Err(Rejection::over_limit(message, cost.total(), self.limits.cost))
    }

    fn check_size(
        &self,
        document: &ExecutableDocument,
        variables: &Variables,
    ) -> Result<Measured, Rejection> {
        let operations = document.operations.iter().count();
        check_limits("operations", operations as u64, MAX_OPERATIONS as u64)?;
        let measured =
            measure(document, variables, &self.weights).map_err(|error| match error {
                Overflow::Cycle => {
                    rejected("The query has a fragment that spreads itself.".to_owned())
                }
                Overflow::Unknown => Rejection::document(
                    code::GRAPHQL_VALIDATION_FAILED,
                    "The query spreads an undefined fragment.".to_owned(),
                ),
                Overflow::Depth => rejected("The query is nested too deeply.".to_owned()),
                Overflow::Name => rejected("The query has an alias that is too long.".to_owned()),
            })?;
        let cost = &measured.cost;
        if cost.asks_for_schema && !self.introspection {
            let message = "Introspection is disabled (INTROSPECTION is false).".to_owned();
            return Err(Rejection::document(code::GRAPHQL_VALIDATION_FAILED, message));
        }
        if cost.is_introspection_too_deep() {
            return Err(rejected("The query is nested too deeply.".to_owned()));
        }
        check_limits("levels of fields", cost.depth.into(), self.limits.depth.into())?;
        check_limits("fields", cost.fields, MAX_FIELDS)?;
        check_limits("root fields", cost.width, MAX_ROOT_FIELDS)?;
        check_limits("aliases", cost.aliases, self.limits.aliases)?;
        check_limits("values in arguments", cost.values, MAX_VALUES)?;
        check_limits("uses of variables", cost.uses, MAX_VARIABLE_USES)?;
        check_limits("directives", cost.directives, MAX_DIRECTIVES)?;
        Ok(measured)
    }
}

fn parse(query: &str) -> Result<ExecutableDocument, Rejection> {
    if tokens(query) > MAX_TOKENS {
        return Err(rejected(format!("The query has more than {MAX_TOKENS} tokens.")));
    }
    parse_query(without_escapes(query)).map_err(|error| {
        let position = error.positions().next().map_or_else(String::new, |position| {
            format!(" at line {}, column {}", position.line, position.column)
        });
        Rejection::document(code::GRAPHQL_PARSE_FAILED, format!("{}{position}.", problem(&error)))
    })
}

/// What is wrong with a document. The library's message quotes it.
fn problem(error: &ParseError) -> &'static str {
    match error {
        ParseError::MultipleOperations { .. } => {
            "An operation without a name must be the only one of its document: there is one"
        }
        ParseError::OperationDuplicated { .. } => "An operation has the name of another one:",
        ParseError::FragmentDuplicated { .. } => "A fragment has the name of another one:",
        ParseError::RecursionLimitExceeded => "The query is nested too deeply",
        _ => "Syntax error",
    }
}

/// The approximate number of tokens (section 2.1.6 of the GraphQL specification), counted without parsing: a name,
/// a number and a punctuator count one, a string counts two plus its words.
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

fn check_limits(what: &str, count: u64, limit: u64) -> Result<(), Rejection> {
    if count <= limit {
        return Ok(());
    }
    let message = format!("The query has {count} {what}, and {limit} are allowed.");
    Err(Rejection::over_limit(message, count, limit))
}

fn rejected(message: String) -> Rejection {
    Rejection::query(message)
}

/// The name of the operation that `name` selects, if it has one.
pub(crate) fn operation_name<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a str> {
    let mut operations = document.operations.iter();
    let (first, _) = operations.next()?;
    if operations.next().is_none() {
        return first.map(|name| name.as_str());
    }
    let mut names = document.operations.iter().filter_map(|(name, _)| name);
    names.find(|it| Some(it.as_str()) == name).map(|name| name.as_str())
}

/// The operation that `name` selects; `None` if there is none, which validation reports.
pub(crate) fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None | Some("")) => operation,
        (DocumentOperations::Single(_), Some(_)) => return None,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name)?,
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()?
        }
        (DocumentOperations::Multiple(_), None) => return None,
    };
    Some(&operation.node)
}
