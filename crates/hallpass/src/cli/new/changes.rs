//! Changes of an application's files: all are computed before the first is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::field::KEYWORDS;

/// A comment in a file of an application, at which lines are inserted.
pub(super) struct Marker {
    comment: &'static str,
    file: &'static str,
    /// Whether lines are inserted after the comment, the last one first.
    is_first: bool,
}

impl Marker {
    pub(super) const MODULES: Self = Self::new("// hallpass:modules", "src/lib.rs");
    pub(super) const QUERIES: Self = Self::new("// hallpass:queries", "src/lib.rs");
    pub(super) const MUTATIONS: Self = Self::new("// hallpass:mutations", "src/lib.rs");
    pub(super) const SUBSCRIPTIONS: Self = Self::new("// hallpass:subscriptions", "src/lib.rs");
    /// A domain refers to earlier ones, and is registered before them.
    pub(super) const DOMAINS: Self =
        Self { is_first: true, ..Self::new("// hallpass:domains", "src/lib.rs") };
    pub(super) const TESTS: Self = Self::new("// hallpass:tests", "tests/api/main.rs");
    /// Rows are inserted after those that they refer to.
    pub(super) const SEEDS: Self = Self::new("// hallpass:seeds", "tests/api/main.rs");

    const fn new(comment: &'static str, file: &'static str) -> Self {
        Self { comment, file, is_first: false }
    }
}

/// New texts of files.
pub(super) struct Changes {
    root: PathBuf,
    files: BTreeMap<String, String>,
    created: Vec<String>,
}

impl Changes {
    /// Of a new directory.
    pub(super) fn of_directory(root: &Path) -> Self {
        Self { root: root.to_owned(), files: BTreeMap::new(), created: Vec::new() }
    }

    /// Of the application in `root`.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn of_application(root: &Path) -> Result<Self, String> {
        let mut changes = Self::of_directory(root);
        for file in [Marker::DOMAINS.file, Marker::TESTS.file, "Cargo.toml"] {
            let text = std::fs::read_to_string(root.join(file)).map_err(|error| {
                format!(
                    "this directory is not that of an application: {file} cannot be read ({error}); run `new domain` in \
                     a directory that `new app` created"
                )
            })?;
            changes.files.insert(file.to_owned(), text);
        }
        Ok(changes)
    }

    /// The name of the crate, as Rust spells it.
    pub(super) fn crate_name(&self) -> Result<String, String> {
        let manifest = self.files.get("Cargo.toml").map(String::as_str).unwrap_or_default();
        let parsed: Option<toml::Table> = manifest.parse().ok();
        let name = parsed.as_ref().and_then(|table| table.get("package")?.get("name")?.as_str());
        name.map(|name| name.replace('-', "_"))
            .ok_or_else(|| "Cargo.toml has no package.name: add one".to_owned())
    }

    /// The number of occurrences of `part` in a file.
    pub(super) fn count(&self, file: &str, part: &str) -> usize {
        self.files.get(file).map_or(0, |text| text.matches(part).count())
    }

    /// Creates a file.
    ///
    /// # Errors
    /// If it exists.
    pub(super) fn create(&mut self, file: &str, text: String) -> Result<(), String> {
        if self.root.join(file).exists() {
            return Err(format!("{file} exists: rename it, or use another name"));
        }
        self.created.push(file.to_owned());
        self.files.insert(file.to_owned(), text);
        Ok(())
    }

    /// Inserts `line` at `marker`.
    ///
    /// # Errors
    /// If the file does not have the marker once.
    pub(super) fn insert(&mut self, marker: &Marker, line: &str) -> Result<(), String> {
        let Marker { comment, file, is_first } = marker;
        let text = self.files.get_mut(*file).filter(|text| text.matches(comment).count() == 1);
        let Some(text) = text else {
            return Err(format!(
                "{file} does not have the comment `{comment}` once: add it where `{line}` belongs"
            ));
        };
        let inserted = text.lines().map(|old| {
            let indentation = &old[..old.len() - old.trim_start().len()];
            match (old.trim() == *comment, is_first) {
                (false, _) => format!("{old}\n"),
                (true, true) => format!("{old}\n{indentation}{line}\n"),
                (true, false) => format!("{indentation}{line}\n{old}\n"),
            }
        });
        *text = inserted.collect();
        Ok(())
    }

    /// Writes the files, formats those of Rust if rustfmt is installed, and returns the names of the created ones with
    /// their numbers of lines.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn write(self) -> Result<Vec<(String, usize)>, String> {
        let failed = |path: &Path, error: std::io::Error| {
            format!("{} cannot be written: {error}", path.display())
        };
        for (file, text) in &self.files {
            let path = self.root.join(file);
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
            }
            std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
        }
        self.format();
        let lines = |file: &String| {
            let text = std::fs::read_to_string(self.root.join(file)).unwrap_or_default();
            (file.clone(), text.lines().count())
        };
        Ok(self.created.iter().map(lines).collect())
    }

    /// Lines of generated code break at other places with long names.
    fn format(&self) {
        let files = self.files.keys().filter(|file| file.ends_with(".rs"));
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--edition", "2024"]).args(files).current_dir(&self.root);
        let _formatted = rustfmt.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Whether `name` can be the name of a crate.
pub(super) fn is_crate_name(name: &str) -> bool {
    let letters = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter)
    };
    name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(letters)
        && !KEYWORDS.contains(&name)
}
