//! Processor time of access decisions and of their audit: `cargo bench --bench access`.
//!
//! Of the one thread that runs them, in microseconds. No statement runs on the database meanwhile, which is
//! checked. See `bench/README.md`.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails stops")]

#[expect(dead_code, reason = "shared with the tests")]
#[path = "../tests/api/support/issuer.rs"]
mod issuer;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use hallpass::access::{
    ADMIN, ALLOWED, AuditTrail, NOT_IMPERSONATED, Policy, RECENTLY_AUTHENTICATED_ADMIN,
    ResourceAttributes, Rule, STEP_UP_ADMIN, Subject,
};
use hallpass::audit;
use hallpass::testing::{User, config, user};
use hallpass_data::{Database, Options};
use hallpass_identity::{Authentication, Authenticator, Caller};
use hallpass_server::domains::courses::{CHAPTER_READER, COURSE_EDITOR};
use prometheus_client::registry::Registry;

use issuer::Issuer;

const DECISIONS: usize = 200_000;
/// Fewer than the queue has space for.
const REQUESTS: usize = 4_000;
const ROUNDS: usize = 25;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let config =
        config(&hallpass_server::application(), &["--better-auth-url", Issuer::shared().url()]);
    let authenticator = Authenticator::new(&config.identity, &[], None).unwrap();
    let admin = user("ada").role("admin").tier("enterprise").with("permissions", "content:write");
    let callers = [
        Some(caller(&authenticator, &admin).await),
        Some(caller(&authenticator, &user("al")).await),
        None,
    ];
    let statements = Arc::new(AtomicUsize::new(0));
    let database = database(Arc::clone(&statements)).await;
    let before = statements.load(Ordering::Relaxed);
    decisions(&hallpass::app::policy(&config), &callers);
    records(&database, callers[1].clone());
    assert_eq!(statements.load(Ordering::Relaxed), before, "no statement runs on the database");
}

async fn caller(authenticator: &Authenticator, user: &User) -> Arc<Caller> {
    let token = Issuer::shared().token(&user.claims());
    let headers =
        HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match authenticator.authenticate(&Method::POST, &headers, address).await {
        Authentication::Caller(caller) => caller,
        other => panic!("{other:?}"),
    }
}

async fn database(statements: Arc<AtomicUsize>) -> Database {
    let options = Options::at("sqlite::memory:");
    let count = move |_: &str| {
        statements.fetch_add(1, Ordering::Relaxed);
    };
    Database::connect_observed(options, count).await.unwrap()
}

fn decisions(policy: &Policy, callers: &[Option<Arc<Caller>>]) {
    let more = [Rule::Tier("premium"), Rule::RowTier, Rule::Service, Rule::Fresh(900)];
    println!("{:<58} {:>9} {:>9} {:>10}", "one decision, µs", "admin", "user", "anonymous");
    let rules = [
        Rule::Public,
        Rule::SignedIn,
        Rule::Owner,
        ADMIN,
        RECENTLY_AUTHENTICATED_ADMIN,
        STEP_UP_ADMIN,
        COURSE_EDITOR,
        CHAPTER_READER,
        NOT_IMPERSONATED,
    ];
    for rule in rules.into_iter().chain(more) {
        let facts = ResourceAttributes { is_owner: true, required_tier: Some("enterprise") };
        let each = callers.iter().map(|caller| {
            let subject = Subject { caller: caller.as_deref(), policy };
            spent(DECISIONS, || drop(black_box(rule.decide(black_box(subject), facts))))
        });
        let each = each.collect::<Vec<_>>();
        println!("{:<58} {:>9.3} {:>9.3} {:>10.3}", rule.name(), each[0], each[1], each[2]);
        assert!(each.iter().all(|micros| *micros < 2.0), "{} takes too long", rule.name());
    }
}

fn records(database: &Database, caller: Option<Arc<Caller>>) {
    println!("\n{:<58} {:>9}", "the audit of one request, µs", "");
    let mutation = |trail: &AuditTrail| {
        trail.start_mutation("Mutation.updateTask".to_owned(), Rule::Owner.name());
        trail.add_row("VGFzazowMTlhOWY2YjQ3ZDc3MDAxOGY0YTYzZTJjYmQyZjE0MA".to_owned());
        trail.finish_mutation(ALLOWED);
    };
    let denial = |trail: &AuditTrail| {
        trail.note("Query.tasks".to_owned(), Rule::SignedIn.name(), "UNAUTHENTICATED", None);
    };
    record(database, caller.clone(), "no event", |_| {});
    record(database, caller.clone(), "one mutation", mutation);
    record(database, caller, "one denial", denial);
}

fn record(
    database: &Database,
    caller: Option<Arc<Caller>>,
    what: &str,
    work: impl Fn(&AuditTrail),
) {
    let mut micros = 0.0;
    for _ in 0..ROUNDS {
        // A new queue each time, so that none is full.
        let retention = "off".parse().unwrap();
        let (audit, _writer) = audit::open(database.clone(), retention, &mut Registry::default());
        let sink = audit.sink(std::net::Ipv4Addr::LOCALHOST.into());
        let id = "01a1fea7e37177a885e887d75f9e0939";
        micros += spent(REQUESTS, || {
            work(&AuditTrail::new(Arc::clone(&sink), id.into(), caller.clone()));
        });
    }
    let micros = micros / ROUNDS as f64;
    println!("{what:<58} {micros:>9.3}");
    assert!(micros < 5.0, "{what} takes too long");
}

/// Processor time of this thread for one `work`, in microseconds: `schedstat` of proc(5).
fn spent(times: usize, mut work: impl FnMut()) -> f64 {
    let began = processor_time();
    (0..times).for_each(|_| work());
    (processor_time() - began) / times as f64 / 1e3
}

fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}
