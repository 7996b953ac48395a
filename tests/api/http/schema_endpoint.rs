//! `GET /schema.graphql`: the forms of the schema.

use reqwest::Method;

use hallpass::testing::Sdl;

use crate::support::app::{App, Backend};
use crate::support::callers::alice;

#[tokio::test]
async fn schema_endpoint_states_nullability_on_request() {
    let app = App::with(Backend::Sqlite, &["--introspection", "true"]).await;
    let who = app.by_jwt(&alice());
    let read = async |query: &str| {
        let path = format!("/schema.graphql{query}");
        let answer = who.request(Method::GET, &path).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let of_me = |sdl: &str| {
        let sdl = Sdl::read(sdl);
        let me = &sdl.field("Query", "me").unwrap().node;
        let has_directive = me.directives.iter().any(|it| it.node.name.node == "semanticNonNull");
        (me.ty.node.to_string(), has_directive)
    };
    let (_, semantic) = read("").await;
    for (query, kind, has_directive) in [
        ("", "Me", true),
        ("?nullability=semantic", "Me", true),
        ("?nullability=strict", "Me!", false),
        ("?nullability=none", "Me", false),
        ("?other=1&nullability=strict", "Me!", false),
    ] {
        let (status, sdl) = read(query).await;
        assert_eq!((status, of_me(&sdl)), (200, (kind.to_owned(), has_directive)), "{query}");
        assert!(!sdl.contains("eraseUser"), "{query}: the schema of the caller");
    }
    assert_eq!(read("?nullability=semantic").await.1, semantic);
    for query in ["?nullability=", "?nullability=Strict", "?nullability=1"] {
        let (status, message) = read(query).await;
        assert_eq!(
            (status, &*message),
            (400, "nullability: use semantic, strict or none"),
            "{query}"
        );
    }
}
