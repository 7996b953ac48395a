//! Learners say of themselves what the auth server does not know.

use hallpass_data::{Comparison as _, Filter, Scope, Set, now};
use hallpass_entity::learner;
use hallpass_entity::level::Level;
use serde_json::{Value, json};

use crate::app::{App, Backend};
use crate::on_both_databases;
use crate::people::{alice, bob, user};

const PROFILE: &str = "contentLevel profile { softwareBackground hardwareBackground interestArea }";

fn update(input: &str) -> String {
    format!("mutation {{ updateLearnerProfile(input: {input}) {{ {PROFILE} }} }}")
}

fn profile(software: &str, hardware: &str, interest: &str, content: &str) -> Value {
    json!({"contentLevel": content, "profile": {"softwareBackground": software,
        "hardwareBackground": hardware, "interestArea": interest}})
}

async fn count(scope: &Scope) -> i64 {
    scope.owned::<learner::Entity>().unwrap().count().await.unwrap()
}

on_both_databases! {
    async fn what_alice_says_of_herself_counts_more_than_what_the_auth_server_says(app: App) {
        let alice = app.by_jwt(&alice().background("Intermediate", "Beginner", "Web"));
        let me = format!("{{ me {{ {PROFILE} }} }}");
        assert_eq!(alice.data(&me).await["me"], profile("INTERMEDIATE", "BEGINNER", "Web", "intermediate"));
        let all = "{softwareBackground: ADVANCED, hardwareBackground: INTERMEDIATE, interestArea: \" Robotics \"}";
        let said = profile("ADVANCED", "INTERMEDIATE", "Robotics", "advanced-robotics");
        assert_eq!(alice.data(&update(all)).await["updateLearnerProfile"], said);
        assert_eq!(alice.data(&me).await["me"], said);
        let less = alice.data(&update("{softwareBackground: BEGINNER}")).await;
        let said = profile("BEGINNER", "INTERMEDIATE", "Robotics", "beginner-friendly");
        assert_eq!(less["updateLearnerProfile"], said, "what is left out stays");
        assert_eq!(alice.data(&update("{}")).await["updateLearnerProfile"], said);
        let cleared = alice.data(&update("{softwareBackground: null, interestArea: null}")).await;
        let said = profile("INTERMEDIATE", "INTERMEDIATE", "Web", "intermediate");
        assert_eq!(cleared["updateLearnerProfile"], said, "null leaves it to the auth server");
    }

    async fn a_variable_that_is_left_out_leaves_what_was_said(app: App) {
        let alice = app.by_jwt(&alice());
        alice.data(&update("{softwareBackground: ADVANCED, interestArea: \"Robotics\"}")).await;
        let document = "mutation($software: Level, $interest: String) { updateLearnerProfile(
            input: {softwareBackground: $software, interestArea: $interest}) { contentLevel } }";
        let left_out = alice.data_with(document, json!({})).await;
        assert_eq!(left_out["updateLearnerProfile"]["contentLevel"], "advanced-robotics");
        let null = alice.data_with(document, json!({ "software": null })).await;
        assert_eq!(null["updateLearnerProfile"]["contentLevel"], "beginner-friendly");
    }

    async fn the_text_and_the_recommendations_follow_what_a_learner_says(app: App) {
        let app = app.with_courses().await;
        let alice = app.by_jwt(&alice());
        alice.data(&update("{softwareBackground: ADVANCED, hardwareBackground: ADVANCED, interestArea: \"Robotics\"}")).await;
        let read = alice.data("{ chapter(slug: \"sense-think-act\") { personalized { contentLevel level hardware } }
            recommendations { because chapter { slug } } }").await;
        assert_eq!(read["chapter"]["personalized"],
            json!({"contentLevel": "advanced-robotics", "level": "ADVANCED", "hardware": "ADVANCED"}));
        assert_eq!(read["recommendations"][0]["because"], json!(["It matches your interest in Robotics."]));
    }

    async fn a_request_reads_what_its_caller_says_once_and_only_when_asked(app: App) {
        let app = app.with_courses().await;
        let alice = app.by_jwt(&alice());
        alice.data(&update("{interestArea: \"Web\"}")).await;
        let reads = |statements: Vec<String>| {
            statements.iter().filter(|sql| sql.contains("learner_profile")).count()
        };
        let much = format!("{{ me {{ {PROFILE} }} viewer {{ {PROFILE} }} recommendations {{ because }}
            chapters {{ nodes {{ slug }} }} chapter(slug: \"sense-think-act\") {{ personalized {{ level }} }} }}");
        assert_eq!(reads(app.statements_of(alice.data(&much)).await.1), 1);
        let little = "{ me { id name tier } chapters { nodes { slug progress { percent } } } }";
        assert_eq!(reads(app.statements_of(alice.data(little)).await.1), 0);
        let guest = "{ chapter(slug: \"sense-think-act\") { personalized { level } } }";
        assert_eq!(reads(app.statements_of(app.anonymous().data(guest)).await.1), 0);
        let twice = format!("mutation {{ a: updateLearnerProfile(input: {{interestArea: \"AI\"}}) {{ {PROFILE} }}
            b: updateLearnerProfile(input: {{interestArea: \"Robotics\"}}) {{ {PROFILE} }} }}");
        let (both, statements) = app.statements_of(alice.data(&twice)).await;
        assert_eq!(both["a"]["profile"]["interestArea"], "AI");
        assert_eq!(both["b"]["profile"]["interestArea"], "Robotics");
        assert_eq!(reads(statements), 2, "a change is one statement");
    }

    async fn two_changes_at_once_both_succeed(app: App) {
        let alice = app.by_jwt(&alice());
        let (one, other) = (update("{softwareBackground: ADVANCED}"), update("{interestArea: \"Robotics\"}"));
        tokio::join!(alice.data(&one), alice.data(&other), alice.data(&one), alice.data(&other));
        assert_eq!(alice.data("{ me { contentLevel } }").await["me"]["contentLevel"], "advanced-robotics");
        assert_eq!(count(&app.scope_of(&user("alice"))).await, 1);
    }

    async fn bob_sees_nothing_of_alices_words_and_changes_none(app: App) {
        let hers = app.by_jwt(&alice());
        hers.data(&update("{softwareBackground: ADVANCED, interestArea: \"Robotics\"}")).await;
        let his = app.by_jwt(&bob());
        assert_eq!(his.data("{ me { contentLevel } }").await["me"]["contentLevel"], "beginner-friendly");
        his.data(&update("{softwareBackground: INTERMEDIATE}")).await;
        assert_eq!(hers.data("{ me { contentLevel } }").await["me"]["contentLevel"], "advanced-robotics");
        let (alice, bob) = (app.scope_of(&alice()), app.scope_of(&bob()));
        let alices = Filter::all().or(learner::Column::OwnerId.is(alice.owner().unwrap().clone()));
        assert_eq!(bob.owned::<learner::Entity>().unwrap().filter(alices).count().await.unwrap(), 1, "his own");
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
        let nobody = app.scope_of_nobody();
        assert!(nobody.owned::<learner::Entity>().is_err());
    }
}

#[tokio::test]
async fn only_a_person_has_a_profile_and_what_they_say_is_checked() {
    let app = App::start(Backend::Sqlite).await;
    let guest = app.anonymous().ask(&update("{softwareBackground: ADVANCED}")).await;
    assert_eq!(guest.codes(), ["UNAUTHENTICATED"]);
    let alice = app.by_jwt(&alice());
    for (interest, complaint) in [
        ("  ".to_owned(), "this is required"),
        ("a\\u0000b".to_owned(), "remove the NUL character"),
        ("x".repeat(101), "use at most 100 characters: this text has 101"),
    ] {
        let answer = alice.ask(&update(&format!("{{interestArea: \"{interest}\"}}"))).await;
        assert_eq!(answer.first_error("input.interestArea"), complaint);
    }
    assert_eq!(count(&app.scope_of(&user("alice"))).await, 0);
}
