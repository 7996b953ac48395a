//! What to read next.

use std::collections::HashMap;

use async_graphql::Context;
use hallpass_entity::{
    ChapterId, Comparison as _, Filter, Order, PageRequest, Rows, Scope, Term, chapter, progress,
};

use super::types::Recommendation;
use crate::access::RequestAuth;
use crate::domains::learners::profile;
use crate::graphql::{ContextExt as _, Result};
use crate::identity::Caller;

/// The `first` chapters that the caller may read and has not finished: those begun, then those of their
/// interest, the oldest first. Each group is asked for by itself, so that a statement reads no more than
/// what is answered and what the caller has read. Drafts are recommended to no one.
pub(crate) async fn recommend(ctx: &Context<'_>, first: u64) -> Result<Vec<Recommendation>> {
    let interest = profile(ctx).await?.interest;
    let area = Term::word(&interest);
    let (begun, unfinished) = candidates(ctx.scope(), ctx.request_auth())?;
    let mut found = Vec::<chapter::Model>::new();
    for (rows, area) in
        [(&begun, area.as_ref()), (&begun, None), (&unfinished, area.as_ref()), (&unfinished, None)]
    {
        if found.len() as u64 == first {
            break;
        }
        // As many as are wanted in all: those found already are among them.
        let mut new = oldest(rows.clone(), area, first).await?;
        new.retain(|row| found.iter().all(|other| other.id != row.id));
        new.truncate(usize::try_from(first).unwrap_or_default() - found.len());
        found.extend(new);
    }
    let read = percentages(ctx.scope(), &found).await?;
    Ok(found.into_iter().map(|row| reasoned(row, &read, &interest)).collect())
}

/// The chapters that the caller has begun and not finished, and all that they have not finished; of
/// both, those of their tier.
fn candidates(
    scope: &Scope,
    asking: &RequestAuth,
) -> Result<(Rows<chapter::Entity>, Rows<chapter::Entity>)> {
    use progress::Column::Percent;
    let tiers = &asking.policy.tiers;
    let held = asking.caller.as_deref().map_or(tiers.lowest(), Caller::tier);
    let within_reach = tiers.names().iter().filter(|tier| tiers.reach(held, tier));
    let readable: Filter<chapter::Entity> =
        chapter::Column::RequiredTier.one_of(within_reach.map(String::as_str));
    let begun = Percent.greater_than(0).and(Percent.less_than(100));
    let begun = scope.shared_with_own::<chapter::Entity, progress::Entity>(begun)?;
    let finished = Percent.is(100);
    let unfinished = scope.shared_without_own::<chapter::Entity, progress::Entity>(finished)?;
    Ok((begun.filter(readable.clone()), unfinished.filter(readable)))
}

async fn oldest(
    rows: Rows<chapter::Entity>,
    area: Option<&Term>,
    limit: u64,
) -> Result<Vec<chapter::Model>> {
    let rows = match area {
        Some(area) => rows.search(area),
        None => rows,
    };
    let oldest_first = Order::by(chapter::Column::CreatedAt, false);
    let page = rows.page(&oldest_first, &PageRequest { limit, ..PageRequest::default() }).await?;
    Ok(page.rows.into_iter().map(|(_, row)| row).collect())
}

/// How much the caller has read of each chapter.
async fn percentages(
    scope: &Scope,
    chapters: &[chapter::Model],
) -> Result<HashMap<ChapterId, i32>> {
    let in_these = progress::Column::ChapterId.one_of(chapters.iter().map(|row| row.id));
    let rows = scope.owned::<progress::Entity>()?.filter(in_these).all().await?;
    Ok(rows.into_iter().map(|row| (row.chapter_id, row.percent)).collect())
}

fn reasoned(
    chapter: chapter::Model,
    read: &HashMap<ChapterId, i32>,
    interest: &str,
) -> Recommendation {
    let percent = read.get(&chapter.id).copied().unwrap_or(0);
    let area = Term::word(interest);
    let mut because = Vec::new();
    if percent > 0 {
        because.push(format!("You have read {percent} % of it."));
    }
    if area.is_some() && chapter.interests.areas().iter().any(|other| Term::word(other) == area) {
        because.push(format!("It is about {interest}, which interests you."));
    }
    if because.is_empty() {
        because.push("You have not read it yet.".to_owned());
    }
    Recommendation { chapter: chapter.into(), because }
}
