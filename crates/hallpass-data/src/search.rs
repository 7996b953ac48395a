//! Trigram full-text search: FTS5 in SQLite, a GIN index on an array in PostgreSQL.
//!
//! Each searched table has a companion table `NAME_search` with the text of each row that may be
//! found; triggers maintain it (`crates/hallpass-migration/src/search_index.rs`). It has no owner and no policies,
//! because a condition that PostgreSQL must not check before a policy cannot use an index. So it holds
//! only what every caller who may search it may see.

use hallpass_text::Term;
use sea_orm::sea_query::{
    Alias, Expr, ExprTrait as _, Query, SelectStatement, SimpleExpr, SubQueryStatement,
};
use sea_orm::{Condition, DbBackend, Order};

use crate::filter::column;
use crate::page::id_column;
use crate::policy::Scoped;
use crate::rows::{ReadOnly, Rows};

/// The maximum number of matching rows, the latest written first: more can match a common term
/// than one request should read.
pub const MAX_MATCHES: u64 = 10_000;

/// A table with a trigram index.
pub trait Searched: Scoped {
    /// The name of the index, which is stored in the table `NAME_search`.
    const INDEX: &'static str;
}

/// Another trigram index of the table of `E`.
pub trait TextIndex<E: Scoped> {
    /// The name of the index, which is stored in the table `NAME_search`.
    const INDEX: &'static str;
}

/// The trigram index that a table has for [`Rows::search`].
enum Default {}

impl<E: Searched> TextIndex<E> for Default {
    const INDEX: &'static str = E::INDEX;
}

impl<E: Searched> Rows<E, ReadOnly> {
    /// Only rows whose search text contains `term`; of more than [`MAX_MATCHES`], those written last. Of
    /// owned rows, only public ones.
    #[must_use]
    pub fn search(self, term: &Term) -> Self {
        self.search_in::<Default>(term)
    }
}

impl<E: Scoped> Rows<E, ReadOnly> {
    /// As [`search`](Self::search), in the text of the index `I`.
    #[must_use]
    pub fn search_in<I: TextIndex<E>>(self, term: &Term) -> Self {
        let id = column(id_column::<E>());
        let found = match self.backend() {
            DbBackend::Sqlite => id.in_subquery(by_fts5(I::INDEX, term)),
            // Not `IN`: for a short page, PostgreSQL may then walk the rows in the order of the list, and
            // compare each with all matches.
            _ => {
                let rows = SubQueryStatement::SelectStatement(by_array(I::INDEX, term));
                let rows = SimpleExpr::SubQuery(None, Box::new(rows));
                Expr::cust_with_exprs("$1 = ANY(ARRAY $2)", [id, rows])
            }
        };
        self.with(Condition::all().add(found))
    }
}

fn by_array(index: &str, term: &Term) -> SelectStatement {
    // The index finds candidates by trigrams; the text shows whether they are adjacent. The sub-query hides the term
    // from the planner: for a common one it would split each text into trigrams rather than use the index.
    let holds: SimpleExpr = Expr::cust_with_values(
        "hallpass_trigrams(\"text\") @> (SELECT hallpass_trigrams($1)) AND strpos(\"text\", $2) > 0",
        [term.as_str(), term.as_str()],
    );
    let mut rows = Query::select();
    rows.column("row_id").from(Alias::new(format!("{index}_search"))).and_where(holds);
    rows.order_by("id", Order::Desc).limit(MAX_MATCHES);
    rows
}

fn by_fts5(index: &str, term: &Term) -> SelectStatement {
    // An FTS5 string literal: only the double quote is special within it.
    let phrase = format!("\"{}\"", term.as_str().replace('"', "\"\""));
    let holds = Expr::cust_with_values(format!("\"{index}_fts\" MATCH ?"), [phrase]);
    let mut found = Query::select();
    found.column("rowid").from(Alias::new(format!("{index}_fts"))).and_where(holds);
    found.order_by("rowid", Order::Desc).limit(MAX_MATCHES);
    let mut rows = Query::select();
    rows.column("row_id").from(Alias::new(format!("{index}_search")));
    rows.and_where(Expr::col("id").in_subquery(found));
    rows
}
