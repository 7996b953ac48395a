//! Markdown renderer: CommonMark with GitHub extensions and math, sanitized to safe HTML.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;
use comrak::Options;

/// Prefix of every id and of every link within the text, so that no id shadows an id of the page.
const ID_PREFIX: &str = "user-content-";

/// Allowed elements: those of raw HTML, and those that the renderer writes.
const TAGS: &[&str] = &[
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "details",
    "div",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "input",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Allowed attributes per element. The renderer writes all of them.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    (
        "a",
        &[
            "href",
            "title",
            "id",
            "class",
            "aria-hidden",
            "aria-label",
            "data-footnote-ref",
            "data-footnote-backref",
            "data-footnote-backref-idx",
        ],
    ),
    ("code", &["class", "data-math-style"]),
    ("details", &["open"]),
    ("div", &["class"]),
    ("h1", &["id"]),
    ("h2", &["id"]),
    ("h3", &["id"]),
    ("h4", &["id"]),
    ("h5", &["id"]),
    ("h6", &["id"]),
    ("img", &["src", "alt", "title"]),
    ("input", &["type", "checked", "disabled"]),
    ("li", &["id"]),
    ("ol", &["start"]),
    ("p", &["class"]),
    ("section", &["class", "data-footnotes"]),
    ("span", &["data-math-style"]),
    ("sup", &["class"]),
    ("td", &["align"]),
    ("th", &["align"]),
];

/// Allowed URL schemes of links and images, besides relative URLs.
const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// Allowed classes, which the renderer writes: names, or prefixes of names.
const CLASSES: [&str; 4] = ["anchor", "footnote", "language-", "markdown-alert"];

static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let attributes = ATTRIBUTES.iter().map(|(tag, names)| (*tag, names.iter().copied().collect()));
    let mut sanitizer = Builder::empty();
    sanitizer
        .tags(TAGS.iter().copied().collect())
        .generic_attributes(HashSet::new())
        .tag_attributes(attributes.collect::<HashMap<_, HashSet<_>>>())
        .clean_content_tags(HashSet::from(["script", "style"]))
        .url_schemes(HashSet::from(SCHEMES))
        .id_prefix(Some(ID_PREFIX))
        .attribute_filter(attribute)
        .link_rel(Some("noopener noreferrer"))
        // An input is the checkbox of a task list item, regardless of its type in the source.
        .set_tag_attribute_value("input", "type", "checkbox")
        .set_tag_attribute_value("input", "disabled", "");
    sanitizer
});

fn attribute<'a>(_tag: &str, name: &str, value: &'a str) -> Option<Cow<'a, str>> {
    match name {
        "class" => {
            let is_known = |class: &&str| CLASSES.iter().any(|known| class.starts_with(known));
            let known: Vec<_> = value.split_whitespace().filter(is_known).collect();
            (!known.is_empty()).then(|| known.join(" ").into())
        }
        "href" | "src" if !is_allowed(value) => None,
        "href" => Some(match value.strip_prefix('#') {
            Some(id) if !id.is_empty() => format!("#{ID_PREFIX}{id}").into(),
            _ => value.into(),
        }),
        _ => Some(value.into()),
    }
}

/// Whether a URL is relative or has an allowed scheme. The first segment of a relative URL has no colon (RFC 3986
/// section 4.2): a lenient browser would parse the text before one as a scheme.
fn is_allowed(address: &str) -> bool {
    let first = address.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme = first.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_none_or(|scheme| SCHEMES.contains(&scheme.as_str()))
}

/// Maximum nesting of block quotes and elements. Parsing time grows with its square.
const MAX_NESTING: usize = 500;
/// Maximum size of the HTML: ten times the longest text.
const MAX_HTML_BYTES: usize = 1024 * 1024;

/// The text is nested too deeply, or its HTML would be too long.
#[derive(Debug, PartialEq)]
pub(crate) struct TooComplex;

/// Renders `markdown` to HTML: CommonMark with the extensions of GitHub, and math between dollars. All output of
/// the renderer is sanitized.
///
/// # Errors
/// When the text is too complex: the work is bounded for every text.
pub(crate) fn to_html(markdown: &str) -> Result<String, TooComplex> {
    if markdown.lines().any(has_deep_quotes) {
        return Err(TooComplex);
    }
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.alerts = true;
    extension.autolink = true;
    extension.footnotes = true;
    extension.header_id_prefix = Some(String::new());
    extension.math_code = true;
    extension.math_dollars = true;
    extension.strikethrough = true;
    extension.table = true;
    extension.tasklist = true;
    // Raw HTML is passed on to the sanitizer.
    options.render.r#unsafe = true;
    let html = comrak::markdown_to_html(markdown, &options);
    if html.len() > MAX_HTML_BYTES || element_depth(&html) > MAX_NESTING {
        return Err(TooComplex);
    }
    Ok(SANITIZER.clean(&html).to_string())
}

