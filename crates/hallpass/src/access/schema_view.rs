//! Schema views: the fields that a kind of caller can reach. Other fields are removed before the schema is built, so
//! that introspection and validation treat them as nonexistent.

use std::cell::Cell;

use async_graphql::registry::{MetaField, MetaType, Registry};
use async_graphql::{Context, Value};

use super::demand::Demand;
use super::rule::{Rule, with_registered};
use super::subject::Subject;

/// A view of the schema: a bit set of the registered rules that a caller can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SchemaView(u128);

thread_local! {
    /// The view being built. Thread-local, because types register themselves by associated functions with no
    /// parameter but the registry.
    static CURRENT_VIEW: Cell<SchemaView> = const { Cell::new(SchemaView::FULL) };
}

impl SchemaView {
    /// All fields.
    pub const FULL: Self = Self(u128::MAX);

    /// The view of `subject`. The rules of its schema must be registered.
    ///
    /// # Panics
    /// If there are more than 128 rules.
    #[must_use]
    pub fn of(subject: Subject<'_>) -> Self {
        let reach = |(at, rule): (usize, &Rule)| u128::from(rule.is_reachable(subject)) << at;
        with_registered(|rules| {
            assert!(rules.len() <= 128, "a view has one bit per rule: use at most 128 rules");
            Self(rules.iter().enumerate().map(reach).sum())
        })
    }

    /// Builds a schema of this view. `build` must register its types on this thread.
    pub fn build<T>(self, build: impl FnOnce() -> T) -> T {
        /// Restores the view, also after a panic: the thread builds other schemas later.
        struct ResetGuard(SchemaView);
        impl Drop for ResetGuard {
            fn drop(&mut self) {
                CURRENT_VIEW.set(self.0);
            }
        }
        let _before = ResetGuard(CURRENT_VIEW.replace(self));
        build()
    }

    /// Whether fields with this rule are in the view.
    #[must_use]
    pub fn includes(self, rule: &str) -> bool {
        if self == Self::FULL {
            return true;
        }
        let at = Rule::named(rule).and_then(|rule| {
            with_registered(|rules| rules.iter().position(|known| *known == rule))
        });
        at.is_some_and(|at| self.0 >> at & 1 == 1)
    }
}

/// The name of the rule of `field`, if any.
#[must_use]
pub fn rule_name_from_directive(field: &MetaField) -> Option<&str> {
    access_directive(field, "rule")
}

fn access_directive<'a>(field: &'a MetaField, argument: &str) -> Option<&'a str> {
    let access = field.directive_invocations.iter().find(|it| it.name == "access")?;
    match access.args.get(argument) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The demand of `field`, if it has a known rule.
#[must_use]
pub fn demand_directive(field: &MetaField) -> Option<Demand<'_>> {
    Some(
        Rule::named(rule_name_from_directive(field)?)?.with_scope(access_directive(field, "scope")),
    )
}

/// The demand of the field `object.field`, if the field is in the schema that the caller sees and has a rule.
#[must_use]
pub fn demand_of<'a>(ctx: &Context<'a>, object: &str, field: &str) -> Option<Demand<'a>> {
    demand_directive(ctx.schema_env.registry.types.get(object)?.field_by_name(field)?)
}

/// The root types. All of their fields must have a rule.
pub const ROOT_TYPES: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// Whether fields with this rule are in the view being built.
pub fn is_in_view(rule: Rule) -> bool {
    CURRENT_VIEW.get().includes(&rule.name())
}

/// Removes the fields of `object` that are not in the view being built. Fields with an unknown rule, and root fields
/// without a rule, are in no view but the full one.
pub fn prune(registry: &mut Registry, object: &str) {
    let view = CURRENT_VIEW.get();
    if let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(object) {
        let keeps_ruleless = !ROOT_TYPES.contains(&object) || view == SchemaView::FULL;
        fields.retain(|_, field| {
            rule_name_from_directive(field).map_or(keeps_ruleless, |rule| view.includes(rule))
        });
    }
}
