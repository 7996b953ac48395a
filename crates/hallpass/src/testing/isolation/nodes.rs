//! The objects of an application, by their keys.

use uuid::Uuid;

use super::Suite;
use super::part::Part;
use super::server::Server;
use crate::graphql::encode_id;
use crate::testing::sdl::{Sdl, named};

/// The types whose objects may have global IDs: those that `node` finds, or else those with an `id`.
pub(super) fn node_types(sdl: &Sdl) -> Vec<&str> {
    let nodes = sdl.possible("Node");
    let has_id =
        |kind: &&str| sdl.field(kind, "id").is_some_and(|field| named(&field.node.ty.node) == "ID");
    if nodes.is_empty() { sdl.objects().filter(has_id).collect() } else { nodes }
}

/// The objects with these keys and those of the fixtures, as `node` finds them. Without `node`, every key is tried
/// with every type.
pub(super) async fn nodes(
    suite: &Suite,
    server: &Server,
    keys: impl IntoIterator<Item = (Uuid, Part)>,
) -> Vec<(String, Uuid, Option<Part>)> {
    let sdl = Sdl::full(&suite.application);
    let finds_nodes = sdl.field("Query", "node").is_some();
    let users = &server.users;
    let keys = keys.into_iter().map(|(key, part)| (key, Some(part)));
    let keys = keys.chain(suite.keys.iter().map(|key| (*key, None)));
    let mut found = Vec::new();
    for (key, part) in keys {
        let owner = if matches!(part, Some(Part::Bobs)) { &users.bob } else { &users.alice };
        for kind in node_types(&sdl) {
            let is_one = !finds_nodes || {
                let id = encode_id(kind, key).0;
                let query = format!("{{ node(id: \"{id}\") {{ __typename }} }}");
                server.client(owner).ask(&query).await.body["data"]["node"]["__typename"] == kind
            };
            if is_one {
                found.push((kind.to_owned(), key, part));
            }
        }
    }
    found
}
