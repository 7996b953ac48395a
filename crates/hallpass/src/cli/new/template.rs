//! Templates: texts with placeholders such as `«note»`.

/// Replaces the placeholders of `template` by `values`. A placeholder that is alone on a line takes a text of several
/// lines, each with the indentation of the placeholder; an empty one removes the line. Values may have placeholders of
/// values after them.
pub(super) fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut lines: Vec<String> = template.lines().map(str::to_owned).collect();
    for (name, value) in values {
        let placeholder = format!("«{name}»");
        lines = lines.into_iter().flat_map(|line| replace(line, &placeholder, value)).collect();
    }
    let mut text = String::new();
    for line in lines {
        // No two empty lines in a row, and none at the end of the text.
        if !(line.is_empty() && text.ends_with("\n\n")) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    format!("{}\n", text.trim_end())
}

fn replace(line: String, placeholder: &str, value: &str) -> Vec<String> {
    if line.trim() != placeholder {
        return vec![line.replace(placeholder, value)];
    }
    let indentation = &line[..line.len() - line.trim_start().len()];
    let indent = |part: &str| match part {
        "" => String::new(),
        part => format!("{indentation}{part}"),
    };
    value.lines().map(indent).collect()
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn placeholder_on_its_own_line_is_a_block() {
        let template = "mod «note» {\n    «body»\n    «none»\n}\n";
        let body = "fn «note»() {\n    go();\n}\n\nfn b() {}".to_owned();
        let values = [("none", String::new()), ("body", body), ("note", "x".to_owned())];
        let expected = "mod x {\n    fn x() {\n        go();\n    }\n\n    fn b() {}\n}\n";
        assert_eq!(fill(template, &values), expected);
    }
}
