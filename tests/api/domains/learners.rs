//! Learners override profile claims of the auth server.

use hallpass_data::{Comparison as _, Filter, Scope, Set, now};
use hallpass_entity::learner;
use hallpass_entity::level::Level;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::{Learner as _, alice, bob, user};

const PROFILE: &str = "contentLevel profile { softwareBackground hardwareBackground interestArea }";

fn update(input: &str) -> String {
    format!("mutation {{ updateLearnerProfile(input: {input}) {{ me {{ {PROFILE} }} }} }}")
}

fn profile(software: &str, hardware: &str, interest: &str, content: &str) -> Value {
    json!({"contentLevel": content, "profile": {"softwareBackground": software,
        "hardwareBackground": hardware, "interestArea": interest}})
}

async fn count(scope: &Scope) -> i64 {
    scope.owned::<learner::Entity>().unwrap().count().await.unwrap()
}

on_both_databases! {
    async fn profile_overrides_win_over_claims(app: App) {
        let alice = app.by_jwt(&alice().background("Intermediate", "Beginner", "Web"));
        let me = format!("{{ me {{ {PROFILE} }} }}");
        assert_eq!(alice.data(&me).await["me"], profile("INTERMEDIATE", "BEGINNER", "Web", "intermediate"));
        let all = "{softwareBackground: ADVANCED, hardwareBackground: INTERMEDIATE, interestArea: \" Robotics \"}";
        let reported = profile("ADVANCED", "INTERMEDIATE", "Robotics", "advanced-robotics");
        assert_eq!(alice.data(&update(all)).await["updateLearnerProfile"]["me"], reported);
        assert_eq!(alice.data(&me).await["me"], reported);
        let less = alice.data(&update("{softwareBackground: BEGINNER}")).await;
        let reported = profile("BEGINNER", "INTERMEDIATE", "Robotics", "beginner-friendly");
        assert_eq!(less["updateLearnerProfile"]["me"], reported, "omitted fields stay");
        assert_eq!(alice.data(&update("{}")).await["updateLearnerProfile"]["me"], reported);
        let cleared = alice.data(&update("{softwareBackground: null, interestArea: null}")).await;
        let reported = profile("INTERMEDIATE", "INTERMEDIATE", "Web", "intermediate");
        assert_eq!(cleared["updateLearnerProfile"]["me"], reported, "null restores the claim");
    }

    async fn omitted_variable_keeps_the_override(app: App) {
        let alice = app.by_jwt(&alice());
        alice.data(&update("{softwareBackground: ADVANCED, interestArea: \"Robotics\"}")).await;
        let document = "mutation($software: Level, $interest: String) { updateLearnerProfile(
            input: {softwareBackground: $software, interestArea: $interest}) { me { contentLevel } } }";
        let left_out = alice.data_with(document, json!({})).await;
        assert_eq!(left_out["updateLearnerProfile"]["me"]["contentLevel"], "advanced-robotics");
        let null = alice.data_with(document, json!({ "software": null })).await;
        assert_eq!(null["updateLearnerProfile"]["me"]["contentLevel"], "beginner-friendly");
    }

    async fn overrides_affect_variants_and_recommendations(app: App) {
        let app = app.with_courses().await;
        let alice = app.by_jwt(&alice());
        alice.data(&update("{softwareBackground: ADVANCED, hardwareBackground: ADVANCED, interestArea: \"Robotics\"}")).await;
        let read = alice.data("{ chapter(slug: \"sense-think-act\") { personalized { contentLevel level hardware } }
            recommendations { because chapter { slug } } }").await;
        assert_eq!(read["chapter"]["personalized"],
            json!({"contentLevel": "advanced-robotics", "level": "ADVANCED", "hardware": "ADVANCED"}));
        assert_eq!(read["recommendations"][0]["because"], json!(["It matches your interest in Robotics."]));
    }

    async fn overrides_are_read_once_and_only_if_selected(app: App) {
        let app = app.with_courses().await;
        let alice = app.by_jwt(&alice());
        alice.data(&update("{interestArea: \"Web\"}")).await;
        let reads = |statements: Vec<String>| {
            statements.iter().filter(|sql| sql.contains("learner_profile")).count()
        };
        let large_query = format!("{{ me {{ {PROFILE} }} viewer {{ {PROFILE} }} recommendations {{ because }}
            chapters {{ nodes {{ slug }} }} chapter(slug: \"sense-think-act\") {{ personalized {{ level }} }} }}");
        assert_eq!(reads(app.statements_of(alice.data(&large_query)).await.1), 1);
        let small_query = "{ me { id name tier } chapters { nodes { slug progress { percent } } } }";
        assert_eq!(reads(app.statements_of(alice.data(small_query)).await.1), 0);
        let guest = "{ chapter(slug: \"sense-think-act\") { personalized { level } } }";
        assert_eq!(reads(app.statements_of(app.anonymous().data(guest)).await.1), 0);
        let twice = format!("mutation {{ a: updateLearnerProfile(input: {{interestArea: \"AI\"}}) {{ me {{ {PROFILE} }} }}
            b: updateLearnerProfile(input: {{interestArea: \"Robotics\"}}) {{ me {{ {PROFILE} }} }} }}");
        let (both, statements) = app.statements_of(alice.data(&twice)).await;
        assert_eq!(both["a"]["me"]["profile"]["interestArea"], "AI");
        assert_eq!(both["b"]["me"]["profile"]["interestArea"], "Robotics");
        assert_eq!(reads(statements), 2, "a change is one statement");
    }

    async fn concurrent_profile_updates_both_succeed(app: App) {
        let alice = app.by_jwt(&alice());
        let (one, other) = (update("{softwareBackground: ADVANCED}"), update("{interestArea: \"Robotics\"}"));
        tokio::join!(alice.data(&one), alice.data(&other), alice.data(&one), alice.data(&other));
        assert_eq!(alice.data("{ me { contentLevel } }").await["me"]["contentLevel"], "advanced-robotics");
        assert_eq!(count(&app.scope_of(&user("alice"))).await, 1);
    }

    async fn profile_overrides_are_per_owner(app: App) {
        let alices = app.by_jwt(&alice());
        alices.data(&update("{softwareBackground: ADVANCED, interestArea: \"Robotics\"}")).await;
        let bobs = app.by_jwt(&bob());
        assert_eq!(bobs.data("{ me { contentLevel } }").await["me"]["contentLevel"], "beginner-friendly");
        bobs.data(&update("{softwareBackground: INTERMEDIATE}")).await;
        assert_eq!(alices.data("{ me { contentLevel } }").await["me"]["contentLevel"], "advanced-robotics");
        let (alice, bob) = (app.scope_of(&alice()), app.scope_of(&bob()));
        let of_alice = Filter::all().or(learner::Column::OwnerId.is(alice.owner().unwrap().clone()));
        assert_eq!(bob.owned::<learner::Entity>().unwrap().filter(of_alice).count().await.unwrap(), 1, "his own row");
        let lie = learner::ActiveModel {
            owner_id: Set(alice.owner().unwrap().clone()),
            software_background: Set(Some(Level::Beginner)),
            updated_at: Set(now()),
            ..Default::default()
        };
        bob.upsert::<learner::Entity>(lie, [learner::Column::OwnerId, learner::Column::SoftwareBackground]).await.unwrap();
        assert_eq!((count(&alice).await, count(&bob).await), (1, 1));
        let row = alice.owned::<learner::Entity>().unwrap().one().await.unwrap().unwrap();
        assert_eq!(row.software_background, Some(Level::Advanced));
        let anonymous = app.anonymous_scope();
        assert!(anonymous.owned::<learner::Entity>().is_err());
    }
}

#[tokio::test]
async fn profile_update_requires_user_and_valid_input() {
    let app = App::start(Backend::Sqlite).await;
    let guest = app.anonymous().ask(&update("{softwareBackground: ADVANCED}")).await;
    assert_eq!(guest.codes(), ["UNAUTHENTICATED"]);
    let alice = app.by_jwt(&alice());
    for (interest, message) in [
        ("  ".to_owned(), "this is required"),
        ("a\\u0000b".to_owned(), "remove the NUL character"),
        ("x".repeat(101), "use at most 100 characters: this text has 101"),
    ] {
        let answer = alice.ask(&update(&format!("{{interestArea: \"{interest}\"}}"))).await;
        assert_eq!(answer.first_error("input.interestArea"), message);
    }
    assert_eq!(count(&app.scope_of(&user("alice"))).await, 0);
}
