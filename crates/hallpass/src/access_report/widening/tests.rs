//! Forty changes that widen access, and forty that do not, through tables read from JSON.

use std::sync::Arc;

use clap::{Args as _, FromArgMatches as _};
use serde_json::json;

use super::*;
use crate::access::Rule::{
    AllOf, AnyOf, Fresh, FreshForTopTier, NotAnonymous, NotImpersonated, Owner, Permission, Public,
    Role, RowTier, Service, SignedIn, Tier,
};
use crate::access::{RECENTLY_AUTHENTICATED_ADMIN, STEP_UP_ADMIN};
use crate::access_report::{
    AccessChange, BaselineError, Cell, Column, Row, RuleTree, Table, matrix,
};
use crate::config::OwnershipDenial;

/// A field, and the settings under which it is used.
#[derive(Clone, Copy)]
struct Field {
    rule: Option<Rule>,
    scope: Option<&'static str>,
    tiers: &'static str,
    roles: &'static str,
    full_client: Option<&'static str>,
}

const fn by(rule: Rule) -> Field {
    let (tiers, roles) = ("free,silver,gold", "admin>editor>user");
    Field { rule: Some(rule), scope: None, tiers, roles, full_client: None }
}

const fn scoped(rule: Rule, scope: &'static str) -> Field {
    Field { scope: Some(scope), ..by(rule) }
}

const fn with_tiers(rule: Rule, tiers: &'static str) -> Field {
    Field { tiers, ..by(rule) }
}

const fn with_roles(rule: Rule, roles: &'static str) -> Field {
    Field { roles, ..by(rule) }
}

const A: Rule = Permission("a");
const B: Rule = Permission("b");
const C: Rule = Permission("c");
const ADMIN: Rule = Role("admin");
const EDITOR: Rule = Role("editor");
const ROW_READER: Rule = AllOf(&[RowTier, FreshForTopTier(900)]);
const FRESH_ROW: Rule = AllOf(&[RowTier, FreshForTopTier(900)]);

/// Before, after, and the caller who is allowed by the second only. None of these moves a cell of the personas'.
#[rustfmt::skip]
const UNSEEN: &[(Field, Field, &str)] = &[
    (by(EDITOR), by(AnyOf(&[EDITOR, A])), "--permission a"),
    (by(EDITOR), by(AnyOf(&[EDITOR, Role("support")])), "--role support"),
    (by(RECENTLY_AUTHENTICATED_ADMIN), by(ADMIN), "--role admin"),
    (by(AllOf(&[ADMIN, Fresh(300)])), by(RECENTLY_AUTHENTICATED_ADMIN), "--role admin --confirmed-ago 899s"),
    (by(AllOf(&[ADMIN, Fresh(9)])), by(AllOf(&[ADMIN, Fresh(10)])), "--role admin --confirmed-ago 9500ms"),
    (by(STEP_UP_ADMIN), by(AllOf(&[ADMIN, Fresh(300)])), "--role admin --confirmed-ago 299s --impersonated"),
    (by(AllOf(&[SignedIn, NotAnonymous])), by(SignedIn), "--caller guest-user"),
    (by(AllOf(&[Owner, NotAnonymous])), by(Owner), "--caller guest-user, own row"),
    (by(NotAnonymous), by(Fresh(900)), "--caller guest-user --confirmed-ago 899s"),
    (by(AllOf(&[A, B])), by(A), "--permission a"),
    (by(A), by(AnyOf(&[A, AllOf(&[Service, B])])), "--caller service --permission b"),
    (by(AllOf(&[ADMIN, A])), by(AllOf(&[ADMIN, AnyOf(&[A, B])])), "--role admin --permission b"),
    (by(AllOf(&[ADMIN, AnyOf(&[A, AllOf(&[B, C])])])), by(AllOf(&[ADMIN, AnyOf(&[A, B])])), "--role admin --permission b"),
    (by(AllOf(&[Tier("silver"), A])), by(AllOf(&[Tier("silver"), AnyOf(&[A, Role("tester")])])), "--role tester --tier silver"),
    (by(AnyOf(&[AllOf(&[EDITOR, Fresh(60)]), AllOf(&[ADMIN, Fresh(60)])])), by(AnyOf(&[EDITOR, ADMIN])), "--role editor"),
    (by(ROW_READER), by(RowTier), "--tier gold, requiredTier gold"),
    (by(AllOf(&[RowTier, FreshForTopTier(300)])), by(ROW_READER), "--tier gold --confirmed-ago 899s, requiredTier gold"),
    (scoped(SignedIn, "notes:admin"), scoped(SignedIn, "notes:read"), "--caller user --client client-1 --scope notes:read"),
    (scoped(SignedIn, "a b"), scoped(SignedIn, "a"), "--caller user --client client-1 --scope a"),
    (scoped(SignedIn, "a"), by(SignedIn), "--caller user --client client-1"),
    (scoped(Public, "{type}:read"), by(Public), "--caller user --client client-1"),
    (scoped(Public, "{type}:read"), scoped(Public, "a"), "--caller user --client client-1 --scope a"),
    (scoped(AllOf(&[SignedIn, Fresh(60)]), "a b"), scoped(SignedIn, "b"), "--caller user"),
    (scoped(SignedIn, "a"), Field { full_client: Some("own"), ..scoped(SignedIn, "a") }, "--caller user --client own"),
    (scoped(SignedIn, "a"), Field { full_client: Some("*"), ..scoped(SignedIn, "a") }, "--caller user --client client-1"),
    (with_roles(EDITOR, "admin>editor"), with_roles(EDITOR, "admin>editor,support>editor"), "--role support"),
    (with_tiers(Tier("silver"), "free,silver"), with_tiers(Tier("silver"), "free,silver,staff"), "--tier staff"),
    (with_tiers(FRESH_ROW, "free,silver"), with_tiers(FRESH_ROW, "free,silver,staff"), "--tier silver, requiredTier silver"),
];

