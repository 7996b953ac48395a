//! Field specifications: `dueAt:DateTime`, `text:String!`, `project:Project!`.

use super::name::Name;

/// The types of fields, besides the other domains of the application.
const TYPES: &str = "String, Int, Float, Boolean, DateTime, Date, ID";
/// Fields of every domain.
const OWN_FIELDS: [&str; 5] = ["id", "owner_id", "version", "created_at", "updated_at"];
/// Keywords of Rust.
pub(super) const KEYWORDS: [&str; 49] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "use", "where", "while", "yield",
];

/// A field of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: Name,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Int,
    Float,
    Boolean,
    DateTime,
    Date,
    Id,
    /// A row of another domain, with the same owner.
    Reference(Target),
}

/// A domain that another refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: Name,
    /// The name of its module.
    pub(super) module: String,
    /// The type of its global IDs.
    pub(super) id: String,
}

impl Target {
    pub(super) fn new(name: Name, module: String) -> Self {
        Self { id: format!("Id<{}>", name.pascal()), name, module }
    }
}

impl Field {
    /// Parses a specification. `find` finds the module of another domain.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn parse(
        specification: &str,
        find: impl Fn(&Name) -> Option<String>,
    ) -> Result<Self, String> {
        let Some((text, kind)) = specification.split_once(':') else {
            return Err(format!(
                "the field `{specification}` has no type: write {specification}:String!, or another of {TYPES}"
            ));
        };
        let name = Name::parse(text).ok_or_else(|| {
            format!(
                "`{text}` in `{specification}` is not a name of a field: use at most 30 ASCII letters and digits, such \
                 as dueAt"
            )
        })?;
        let snake = name.snake();
        if OWN_FIELDS.contains(&snake.as_str()) {
            return Err(format!(
                "every domain has the field `{text}`: leave out `{specification}`"
            ));
        }
        if KEYWORDS.contains(&snake.as_str()) {
            return Err(format!(
                "`{text}` in `{specification}` is a keyword of Rust: use another name, such as {text}Name"
            ));
        }
        let (kind, is_required) = match kind.strip_suffix('!') {
            Some(kind) => (kind, true),
            None => (kind, false),
        };
        let kind = match kind {
            "String" => Kind::String,
            "Int" => Kind::Int,
            "Float" => Kind::Float,
            "Boolean" => Kind::Boolean,
            "DateTime" => Kind::DateTime,
            "Date" => Kind::Date,
            "ID" => Kind::Id,
            other => {
                let target = Name::parse(other).filter(|name| name.pascal() == other);
                let found = target.and_then(|name| Some(Target::new(name.clone(), find(&name)?)));
                Kind::Reference(found.ok_or_else(|| {
                    format!(
                        "the type `{other}` of `{specification}` is unknown: use one of {TYPES}, or a domain of this \
                         application, such as Project, which `new domain project` creates"
                    )
                })?)
            }
        };
        if matches!(kind, Kind::Reference(_)) && !is_required {
            return Err(format!(
                "`{specification}` is a reference, which is required: write {specification}!; a row is deleted with the \
                 one that it refers to"
            ));
        }
        Ok(Self { name, kind, is_required })
    }

    /// The column, which is also the field of the row.
    pub(super) fn column(&self) -> String {
        match self.kind {
            Kind::Reference(_) => format!("{}_id", self.name.snake()),
            _ => self.name.snake(),
        }
    }

    /// The variant of the column.
    pub(super) fn variant(&self) -> String {
        match self.kind {
            Kind::Reference(_) => format!("{}Id", self.name.pascal()),
            _ => self.name.pascal(),
        }
    }

    /// Whether lists can be sorted by it.
    pub(super) fn is_sortable(&self) -> bool {
        matches!(self.kind, Kind::String | Kind::Int | Kind::DateTime)
    }

    pub(super) fn target(&self) -> Option<&Target> {
        match &self.kind {
            Kind::Reference(target) => Some(target),
            _ => None,
        }
    }

    /// `of`, or an `Option` of it if the field may be null.
    pub(super) fn nullable(&self, of: &str) -> String {
        if self.is_required { of.to_owned() } else { format!("Option<{of}>") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(specification: &str) -> Result<Field, String> {
        Field::parse(specification, |name| (name.snake() == "project").then(|| "projects".into()))
    }

    #[test]
    fn fields_have_a_name_and_a_type() {
        let field = parse("dueAt:DateTime").unwrap();
        assert_eq!(
            (field.column(), field.kind, field.is_required),
            ("due_at".into(), Kind::DateTime, false)
        );
        let field = parse("text:String!").unwrap();
        assert_eq!((field.kind, field.is_required), (Kind::String, true));
        let field = parse("project:Project!").unwrap();
        assert_eq!((field.column(), field.variant()), ("project_id".into(), "ProjectId".into()));
        assert_eq!(field.target().unwrap().module, "projects");
    }

    #[test]
    fn errors_name_the_argument_and_the_fix() {
        for (specification, expected) in [
            ("text", "`text` has no type: write text:String!"),
            ("a b:Int", "`a b` in `a b:Int` is not a name of a field"),
            (":Int", "is not a name of a field"),
            ("id:ID", "every domain has the field `id`: leave out"),
            ("createdAt:DateTime", "every domain has the field `createdAt`"),
            ("type:String", "`type` in `type:String` is a keyword of Rust: use another name"),
            ("text:Text!", "the type `Text` of `text:Text!` is unknown: use one of String, Int"),
            ("text:string", "the type `string`"),
            ("project:project!", "the type `project`"),
            (
                "project:Project",
                "`project:Project` is a reference, which is required: write project:Project!",
            ),
            ("text:", "the type ``"),
        ] {
            let error = parse(specification).unwrap_err();
            assert!(error.contains(expected), "{specification}: {error}");
        }
    }
}
