//! Recommendations: which chapters the caller should read next.

use std::collections::HashMap;

use async_graphql::Context;
use hallpass::data::{Comparison as _, Filter, Order, PageRequest, Rows, Scope, Term};
use hallpass_entity::{ChapterId, chapter, progress};

use super::types::{Chapter, Recommendation};
use crate::domains::learners::profile;
use hallpass::access::RequestAuth;
use hallpass::graphql::{ContextExt as _, Result};
use hallpass::identity::Caller;

/// The first `first` chapters that the caller may read and has not completed: started ones, then those in their
/// interest area, oldest first. Each group has its own query, so that a statement reads no more rows than are
/// returned plus those that the caller has read. Drafts are never recommended.
pub(crate) async fn recommend(ctx: &Context<'_>, first: u64) -> Result<Vec<Recommendation>> {
    let reader = profile(ctx).await?;
    let interest = reader.interest.as_str();
    let area = Term::word(interest);
    let (started, unfinished) = candidates(ctx.scope(), ctx.request_auth())?;
    let mut found = Vec::<chapter::Model>::new();
    for (rows, area) in [
        (&started, area.as_ref()),
        (&started, None),
        (&unfinished, area.as_ref()),
        (&unfinished, None),
    ] {
        if found.len() as u64 == first {
            break;
        }
        // Up to `first` again: the result can contain chapters found before.
        let mut new = oldest(rows.clone(), area, first).await?;
        new.retain(|row| found.iter().all(|other| other.id != row.id));
        new.truncate(usize::try_from(first).unwrap_or_default() - found.len());
        found.extend(new);
    }
    let read = percentages(ctx.scope(), &found).await?;
    Ok(found.into_iter().map(|row| recommendation(row, &read, interest)).collect())
}

/// The chapters that the caller has started and not completed, and all that they have not completed; both within
/// their tier.
fn candidates(
    scope: &Scope,
    auth: &RequestAuth,
) -> Result<(Rows<chapter::Entity>, Rows<chapter::Entity>)> {
    use progress::Column::Percent;
    let tiers = &auth.policy.tiers;
    let held = auth.caller.as_deref().map_or(tiers.lowest(), Caller::tier);
    let reachable = tiers.names().iter().filter(|tier| tiers.reach(held, tier));
    let readable: Filter<chapter::Entity> =
        chapter::Column::RequiredTier.one_of(reachable.map(String::as_str));
    let started = Percent.greater_than(0).and(Percent.less_than(100));
    let started = scope.shared_with_own::<chapter::Entity, progress::Entity>(started)?;
    let completed = Percent.is(100);
    let unfinished = scope.shared_without_own::<chapter::Entity, progress::Entity>(completed)?;
    Ok((started.filter(readable.clone()), unfinished.filter(readable)))
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
    Ok(page.rows)
}

/// The caller's progress in each chapter, in percent.
async fn percentages(
    scope: &Scope,
    chapters: &[chapter::Model],
) -> Result<HashMap<ChapterId, i32>> {
    let in_these = progress::Column::ChapterId.one_of(chapters.iter().map(|row| row.id));
    let rows = scope.owned::<progress::Entity>()?.filter(in_these).all().await?;
    Ok(rows.into_iter().map(|row| (row.chapter_id, row.percent)).collect())
}

fn recommendation(
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
        because.push(format!("It matches your interest in {interest}."));
    }
    if because.is_empty() {
        because.push("You have not read it yet.".to_owned());
    }
    Recommendation { chapter: Chapter(chapter), because }
}