/// The same, where a persona gets more.
#[rustfmt::skip]
const SEEN: &[(Field, Field, &str)] = &[
    (by(SignedIn), by(Public), "--caller anonymous"),
    (by(ADMIN), by(SignedIn), "--caller user"),
    (by(Tier("gold")), by(Tier("silver")), "--tier silver"),
    (by(Tier("silver")), by(Tier("free")), "--caller anonymous"),
    (by(RowTier), by(Public), "--caller anonymous"),
    (by(Owner), by(SignedIn), "--caller user"),
    (by(Owner), by(AnyOf(&[Owner, EDITOR])), "--role editor"),
    (by(SignedIn), by(AnyOf(&[SignedIn, Service])), "--caller service"),
    (by(AllOf(&[EDITOR, Tier("silver")])), by(AnyOf(&[EDITOR, Tier("silver")])), "--tier silver"),
    (by(AllOf(&[SignedIn, NotImpersonated])), by(SignedIn), "--caller user --impersonated"),
    (with_tiers(Tier("gold"), "free,silver,gold"), with_tiers(Tier("gold"), "free,gold,silver"), "--tier silver"),
    (Field { rule: None, ..by(Public) }, by(AllOf(&[A, SignedIn])), "--permission a"),
];

/// Pairs of rules that allow the same callers.
#[rustfmt::skip]
const REWRITES: &[(Field, Field)] = &[
    (by(AnyOf(&[EDITOR, A])), by(AnyOf(&[A, EDITOR]))),
    (by(RECENTLY_AUTHENTICATED_ADMIN), by(AllOf(&[Fresh(900), ADMIN]))),
    (by(A), by(AnyOf(&[A, A]))),
    (by(A), by(AllOf(&[A, A]))),
    (by(A), by(AnyOf(&[A]))),
    (by(A), by(AllOf(&[AllOf(&[A])]))),
    (by(A), by(AnyOf(&[A, AllOf(&[A, B])]))),
    (by(A), by(AllOf(&[A, AnyOf(&[A, B])]))),
    (by(AnyOf(&[EDITOR, ADMIN])), by(EDITOR)),
    (by(AnyOf(&[Role("user"), EDITOR, ADMIN])), by(Role("user"))),
    (by(AllOf(&[EDITOR, ADMIN])), by(ADMIN)),
    (by(AllOf(&[ADMIN, AnyOf(&[A, B])])), by(AnyOf(&[AllOf(&[ADMIN, A]), AllOf(&[ADMIN, B])]))),
    (by(AnyOf(&[ADMIN, AllOf(&[A, B])])), by(AllOf(&[AnyOf(&[ADMIN, A]), AnyOf(&[ADMIN, B])]))),
    (by(AllOf(&[A, AllOf(&[B, C])])), by(AllOf(&[AllOf(&[C, A]), B]))),
    (by(AnyOf(&[A, AnyOf(&[B, C])])), by(AnyOf(&[C, B, A]))),
    (by(AnyOf(&[Tier("silver"), Tier("gold")])), by(Tier("silver"))),
    (by(AllOf(&[Tier("silver"), Tier("gold")])), by(Tier("gold"))),
    (by(AllOf(&[ADMIN, Fresh(300), Fresh(900)])), by(AllOf(&[ADMIN, Fresh(300)]))),
    (by(AnyOf(&[Fresh(300), Fresh(900)])), by(Fresh(900))),
    (by(AllOf(&[Fresh(900), FreshForTopTier(900)])), by(Fresh(900))),
    (by(AnyOf(&[Fresh(900), FreshForTopTier(900)])), by(FreshForTopTier(900))),
    (by(AllOf(&[ROW_READER, FreshForTopTier(3600)])), by(ROW_READER)),
    (by(AllOf(&[Owner, SignedIn])), by(Owner)),
    (by(AnyOf(&[Owner, SignedIn])), by(SignedIn)),
    (by(AllOf(&[Public, A])), by(A)),
    (by(AnyOf(&[Public, A])), by(Public)),
    (by(AllOf(&[EDITOR, SignedIn])), by(EDITOR)),
    (by(AnyOf(&[A, AllOf(&[Service, SignedIn])])), by(A)),
    (by(AnyOf(&[A, AllOf(&[Service, ADMIN])])), by(A)),
    (by(AnyOf(&[NotAnonymous, Service])), by(NotAnonymous)),
    (by(AllOf(&[Service, NotImpersonated])), by(Service)),
    (by(Tier("free")), by(Public)),
    (by(AllOf(&[RowTier, Tier("free")])), by(RowTier)),
    (by(AllOf(&[Tier("gold"), SignedIn])), by(Tier("gold"))),
    (by(AnyOf(&[A, Tier("unknown")])), by(A)),
    (by(AllOf(&[])), by(Public)),
    (by(AnyOf(&[A, AnyOf(&[])])), by(A)),
    (scoped(SignedIn, "a b"), scoped(SignedIn, "b a a")),
    (scoped(AnyOf(&[SignedIn, Public]), "a b"), scoped(Public, "b a")),
    (with_roles(AnyOf(&[EDITOR, Role("user")]), "admin>editor>user"), with_roles(Role("user"), "editor>user,admin>editor,admin>user")),
];

