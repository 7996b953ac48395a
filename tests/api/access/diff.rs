//! `hallpass access --diff`: rules are compared for every caller, and a widening names one.

use hallpass::access::{ADMIN, RECENTLY_AUTHENTICATED_ADMIN, Rule};
use hallpass::access_report::RuleTree;
use hallpass_server::domains::courses::COURSE_EDITOR;
use serde_json::Value;

use crate::access::rules::diff;
use crate::cli::commands::hallpass;

/// The lines of `hallpass access --diff`, where `field` had this rule before.
fn diff_of_rule(field: &str, rule: Rule) -> (i32, Vec<String>) {
    diff(|old| {
        let rows = old["rows"].as_array_mut().unwrap();
        for row in rows.iter_mut().filter(|row| row["field"] == field) {
            row["rule"] = rule.name().into();
            row["rule_tree"] = serde_json::to_value(RuleTree::from(rule)).unwrap();
        }
    })
}

#[test]
fn weaker_rule_is_widening() {
    use Rule::{AllOf, AnyOf, Fresh, FreshForTopTier, NotImpersonated, Public, Role};
    const CHIEF: Rule = Role("chief");
    for (field, rule, code) in [
        ("Query.users", AllOf(&[ADMIN, Fresh(300)]), 1),
        ("Mutation.createCourse", Role("editor"), 1),
        ("Mutation.eraseUser", AllOf(&[ADMIN, Fresh(300)]), 0),
        ("Mutation.eraseUser", ADMIN, 0),
        ("Query.analytics", AllOf(&[ADMIN, Fresh(60)]), 1),
        ("Query.analytics", AllOf(&[AnyOf(&[ADMIN, CHIEF]), Fresh(900)]), 0),
        ("Query.analytics", AllOf(&[ADMIN, Fresh(3600)]), 0),
        ("Query.analytics", AllOf(&[ADMIN, FreshForTopTier(900)]), 0),
        ("Query.analytics", AllOf(&[RECENTLY_AUTHENTICATED_ADMIN, NotImpersonated]), 1),
        ("Query.tasks", Public, 0),
        ("Mutation.createCourse", AllOf(&[COURSE_EDITOR, Fresh(9)]), 1),
    ] {
        let (exit, lines) = diff_of_rule(field, rule);
        assert_eq!(exit, code, "{field} was {rule}: {lines:?}");
        let how = if code == 1 { "widened " } else { "narrowed" };
        assert!(lines[0].starts_with(&format!("{how} {field}, the rule: {rule} -> ")), "{lines:?}");
    }
    let rewritten = diff_of_rule("Mutation.createCourse", AnyOf(&[COURSE_EDITOR, ADMIN]));
    let line = "changed  Mutation.createCourse, the rule: (ROLE(editor) or PERMISSION(content:write)) or ROLE(admin) -> ROLE(editor) or PERMISSION(content:write)";
    assert_eq!(rewritten, (0, vec![line.to_owned()]));
}

#[test]
fn counterexample_of_a_widening_is_explained() {
    use Rule::{AllOf, Fresh, FreshForTopTier, Role, RowTier};
    for (field, before, options, explained) in [
        (
            "Mutation.createCourse",
            Role("editor"),
            "--permission content:write",
            "createCourse: allowed by ROLE(editor) or PERMISSION(content:write), met by PERMISSION(content:write)",
        ),
        (
            "Query.analytics",
            AllOf(&[ADMIN, Fresh(60)]),
            "--role admin --confirmed-ago 899s",
            "analytics: allowed by ROLE(admin) and FRESH(900s)",
        ),
        (
            "Chapter.personalized",
            AllOf(&[RowTier, FreshForTopTier(60)]),
            "--tier enterprise --confirmed-ago 899s",
            "personalized: allowed by MIN_TIER(requiredTier) and FRESH_FOR_TOP_TIER(900s)",
        ),
    ] {
        let (code, lines) = diff_of_rule(field, before);
        assert_eq!(code, 1, "{lines:?}");
        let command = lines[0].split('`').nth(1).unwrap();
        assert_eq!(command, format!("hallpass explain {options} {field}"));
        let words = command.split(' ').skip(1).collect::<Vec<_>>();
        let output = hallpass(&words);
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert!(output.stdout.contains(explained), "{}", output.stdout);
    }
    let service = hallpass(&["explain", "--caller", "service", "--permission", "x", "Query.me"]);
    assert!(service.stdout.starts_with("as service by api_key; roles: none; tier: free"));
    assert!(service.stdout.contains("me: denied by SIGNED_IN: FORBIDDEN"), "{}", service.stdout);
    let anonymous = hallpass(&["explain", "--caller", "anonymous", "Task.tags"]);
    assert!(anonymous.stdout.starts_with("as an anonymous caller\ntags: denied by OWNER"));
}

#[test]
fn table_of_an_older_version_is_rejected() {
    let kept = hallpass(&["access", "--json"]).stdout;
    let mut table: Value = serde_json::from_str(&kept).unwrap();
    for row in table["rows"].as_array_mut().unwrap() {
        row.as_object_mut().unwrap().remove("rule_tree");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), table.to_string()).unwrap();
    let output = hallpass(&["access", "--diff", file.path().to_str().unwrap()]);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    assert!(output.stderr.contains("is a table of an older version"), "{}", output.stderr);
}
