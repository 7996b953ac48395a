//! Processor time per request on PostgreSQL, beside other servers: `cargo bench --bench peers`.
//!
//! Starts the release binary and the floor, a server without GraphQL and without access rules that sends the same
//! statements and the same JSON, on one PostgreSQL cluster with 1,000 owners of 200 tasks and 300 chapters of three
//! variants. Each of five requests is sent over 32 connections by 100 callers in turn, to one server after the other, in
//! rounds. The figures are medians of the rounds, in microseconds of processor time of the server and of PostgreSQL. See
//! `bench/README.md`.
//!
//! `PEERS="name=command …;name=command …"` measures other servers too. A command gets `DATABASE_URL`, `JWKS_URL` and
//! `PORT`, and serves `/graphql` there. `ROUNDS=5` sets the number of rounds. `PROFILE=1` records the last round with
//! `perf`, into `perf-SERVER-QUERY.data` in the directory of temporary files.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails stops")]

mod content;
#[path = "../database.rs"]
mod database;
mod floor;
#[expect(dead_code, reason = "the tests use more kinds of keys")]
#[path = "../../tests/api/support/issuer.rs"]
mod issuer;
mod load;
#[path = "../processes.rs"]
mod processes;
mod program;

use content::{Content, QUERIES};
use database::Backends;
use processes::{memory, processor_time};
use program::Program;

const REQUESTS: usize = 6_000;
const WARM_UP: usize = 1_000;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match arguments.iter().position(|argument| argument == "--floor") {
        Some(_) => runtime.block_on(floor::serve()),
        None => runtime.block_on(compare()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the options of a benchmark")]
fn option(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn compare() {
    let rounds = option("ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let content = Content::create();
    let peers = option("PEERS").unwrap_or_default();
    let peers = peers.split(';').filter_map(|peer| peer.split_once('='));
    let mut programs = vec![Program::hallpass(&content), Program::floor(&content)];
    programs.extend(peers.map(|(name, command)| Program::peer(name, command, &content)));
    for program in &programs {
        program.wait_until_ready().await;
        println!("{}: idle {:.0} MiB", program.name, memory(program.id()));
    }
    let backends = Backends::of("hallpass");
    for (name, request) in QUERIES {
        let mut figures = vec![Vec::new(); programs.len()];
        for round in 0..rounds {
            for (program, figures) in programs.iter().zip(&mut figures) {
                let request = |number| program.request(request, &content, number);
                load::send(program.port, WARM_UP, &request).await;
                let is_recorded = round + 1 == rounds && option("PROFILE").is_some();
                let recorder = is_recorded.then(|| program.record(name));
                let before = (processor_time(program.id()), backends.processor_time());
                load::send(program.port, REQUESTS, &request).await;
                let after = (processor_time(program.id()), backends.processor_time());
                let per_request = |seconds: f64| seconds / REQUESTS as f64 * 1e6;
                figures.push((per_request(after.0 - before.0), per_request(after.1 - before.1)));
                drop(recorder);
            }
        }
        print_row(name, &programs, figures);
    }
    for program in &programs {
        println!("{}: after {:.0} MiB", program.name, memory(program.id()));
    }
}

/// The medians, and the ratio of the first server to each of the others.
fn print_row(name: &str, programs: &[Program], figures: Vec<Vec<(f64, f64)>>) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let medians: Vec<_> = figures
        .iter()
        .map(|rounds| {
            let [server, database]: [Vec<f64>; 2] =
                [rounds.iter().map(|it| it.0).collect(), rounds.iter().map(|it| it.1).collect()];
            (median(server), median(database))
        })
        .collect();
    let mut line = format!("{name:<24}");
    for (program, (server, database)) in programs.iter().zip(&medians) {
        line += &format!(" {} {server:.0} + {database:.0}", program.name);
        if program.name != programs[0].name {
            line += &format!(" (ratio {:.2})", medians[0].0 / server);
        }
        line += ";";
    }
    println!("{line}");
}
