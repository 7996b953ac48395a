//! `GET /schema.graphql`: the forms of the schema.

use reqwest::Method;

use hallpass::testing::Sdl;

use crate::support::app::{App, Backend};
use crate::support::callers::alice;

#[tokio::test]
async fn schema_endpoint_states_nullability_on_request() {
    let app = App::with(Backend::Sqlite, &["--introspection", "true"]).await;
    let who = app.by_jwt(&alice());
    let read = async |path: &str| {
        let path = format!("/schema{path}");
        let answer = who.request(Method::GET, &path).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let of_me = |sdl: &str| {
        let sdl = Sdl::read(sdl);
        let me = &sdl.field("Query", "me").unwrap().node;
        let has_directive = me.directives.iter().any(|it| it.node.name.node == "semanticNonNull");
        (me.ty.node.to_string(), has_directive)
    };
    let (_, semantic) = read(".graphql").await;
    for (path, kind, has_directive) in [
        (".graphql", "Me", true),
        (".semantic.graphql", "Me", true),
        (".strict.graphql", "Me!", false),
        (".none.graphql", "Me", false),
        (".graphql?nullability=semantic", "Me", true),
        (".graphql?nullability=strict", "Me!", false),
        (".graphql?nullability=none", "Me", false),
        (".graphql?other=1&nullability=strict", "Me!", false),
    ] {
        let (status, sdl) = read(path).await;
        assert_eq!((status, of_me(&sdl)), (200, (kind.to_owned(), has_directive)), "{path}");
        assert!(!sdl.contains("eraseUser"), "{path}: the schema of the caller");
    }
    assert_eq!(read(".graphql?nullability=semantic").await.1, semantic);
    for query in [".graphql?nullability=", ".graphql?nullability=Strict", ".graphql?nullability=1"]
    {
        let (status, message) = read(query).await;
        assert_eq!(
            (status, &*message),
            (400, "nullability: use semantic, strict or none"),
            "{query}"
        );
    }
}
