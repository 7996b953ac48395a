//! What of the schema a caller sees: what a caller like them could reach. The rest is left out before the
//! schema is built, so that introspection and validation know nothing of it either.

use std::cell::Cell;

use async_graphql::registry::{MetaField, MetaType, Registry};
use async_graphql::{Context, Value};

use super::decision::Subject;
use super::demand::Demand;
use super::rule::{RULES, Rule};

/// Which rules are within a caller's reach: what tells one view of the schema from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SchemaView(u64);

const _: () = assert!(RULES.len() <= 64, "a view has a bit for each rule");

thread_local! {
    /// The view that is being built. Types register themselves by associated functions, which take
    /// nothing but the registry.
    static CURRENT_VIEW: Cell<SchemaView> = const { Cell::new(SchemaView::FULL) };
}

impl SchemaView {
    /// Everything.
    pub const FULL: Self = Self(u64::MAX);

    /// What `asker` sees.
    #[must_use]
    pub fn of(asker: Subject<'_>) -> Self {
        let reach = |(at, rule): (usize, &Rule)| u64::from(rule.is_reachable(asker)) << at;
        Self(RULES.iter().enumerate().map(reach).sum())
    }

    /// Builds a schema of what is in this view. `build` has to register its types in this thread.
    pub fn build<T>(self, build: impl FnOnce() -> T) -> T {
        /// Put back even if building panics: the thread goes on to build others.
        struct ResetGuard(SchemaView);
        impl Drop for ResetGuard {
            fn drop(&mut self) {
                CURRENT_VIEW.set(self.0);
            }
        }
        let _before = ResetGuard(CURRENT_VIEW.replace(self));
        build()
    }

    /// Whether fields with the rule of this name are in the view.
    #[must_use]
    pub fn includes(self, rule: &str) -> bool {
        if self == Self::FULL {
            return true;
        }
        let at = RULES.iter().position(|known| known.name() == rule);
        at.is_some_and(|at| self.0 >> at & 1 == 1)
    }
}

/// The name of the rule that `field` states.
#[must_use]
pub fn rule_name_from_directive(field: &MetaField) -> Option<&str> {
    access_directive(field, "rule")
}

fn access_directive<'a>(field: &'a MetaField, argument: &str) -> Option<&'a str> {
    let stated = field.directive_invocations.iter().find(|stated| stated.name == "access")?;
    match stated.args.get(argument) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// What `field` demands, if it states a known rule.
#[must_use]
pub fn demand_directive(field: &MetaField) -> Option<Demand<'_>> {
    Some(
        Rule::named(rule_name_from_directive(field)?)?.with_scope(access_directive(field, "scope")),
    )
}

/// The demand of the field `object.field`, if the schema that the caller sees has one that states a rule.
#[must_use]
pub fn demand_of<'a>(ctx: &Context<'a>, object: &str, field: &str) -> Option<Demand<'a>> {
    demand_directive(ctx.schema_env.registry.types.get(object)?.field_by_name(field)?)
}

/// The types whose every field has to state a rule.
pub const ROOT_TYPES: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// Leaves out the fields of `object` that are not in the view being built. One whose rule is not known is
/// in none, and neither is a root field that states none.
pub fn prune(registry: &mut Registry, object: &str) {
    let view = CURRENT_VIEW.get();
    if let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(object) {
        let unstated = !ROOT_TYPES.contains(&object) || view == SchemaView::FULL;
        fields.retain(|_, field| {
            rule_name_from_directive(field).map_or(unstated, |rule| view.includes(rule))
        });
    }
}
