//! Users who were here, listed for administrators.

use async_graphql::{Context, InputObject, Object};
use hallpass_entity::known_user::{Column, Entity};
use hallpass_entity::{Order, Rows, Term};

use super::User;
use crate::access::{ADMIN, guarded, semantic_non_null};
use crate::graphql::{
    Connection, ContextExt as _, NamedOrder, PageArgs, Result, Validator, paginate,
};

/// Longer than what is kept of a name: a search for more finds nothing.
const LONGEST_SEARCH: usize = 320;

/// Which users. Everything given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct UserFilter {
    /// With this text somewhere in the id, the e-mail address or the name, at most 320 characters. Case,
    /// accents and forms of letters do not count. A text of one or two letters finds the words that begin
    /// with it. Of more than 10,000 users that match, those who changed last are looked at.
    pub text: Option<String>,
}

impl UserFilter {
    /// Those of `known` that are asked for.
    fn narrow(self, known: Rows<Entity>) -> Result<Rows<Entity>> {
        let mut checks = Validator::default();
        let text = self.text.map(|text| checks.text("filter.text", &text, 0, LONGEST_SEARCH));
        checks.finish()?;
        Ok(match text.as_deref().and_then(Term::new) {
            Some(term) => known.search(&term),
            None => known,
        })
    }
}

/// The query for known users.
#[derive(Default)]
pub struct KnownUserQuery;

#[guarded(Query, domain = "users")]
#[Object]
impl KnownUserQuery {
    /// The users who were here, the latest newcomer first.
    #[graphql(guard = "ADMIN", directive = semantic_non_null::apply())]
    async fn users(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<UserFilter>,
    ) -> Result<Option<Connection<User>>> {
        let newcomers =
            NamedOrder { name: "firstSeen".to_owned(), order: Order::by(Column::FirstSeen, true) };
        let args = PageArgs::new(first, after, last, before);
        let known = ctx.scope().all::<Entity>(ADMIN.authorize(ctx).await?);
        let known = filter.unwrap_or_default().narrow(known)?;
        paginate(known, &newcomers, &args, User::Known).await.map(Some)
    }
}
