//! `hallpass schema`: the forms of the schema, for the tools of clients.

use serde_json::Value;

use hallpass::testing::Sdl;

use super::commands::hallpass;

#[test]
fn schema_command_prints_the_form_that_is_asked_for() {
    let print = |flags: &[&str]| {
        let output = hallpass(&[&["schema"], flags].concat());
        assert_eq!(output.code, 0, "{flags:?}: {}", output.stderr);
        output.stdout
    };
    assert_eq!(print(&[]), include_str!("../../../schema.graphql"));
    for (form, kind) in [("semantic", "Me"), ("strict", "Me!"), ("none", "Me")] {
        let sdl = print(&["--nullability", form]);
        assert_eq!(Sdl::read(&sdl).field("Query", "me").unwrap().node.ty.node.to_string(), kind);
        assert_eq!(sdl.contains("semanticNonNull"), form == "semantic", "{form}");
    }
    let free = print(&["--as", "free", "--nullability", "strict"]);
    assert!(!free.contains("eraseUser") && !free.contains("semanticNonNull"), "{free}");
    let json = print(&["--format", "introspection", "--nullability", "strict"]);
    let schema = serde_json::from_str::<Value>(&json).unwrap()["data"]["__schema"].clone();
    let types = schema["types"].as_array().unwrap();
    let query = types.iter().find(|it| it["name"] == "Query").unwrap();
    let me = query["fields"].as_array().unwrap().iter().find(|it| it["name"] == "me").unwrap();
    assert_eq!(
        (&me["type"]["kind"], &me["type"]["ofType"]["name"]),
        (&"NON_NULL".into(), &"Me".into())
    );
}

#[test]
fn schema_command_names_the_wrong_option() {
    for (flags, message) in [
        (
            &["--nullability", "bad"][..],
            "--nullability is `bad`: use one of semantic, strict, none",
        ),
        (&["--format", "bad"], "--format is `bad`: use one of sdl, introspection"),
        (&["--check", "--nullability", "strict"], "cannot be used with"),
    ] {
        let output = hallpass(&[&["schema"], flags].concat());
        assert_eq!(output.code, 2, "{flags:?}");
        assert!(output.stderr.contains(message), "{}", output.stderr);
    }
}
