//! List of known users: every user who has made an authenticated request. Administrators only.

use async_graphql::{Context, InputObject};
use hallpass_data::known_user::{Column, Entity};
use hallpass_data::{Order, Rows, Term};

use super::User;
use crate::access::{ADMIN, guarded};
use crate::graphql::{
    Connection, Constrained, Constraint, ContextExt as _, NamedOrder, Page, Result, Validator,
    paginate_open,
};

/// Stored names are not longer, so a longer search cannot match.
const SEARCH: Constraint<'_> = Constraint::text(0, 320);

/// User filter. All given conditions must match.
#[derive(Clone, Debug, Default, InputObject)]
pub struct UserFilter {
    /// Text contained in the ID, the e-mail address or the name, at most 320 characters. Ignores case, accents
    /// and letter variants. A text of one or two letters matches words that begin with it. If more than 10,000
    /// users match, only the most recently changed ones are considered.
    #[graphql(directive = Constrained::apply(SEARCH))]
    pub text: Option<String>,
}

impl UserFilter {
    /// Applies the filter to `known`.
    fn narrow(self, known: Rows<Entity>) -> Result<Rows<Entity>> {
        let mut validator = Validator::default();
        let text = self.text.map(|text| validator.text("filter.text", &text, &SEARCH));
        validator.finish()?;
        Ok(match text.as_deref().and_then(Term::new) {
            Some(term) => known.search(&term),
            None => known,
        })
    }
}

/// Queries for known users.
#[derive(Default)]
pub struct KnownUserQuery;

#[guarded(Query, domain = "users")]
impl KnownUserQuery {
    /// Known users, most recent `firstSeen` first.
    #[graphql(guard = "ADMIN")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        page: Page,
        filter: Option<UserFilter>,
    ) -> Result<Connection<User>> {
        let newcomers =
            NamedOrder { name: "firstSeen".to_owned(), order: Order::by(Column::FirstSeen, true) };
        let known = ctx.scope().all::<Entity>(ADMIN.authorize(ctx).await?);
        let known = filter.unwrap_or_default().narrow(known)?;
        paginate_open(known, &newcomers, &page, User::Known).await
    }
}
