//! The HTML of the doctor page. `maud` escapes all text of the report. Paths are relative: a proxy may serve the page below
//! a path of its own.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};

use crate::doctor::render::printable;
use crate::doctor::{Explanation, Finding, Report, Severity, Step};

pub(super) const STYLE: &str = include_str!("doctor.css");

const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E\
    %3Crect x='3' y='2' width='18' height='20' rx='4' fill='%23d6067f'/%3E\
    %3Crect x='9' y='4.5' width='6' height='2' rx='1' fill='%23fff'/%3E\
    %3Cpath d='m8 14 3 3 5.5-6' fill='none' stroke='%23fff' stroke-width='2.2' stroke-linecap='round' \
    stroke-linejoin='round'/%3E%3C/svg%3E";

pub(super) fn page(report: &Report, program: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { "Hallpass doctor" }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Hallpass doctor" }
                    nav { a href="graphql" { "GraphiQL" } }
                }
                main {
                    (form())
                    @if let Some(explanation) = &report.credential { (credential(explanation)) }
                    section aria-label="Setup" {
                        h2 { "Setup" }
                        ul {
                            @for Finding { level, name, message, fix } in &report.setup {
                                (row(level.into(), Some(*level), name, message, fix.as_deref()))
                            }
                        }
                        p.note {
                            code { (program) " doctor" } " prints the same report, in production too."
                        }
                    }
                }
            }
        }
    }
}

fn form() -> Markup {
    let placeholder = "Bearer eyJ…, or better-auth.session_token=…";
    html! {
        form method="post" action="doctor" autocomplete="off" {
            label for="credential" { "Why is this credential not accepted?" }
            textarea #credential name="credential" rows="4" required spellcheck="false"
                autocapitalize="off" placeholder=(placeholder) {}
            fieldset {
                legend { "Send as" }
                label {
                    input type="radio" name="place" value="token" checked; "Authorization: Bearer"
                }
                label { input type="radio" name="place" value="cookie"; "Cookie" }
                label { input type="radio" name="place" value="api-key"; "x-api-key" }
                button { "Explain" }
            }
        }
    }
}

fn credential(explanation: &Explanation) -> Markup {
    let Explanation { kind, header, claims, checks, verdict, reason, fix } = explanation;
    let (word, severity): (&str, &str) = (verdict.into(), verdict.severity().into());
    html! {
        section.credential.(severity) aria-label="The credential" {
            h2 { (word) ": " (kind) }
            p { (text(reason, fix.as_deref())) }
            ul {
                @for Step { check, about, outcome } in checks {
                    (row(outcome.into(), outcome.severity(), check, about, None))
                }
            }
            (json("header", header.as_ref()))
            (json("claims", claims.as_ref()))
        }
    }
}

/// One line of a list: a word in the colour of `severity`, a name, and a text.
fn row(
    word: &str,
    severity: Option<Severity>,
    name: &str,
    message: &str,
    fix: Option<&str>,
) -> Markup {
    html! {
        li class=[severity.map(<&str>::from)] {
            b { (word) }
            i { (name) }
            span { (text(message, fix)) }
        }
    }
}

fn text(message: &str, fix: Option<&str>) -> Markup {
    html! {
        (message)
        @if let Some(fix) = fix { em { "fix: " (fix) } }
    }
}

fn json(name: &str, object: Option<&Map<String, Value>>) -> Markup {
    html! {
        @if let Some(object) = object {
            h3 { (name) }
            dl {
                @for (name, value) in object {
                    dt { (printable(name)) }
                    dd { (printable(&value.to_string())) }
                }
            }
        }
    }
}
