//! Processor time of authentication by JWT: `cargo bench --bench identity`.
//!
//! For each algorithm: tokens on their first use, and one that is cached. The figure is the processor time
//! per request of the one thread that runs it; the ratio is between the two, in the same run. See
//! `bench/README.md`.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails stops")]

#[expect(dead_code, reason = "shared with the tests")]
#[path = "../tests/api/support/issuer.rs"]
mod issuer;

use std::net::{IpAddr, Ipv4Addr};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use hallpass::testing::{config, user};
use hallpass_identity::{Authentication, Authenticator};
use serde_json::json;

use issuer::Issuer;

const FIRST: usize = 2_000;
const CACHED: usize = 200_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let issuer = Issuer::shared();
    let config = config(&hallpass_server::application(), &["--better-auth-url", issuer.url()]);
    let authenticator = Authenticator::new(&config.identity, &[], None).unwrap();
    println!("{:<8} {:>12} {:>12} {:>7}", "", "first, µs", "cached, µs", "ratio");
    for key in [&issuer.ed25519, &issuer.p256, &issuer.rs256, &issuer.ps256] {
        let token = |number: usize| {
            let alice = user("alice").with("jti", json!(number)).claims();
            let bearer = format!("Bearer {}", key.sign(&issuer.full(&alice)));
            HeaderMap::from_iter([(AUTHORIZATION, bearer.parse().unwrap())])
        };
        authenticate(&authenticator, &token(FIRST)).await;
        let tokens: Vec<_> = (0..FIRST).map(token).collect();
        let began = processor_time();
        for token in &tokens {
            authenticate(&authenticator, token).await;
        }
        let first = (processor_time() - began) / FIRST as f64 / 1e3;
        let began = processor_time();
        for _ in 0..CACHED {
            authenticate(&authenticator, &tokens[0]).await;
        }
        let cached = (processor_time() - began) / CACHED as f64 / 1e3;
        let algorithm = format!("{:?}", key.algorithm);
        println!("{algorithm:<8} {first:>12.1} {cached:>12.2} {:>7.1}", first / cached);
    }
}

async fn authenticate(authenticator: &Authenticator, headers: &HeaderMap) {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let result = authenticator.authenticate(&Method::POST, headers, address).await;
    assert!(matches!(result, Authentication::Caller(_)), "{result:?}");
}

/// Processor time of this thread, in nanoseconds: `schedstat` of proc(5).
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}