impl Field {
    fn policy(&self) -> Policy {
        Policy { tiers: self.tiers.parse().unwrap(), roles: self.roles.parse().unwrap() }
    }

    fn full_clients(&self) -> Vec<String> {
        self.full_client.into_iter().map(str::to_owned).collect()
    }

    /// The table of a schema with this field, read from JSON.
    fn table(&self) -> Table {
        let (policy, columns) = (self.policy(), personas(self));
        let mut settings = matrix::settings(&policy, OwnershipDenial::Hide);
        settings.insert("OAUTH_FULL_CLIENTS".to_owned(), self.full_clients().into_iter().collect());
        let row = |rule: Rule| Row {
            field: "Query.field".to_owned(),
            rule: rule.name(),
            rule_tree: rule.into(),
            scope: self.scope.map(str::to_owned),
            required_tier: None,
            cells: columns.iter().map(|column| cell(rule, column, &policy)).collect(),
        };
        let table = json!({
            "rows": self.rule.iter().map(|rule| row(*rule)).collect::<Vec<_>>(),
            "callers": columns.iter().map(|it| (it.name.clone(), "")).collect::<serde_json::Value>(),
            "settings": settings, "tiers": policy.tiers.names(), "rules": {}, "gives": {}, "open": {},
        });
        Table::from_json(&table.to_string()).unwrap()
    }