/// The escaped source of `markdown`, in a `pre` element.
pub(crate) fn as_plain_text(markdown: &str) -> String {
    format!("<pre>{}</pre>\n", ammonia::clean_text(markdown))
}

/// Whether a line opens too many block quotes, separated by nothing but list markers.
fn has_deep_quotes(line: &str) -> bool {
    let is_marker = |c: char| c.is_ascii_digit() || " \t-+*.)".contains(c);
    let mut depth = 0;
    for c in line.chars() {
        match c {
            '>' => depth += 1,
            c if is_marker(c) => {}
            _ => depth = 0,
        }
        if depth > MAX_NESTING {
            return true;
        }
    }
    false
}

/// Maximum nesting of the elements of `html`. Start tags without an end tag count.
fn element_depth(html: &str) -> usize {
    let is_void = |tag: &str| ["br", "hr", "img", "input"].contains(&tag);
    let (mut depth, mut deepest) = (0_usize, 0);
    for tag in html.split('<').skip(1) {
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !is_void(tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or(tag)) {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::{MAX_HTML_BYTES, MAX_NESTING, TooComplex};

    fn to_html(markdown: &str) -> String {
        super::to_html(markdown).unwrap()
    }

    #[test]
    fn complex_texts_are_rejected() {
        for (markdown, max) in
            [(">", MAX_NESTING), ("> - ", MAX_NESTING), ("<details>", MAX_NESTING)]
        {
            assert!(super::to_html(&markdown.repeat(max)).is_ok(), "{markdown}");
            for count in [max + 1, 100_000 / markdown.len()] {
                assert_eq!(super::to_html(&markdown.repeat(count)), Err(TooComplex), "{markdown}");
            }
        }
        let wide = format!("|{}\n|{}\n", "a|".repeat(100), "-|".repeat(100));
        for long in [format!("{wide}{}", "|a\n".repeat(4_500)), "# a\n".repeat(12_000)] {
            assert_eq!(super::to_html(&long), Err(TooComplex));
        }
        for fits in ["&".repeat(10_000), "<".repeat(10_000), format!("{wide}|a\n")] {
            assert!(super::to_html(&fits).unwrap().len() <= MAX_HTML_BYTES);
        }
    }

    #[test]
    fn plain_text_is_escaped() {
        let shown = super::as_plain_text("> <script>alert(1)</script>");
        assert!(shown.starts_with("<pre>&gt;") && !shown.contains("<script"), "{shown}");
    }

    #[test]
    fn extensions_are_rendered() {
        for (markdown, expected) in [
            ("~~gone~~", "<del>gone</del>"),
            ("| a |\n|:-:|\n| 1 |", "<td align=\"center\">1</td>"),
            ("see https://example.com/a?b=c", "<a href=\"https://example.com/a?b=c\""),
            ("ask ann@example.test", "<a href=\"mailto:ann@example.test\""),
            ("- [x] done", "type=\"checkbox\""),
            ("- [x] done", "disabled=\"\""),
            ("- [x] done", "checked=\"\""),
            ("# Über uns", "id=\"user-content-über-uns\""),
            ("[up](#top)", "<a href=\"#user-content-top\""),
            ("A[^n].\n\n[^n]: Note", "href=\"#user-content-fn-n\""),
            ("A[^n].\n\n[^n]: Note", "<li id=\"user-content-fn-n\">"),
            ("A[^n].\n\n[^n]: Note", "<section class=\"footnotes\""),
            ("> [!WARNING]\n> Hot", "<div class=\"markdown-alert markdown-alert-warning\">"),
            ("> [!NOTE]\n> So", "<p class=\"markdown-alert-title\">Note</p>"),
            ("$\\int x\\,dx$", "<span data-math-style=\"inline\">\\int x\\,dx</span>"),
            ("$$a_1*b*c_2$$", "<span data-math-style=\"display\">a_1*b*c_2</span>"),
            ("$a<b$", "<span data-math-style=\"inline\">a&lt;b</span>"),
            ("costs $5 or $10", "<p>costs $5 or $10</p>"),
            ("```rust\nfn f() {}\n```", "<code class=\"language-rust\">"),
            (
                "<kbd>Ctrl</kbd> H<sub>2</sub>O x<sup>2</sup><br>y",
                "<kbd>Ctrl</kbd> H<sub>2</sub>O x<sup>2</sup><br>y",
            ),
            (
                "<details open><summary>More</summary>\n\n*text*\n\n</details>",
                "<details open=\"\"><summary>More</summary>",
            ),
            ("<details>\n\n*text*\n\n</details>", "<em>text</em>"),
            ("![alt](/a.png \"t\")", "<img src=\"/a.png\" alt=\"alt\" title=\"t\">"),
        ] {
            let html = to_html(markdown);
            assert!(html.contains(expected), "{markdown:?} gives {html}");
        }
    }

    /// Texts that would run a script, load content or submit a form if they were kept.
    const ATTACKS: &[&str] = &[
        "<script>alert(1)</script>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<SCRIPT SRC=//x.test/x.js></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<details open ontoggle=alert(1)>",
        "<kbd onclick=alert(1) style=\"color:red\">x</kbd>",
        "<sub class=x id=y data-x=1 onmouseover='alert(1)'>x</sub>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java&#115;cript:alert(1))",
        "[x](&#1;javascript:alert(1))",
        "[x](\u{1}javascript:alert(1))",
        "<a href=\"java\tscript:alert(1)\">x</a>",
        "<a href=' javascript:alert(1)'>x</a>",
        "[x](vbscript:msgbox(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](data:image/svg+xml;base64,PHN2Zz4=)",
        "![x](javascript:alert(1))",
        "<javascript:alert(1)>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<style>@import 'x';</style>",
        "<p style=\"background:url(javascript:alert(1))\">x</p>",
        "<iframe src=javascript:alert(1)></iframe>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<object data=x></object><embed src=x>",
        "<form action=//x.test><input name=password type=password><button formaction=javascript:1>",
        "<input type=image src=x onerror=alert(1)>",
        "<base href=//x.test><meta http-equiv=refresh content='0;url=//x.test'>",
        "<link rel=stylesheet href=//x.test/x.css>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<!--><img src=x onerror=alert(1)>-->",
        "<![CDATA[<img src=x onerror=alert(1)>]]>",
        "<textarea><img title='</textarea><img src=x onerror=alert(1)>'>",
        "<details><summary><svg/onload=alert(1)></summary>",
        "```\"onmouseover=alert(1)//\nx\n```",
        "$<img src=x onerror=alert(1)>$",
        "# <img src=x onerror=alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "A[^\"><img src=x onerror=alert(1)>].\n\n[^\"><img src=x onerror=alert(1)>]: n",
    ];

    /// Parts of tags that no sanitized text has.
    const DANGERS: &[&str] = &[
        "<script",
        "<svg",
        "<math",
        "<style",
        "<iframe",
        "<object",
        "<embed",
        "<form",
        "<base",
        "<meta",
        "<link",
        "<button",
        "<textarea",
        "<noscript",
        "javascript:",
        "vbscript:",
        "data:",
        " on",
        " style=",
        "srcdoc",
        "password",
        "type=\"image\"",
    ];

    #[test]
    fn nothing_that_runs_is_kept() {
        for attack in ATTACKS {
            let html = to_html(attack);
            // Text content is harmless: only tags and their attributes are checked.
            let tags = tags(&html).to_ascii_lowercase();
            for danger in DANGERS {
                assert!(!tags.contains(danger), "{attack:?} gives {html}");
            }
        }
    }

    /// The tags of `html`, without the text between them.
    fn tags(html: &str) -> String {
        let after = html.split('<').skip(1);
        after.filter_map(|tag| Some(format!("<{}>", tag.split_once('>')?.0))).collect()
    }

    #[test]
    fn ids_and_classes_are_not_those_of_the_page() {
        let html = to_html("# login\n\n<a id=csrf class='btn anchor'>x</a> <li id=x>y</li>");
        for expected in ["id=\"user-content-login\"", "id=\"user-content-csrf\" class=\"anchor\""] {
            assert!(html.contains(expected), "{html}");
        }
        assert!(!html.contains("btn"), "{html}");
    }
}
