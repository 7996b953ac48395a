//! Events reach their owner only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Suite;
use super::database::Backend;
use super::fixture::Fixture;
use super::generator::{Case, generate, subscriptions};
use super::knowledge::knowledge;
use super::seeds::{Part, Seeds};
use super::server::Options;
use super::values::Knowledge;
use crate::graphql::encode_id;
use crate::testing::{Sdl, Socket, User};

/// How long an event may take.
const DELAY: Duration = Duration::from_millis(250);
/// How often the mutations are sent until a subscription receives an event.
const MAX_ROUNDS: usize = 4;

/// The open subscriptions of one user, by root field.
type Subscribed = BTreeMap<String, Socket>;

impl Suite {
    /// Subscribes as the other user to everything, and sends the mutations as the victim: no event arrives. Before and
    /// after, sends them as the subscriber: events arrive.
    ///
    /// # Panics
    /// If an event of the victim arrives, or none of the subscriber.
    pub async fn check_subscriptions(&self) -> Vec<String> {
        let seeds = self.seeds().await;
        let options = Options::on(Backend::Sqlite);
        let fixture = Fixture::build(self, &seeds, &options, Part::Alices).await;
        let sdl = Sdl::unprivileged(&self.application);
        let mut knowledge = knowledge(self, &seeds, &sdl);
        let documents = subscriptions(&sdl, &knowledge);
        let documents = documents.unwrap_or_else(|error| panic!("no document for {error}"));
        let alices = self.mutations(&sdl, &knowledge);
        prefer_ids_of(Part::Bobs, &seeds, &mut knowledge);
        let bobs = self.mutations(&sdl, &knowledge);
        let (alice, bob) = (&fixture.server.users.alice, &fixture.server.users.bob);
        let mut sockets = Subscribed::new();
        for case in documents.iter().filter(|case| !self.exempt.contains(&case.field)) {
            let mut socket = fixture.server.client(bob).socket().await;
            socket.execute("1", case.document()).await;
            sockets.insert(case.field.clone(), socket);
        }
        if sockets.is_empty() {
            return Vec::new();
        }
        expect_events(&fixture, bob, &bobs, &mut sockets).await;
        send(&fixture, alice, &alices).await;
        if let Some((field, event)) = received(&mut sockets).await.into_iter().next() {
            panic!("{field}: another user's event arrived: {event}");
        }
        expect_events(&fixture, bob, &bobs, &mut sockets).await;
        sockets.into_keys().collect()
    }

    fn mutations(&self, sdl: &Sdl, knowledge: &Knowledge) -> Vec<Case> {
        let mut generated = generate(sdl, sdl, knowledge);
        generated.thin_out(self.sample_now());
        generated.cases.into_iter().filter(|case| case.field.starts_with("Mutation")).collect()
    }
}

/// Puts the ids of one user's objects first: with these, that user's mutations succeed.
fn prefer_ids_of(user: Part, seeds: &Seeds, knowledge: &mut Knowledge) {
    let of_user = seeds.nodes.iter().filter(|(_, _, part)| *part == Some(user));
    let of_user: BTreeSet<_> = of_user.map(|(kind, key, _)| encode_id(kind, *key).0).collect();
    knowledge.ids.sort_by_key(|(_, id)| !of_user.contains(id));
}

/// Sends mutations, from the initial rows for each field.
async fn send(fixture: &Fixture, who: &User, mutations: &[Case]) {
    let client = fixture.server.client(who);
    for of_field in mutations.chunk_by(|one, next| one.field == next.field) {
        for case in of_field {
            client.send(&case.body).await;
        }
        fixture.reset().await;
    }
}

/// The events that arrived.
async fn received(sockets: &mut Subscribed) -> BTreeMap<String, serde_json::Value> {
    let mut events = BTreeMap::new();
    for (field, socket) in sockets {
        while let Some(event) = socket.message_within(DELAY).await {
            assert_eq!(event["type"], "next", "{field} ended: {event}");
            events.insert(field.clone(), event);
        }
    }
    events
}

async fn expect_events(
    fixture: &Fixture,
    who: &User,
    mutations: &[Case],
    sockets: &mut Subscribed,
) {
    let mut silent: Vec<_> = sockets.keys().cloned().collect();
    for _ in 0..MAX_ROUNDS {
        send(fixture, who, mutations).await;
        let events = received(sockets).await;
        silent.retain(|field| !events.contains_key(field));
        if silent.is_empty() {
            return;
        }
    }
    panic!("no mutation causes an event of {silent:?}: test them, and see `Suite::exempt`");
}