    fn allows(&self, example: &Counterexample) -> bool {
        let policy = self.policy();
        let caller = example.caller.caller(&policy.tiers, &self.full_clients());
        let facts = ResourceAttributes {
            is_owner: example.is_owner,
            required_tier: example.required_tier.as_deref(),
        };
        let subject = Subject { caller: caller.as_caller(), policy: &policy };
        let scope = self.scope.filter(|scope| !scope.starts_with('{'));
        self.rule.is_some_and(|rule| rule.with_scope(scope).decide(subject, facts).is_ok())
    }
}

fn cell(rule: Rule, column: &Column, policy: &Policy) -> Cell {
    let tier = rule.contains_rule(|rule| rule == RowTier).then_some("gold");
    let answer = matrix::result(rule, column, tier, false, policy).to_owned();
    Cell { caller: column.name.clone(), answer }
}

/// The personas of development, confirmed just now, and the owner of a row.
fn personas(field: &Field) -> Vec<Column> {
    let persona = |name: &'static str, kind, role: &str, tier: &str| {
        let profile = CallerProfile {
            kind: Some(kind),
            roles: Some(role).filter(|it| !it.is_empty()).map(str::to_owned).into_iter().collect(),
            tier: Some(tier).filter(|it| !it.is_empty()).map(str::to_owned),
            confirmed_ago: Some(Duration::ZERO),
            impersonated: name == "impersonated",
            ..CallerProfile::default()
        };
        let caller = profile.caller(&field.policy().tiers, &field.full_clients());
        let caller = caller.as_caller().cloned().map(Arc::new);
        Column { name: name.to_owned(), caller, is_owner: name == "owner" }
    };
    vec![
        persona("guest", ProfileKind::Anonymous, "", ""),
        persona("free", ProfileKind::User, "user", "free"),
        persona("silver", ProfileKind::User, "user", "silver"),
        persona("gold", ProfileKind::User, "user", "gold"),
        persona("editor", ProfileKind::User, "editor", "free"),
        persona("admin", ProfileKind::User, "admin", "gold"),
        persona("impersonated", ProfileKind::User, "user", "free"),
        persona("service", ProfileKind::Service, "", ""),
        persona("owner", ProfileKind::User, "user", "free"),
    ]
}

/// The profile that `hallpass explain` reads from these options.
fn parsed(options: &str) -> CallerProfile {
    let command = CallerProfile::augment_args(clap::Command::new("explain"));
    let words = std::iter::once("explain").chain(options.split(' '));
    CallerProfile::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
}

fn changes(old: &Field, new: &Field) -> Vec<AccessChange> {
    AccessChange::between(&old.table(), &new.table()).unwrap()
}

fn report(changes: &[AccessChange]) -> String {
    changes.iter().map(|change| change.describe("hallpass") + "\n").collect()
}

#[test]
fn widenings_are_found_with_a_caller() {
    assert_eq!(UNSEEN.len() + SEEN.len(), 40);
    for (old, new, expected) in UNSEEN.iter().chain(SEEN) {
        let changes = changes(old, new);
        let text = report(&changes);
        let example =
            changes.iter().filter(|it| it.is_widening()).find_map(|it| it.counterexample());
        let example = example.unwrap_or_else(|| panic!("{expected} is not found: {text}"));
        assert_eq!(format!("{}{}", example.caller, example.row()), *expected, "{text}");
        assert!(new.allows(example), "{expected} is rejected: {text}");
        let is_of_resolver = old.scope.is_some_and(|scope| scope.starts_with('{'));
        assert!(!old.allows(example) || is_of_resolver, "{expected} was allowed: {text}");
        let options = example.caller.to_string();
        assert_eq!(parsed(&options).to_string(), options);
        let line =
            format!("; allowed now: `hallpass explain {options} Query.field`{}", example.row());
        assert!(
            text.lines().any(|it| it.starts_with("widened  ") && it.ends_with(&line)),
            "{text}"
        );
    }
}

#[test]
fn widenings_that_no_persona_shows_move_no_cell() {
    assert!(UNSEEN.len() >= 10);
    for (old, new, expected) in UNSEEN {
        let text = report(&changes(old, new));
        let widens = |line: &str| line.starts_with("widened ") && line.contains(", as ");
        assert!(!text.lines().any(widens), "{expected}: {text}");
    }
    for (old, new, expected) in SEEN {
        assert!(report(&changes(old, new)).contains(", as "), "{expected}");
    }
}

