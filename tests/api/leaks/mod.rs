//! Nothing of anybody's rows reaches a stranger: shown by documents that are generated from the schema.
//!
//! `cases` makes a document for every root field with every argument that can name or reach rows, in every
//! form. `world` keeps two servers that differ only in that alice has rows on one of them. `hunt` sends
//! every document to both, as bob and as nobody, and a part of them as a machine and by the doors that stay
//! open: whatever differs is a leak, in status, headers, body or statements. `seeds` says which rows there are.
//!
//! A new root field or argument is covered as it comes. A new owned table has to be named in `seeds`, and a
//! new kind of value in `values`: until then the tests fail and say so.

mod cases;
mod fields;
mod forbid;
mod hunt;
mod known;
mod mask;
mod owned;
mod race;
pub mod sdl;
mod seeds;
mod selection;
mod shelf;
mod switch;
mod table;
mod timing;
mod values;
mod visitor;
mod world;

use std::collections::BTreeSet;

use hunt::Hunt;
use sdl::Sdl;
use visitor::{Door, Visitor};
use world::Worlds;

use crate::app::Backend;
use crate::people::bob;

/// Subscriptions of which a test of their own shows that a stranger hears nothing.
const SUBSCRIPTIONS: [&str; 2] = ["taskEvents", "progressEvents"];
/// Objects that only subscriptions give.
const EVENTS: [&str; 1] = ["TaskEvent"];

/// Where they are, and the first few, for people to read.
fn told(leaks: &[hunt::Leak]) -> String {
    let fields: BTreeSet<_> = leaks.iter().map(|leak| leak.field.as_str()).collect();
    let stories = leaks.iter().take(3).map(|leak| leak.story.as_str()).collect::<Vec<_>>();
    format!("{} leaks, in {fields:?}, such as\n{}", leaks.len(), stories.join("\n"))
}

/// Whom a machine's token is for.
const RESOURCE: &str = "https://api.example.test/leaks";

/// Bob, and nobody.
fn people() -> [Visitor; 2] {
    [Visitor::person(&bob(), Door::Post), Visitor::nobody(Door::Post)]
}

/// Sends one in `step` of the variations.
async fn nothing_leaks(backend: Backend, step: usize, strangers: &[Visitor]) -> Hunt {
    let worlds = Worlds::build(backend, &["--oauth-resource", RESOURCE], false).await;
    let hunt = Hunt::through(&worlds, step, strangers).await;
    println!("{} cases on {backend:?}", hunt.generated.cases.len());
    assert!(hunt.leaks.is_empty(), "{}", told(&hunt.leaks));
    assert!(hunt.rejected.is_empty(), "the server did not run\n{}", hunt.rejected.join("\n"));
    assert_eq!(hunt.generated.failed, [] as [&str; 0], "nothing is sent to these");
    hunt
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_cannot_tell_whether_alice_has_rows_on_sqlite() {
    let hunt = nothing_leaks(Backend::Sqlite, 1, &people()).await;
    assert!(hunt.generated.cases.len() > 300, "only {} cases", hunt.generated.cases.len());
    let seen = Sdl::of_strangers();
    for root in ["Query", "Mutation"] {
        for field in seen.fields(root) {
            let name = format!("{root}.{}", field.node.name.node);
            assert!(hunt.answered.contains(&name), "no case gets an answer out of {name}");
        }
    }
    for object in seen.objects() {
        let is_event = EVENTS.contains(&object);
        assert!(is_event || hunt.generated.reached.contains(object), "no case selects a {object}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_cannot_tell_whether_alice_has_rows_on_postgres() {
    nothing_leaks(Backend::Postgres, 8, &people()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_bears_her_name_cannot_tell_either() {
    nothing_leaks(Backend::Sqlite, 8, &[Visitor::machine(RESOURCE, Door::Post)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_stranger_can_tell_over_what_stays_open() {
    let bob = [Door::Stream, Door::Socket].map(|door| Visitor::person(&bob(), door));
    let strangers = bob.into_iter().chain([Visitor::nobody(Door::Socket)]).collect::<Vec<_>>();
    nothing_leaks(Backend::Sqlite, 8, &strangers).await;
}

#[test]
fn every_owned_table_has_rows_that_the_tests_look_for() {
    let seeded: BTreeSet<_> = seeds::tables().iter().map(|t| t.name().to_owned()).collect();
    for table in owned::declared("owned") {
        assert!(seeded.contains(&table), "{table} is owned: add rows of it to leaks/seeds.rs");
    }
    for table in seeds::tables() {
        let name = table.name();
        assert_eq!(table.silent_columns(), [] as [&str; 0], "of {name}: put a text of hers there");
        assert!(!table.secrets().is_empty(), "nothing tells hers from others in {name}");
    }
}

#[test]
fn every_subscription_has_a_test_of_its_own() {
    for field in Sdl::whole().fields("Subscription") {
        let name = field.node.name.node.as_str();
        assert!(
            SUBSCRIPTIONS.contains(&name),
            "show that a stranger hears nothing of Subscription.{name}, then name it in leaks/mod.rs"
        );
    }
}
