//! The errors that the documentation of `#[guarded]` shows are those of the macro.

use syn::Item;

use crate::expand;

const DOCUMENTATION: &str = include_str!("../hallpass/src/access/resolver_macro.rs");

/// The examples that do not compile, without those whose error is the compiler's.
fn examples() -> impl Iterator<Item = String> {
    let text: Vec<_> = DOCUMENTATION
        .lines()
        .filter_map(|line| line.strip_prefix("///"))
        .map(str::trim_end)
        .collect();
    let text = text.join("\n");
    let parts: Vec<_> = text.split("```").skip(1).step_by(2).map(str::to_owned).collect();
    parts.into_iter().filter_map(|part| Some(part.strip_prefix("compile_fail\n")?.to_owned()))
}

/// The message below the code that causes it: `// ^^^^ message`.
fn shown_message(example: &str) -> &str {
    let line = example.lines().find(|line| line.contains('^')).expect("an error is shown");
    line.rsplit_once("^ ").expect("a message is shown").1
}

fn message(example: &str) -> Option<String> {
    let visible = example.lines().filter(|line| !line.trim_start().starts_with("# "));
    let code = visible.collect::<Vec<_>>().join("\n");
    let file = syn::parse_file(&code).expect("the example is valid Rust");
    file.items.into_iter().find_map(|mut item| {
        let attributes = match &mut item {
            Item::Impl(item) => &mut item.attrs,
            Item::Struct(item) => &mut item.attrs,
            _ => return None,
        };
        let at = attributes.iter().position(|attribute| attribute.path().is_ident("guarded"))?;
        let options = attributes.remove(at).parse_args();
        options.and_then(|options| expand(item, &options)).err().map(|error| error.to_string())
    })
}

#[test]
fn documented_errors_are_those_of_the_macro() {
    let mut shown = 0;
    for example in examples() {
        assert_eq!(message(&example).as_deref(), Some(shown_message(&example)), "{example}");
        shown += 1;
    }
    assert!(shown > 5, "{shown} errors are shown");
}