#[test]
fn rewrites_are_no_widening() {
    assert_eq!(REWRITES.len(), 40);
    for (one, other) in REWRITES {
        for (old, new) in [(one, other), (other, one)] {
            let changes = changes(old, new);
            let text = report(&changes);
            assert!(!changes.iter().any(AccessChange::is_widening), "{text}");
            assert!(text.lines().all(|line| line.starts_with("changed  Query.field, ")), "{text}");
        }
    }
}

#[test]
fn narrowings_are_reported_as_such() {
    for (old, new) in [
        (by(ADMIN), by(RECENTLY_AUTHENTICATED_ADMIN)),
        (by(AnyOf(&[EDITOR, A])), by(EDITOR)),
        (by(SignedIn), by(AllOf(&[SignedIn, NotAnonymous]))),
        (by(RowTier), by(ROW_READER)),
        (by(Public), by(Owner)),
        (by(A), Field { rule: None, ..by(Public) }),
        (by(SignedIn), scoped(SignedIn, "a")),
        (with_roles(EDITOR, "support>editor"), with_roles(EDITOR, "")),
    ] {
        let changes = changes(&old, &new);
        let text = report(&changes);
        assert!(!changes.iter().any(AccessChange::is_widening), "{text}");
        assert!(text.contains("narrowed Query.field, the "), "{text}");
    }
}

#[test]
fn too_many_combinations_are_undecided() {
    let all = (1..=17).map(|number| RuleTree::Permission(number.to_string()));
    let all = all.map(|tree| tree.leak()).collect::<Vec<_>>();
    let all: &'static [Rule] = all.leak();
    let changes_of = |old, new| changes(&by(old), &by(new));
    assert_eq!(changes_of(AnyOf(all), AnyOf(all)), [], "what does not change is not compared");
    let undecided = changes_of(AnyOf(&all[1..]), AnyOf(all));
    assert!(undecided.iter().any(AccessChange::is_widening));
    let text = report(&undecided);
    assert!(text.starts_with("undecided Query.field, the rule: "), "{text}");
    assert!(text.ends_with("; more than 65536 combinations of caller and row\n"), "{text}");
    let few = report(&changes_of(AnyOf(&all[8..]), AnyOf(&all[7..])));
    assert!(few.ends_with("`hallpass explain --permission 8 Query.field`\n"), "{few}");
}

#[test]
fn inconsistent_table_is_rejected() {
    let baseline = serde_json::to_value(by(EDITOR).table()).unwrap();
    let read = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut table = baseline.clone();
        change(&mut table);
        Table::from_json(&table.to_string())
    };
    assert_eq!(read(&|_| {}).unwrap(), by(EDITOR).table());
    let remove =
        |value: &mut serde_json::Value, key: &str| drop(value.as_object_mut().unwrap().remove(key));
    for older in
        [read(&|it| remove(&mut it["rows"][0], "rule_tree")), read(&|it| remove(it, "tiers"))]
    {
        assert!(matches!(older, Err(BaselineError::Older)), "{older:?}");
    }
    for edited in [
        read(&|it| it["rows"][0]["rule"] = "ROLE(admin)".into()),
        read(&|it| it["rows"][0]["rule_tree"] = "public".into()),
        read(&|it| it["tiers"] = json!(["free", "gold", "silver"])),
        read(&|it| it["tiers"] = json!(["free", "free"])),
        read(&|it| remove(&mut it["settings"], "ROLE_INHERITS")),
        read(&|it| it["settings"]["ROLE_INHERITS"] = json!(["a > b", "b > c"])),
        read(&|it| {
            let mut row = it["rows"][0].clone();
            row["scope"] = "a".into();
            it["rows"].as_array_mut().unwrap().push(row);
        }),
    ] {
        assert!(matches!(edited, Err(BaselineError::Contradiction(_))), "{edited:?}");
    }
    let unknown = read(&|it| it["rows"][0]["rule_tree"] = json!({"unheard": 1}));
    assert!(matches!(unknown, Err(BaselineError::Invalid(_))), "{unknown:?}");
}
