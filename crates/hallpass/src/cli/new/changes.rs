//! Changes of an application's files: all are computed before the first is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::field::KEYWORDS;

/// A comment in a file of an application, at which lines are inserted.
pub(super) struct Marker {
    comment: &'static str,
    file: &'static str,
    place: Place,
}

/// Where a line is inserted.
#[derive(Clone, Copy)]
enum Place {
    Before,
    After,
    /// Before, among the lines that end with a semicolon, in alphabetical order.
    Sorted,
}

impl Marker {
    pub(super) const MODULES: Self = Self::in_library("// hallpass:modules", Place::Sorted);
    pub(super) const QUERIES: Self = Self::in_library("// hallpass:queries", Place::Before);
    pub(super) const MUTATIONS: Self = Self::in_library("// hallpass:mutations", Place::Before);
    pub(super) const SUBSCRIPTIONS: Self =
        Self::in_library("// hallpass:subscriptions", Place::Before);
    /// A domain refers to earlier ones, and is registered before them.
    pub(super) const DOMAINS: Self = Self::in_library("// hallpass:domains", Place::After);
    pub(super) const TESTS: Self = Self::in_tests("// hallpass:tests", Place::Sorted);
    /// Rows are inserted after those that they refer to.
    pub(super) const SEEDS: Self = Self::in_tests("// hallpass:seeds", Place::Before);

    const fn in_library(comment: &'static str, place: Place) -> Self {
        Self { comment, file: "src/lib.rs", place }
    }

    const fn in_tests(comment: &'static str, place: Place) -> Self {
        Self { comment, file: "tests/api/main.rs", place }
    }
}

/// New texts of files.
pub(super) struct Changes {
    root: PathBuf,
    manifest: String,
    files: BTreeMap<String, String>,
    created: Vec<String>,
}

impl Changes {
    /// Of a new directory.
    pub(super) fn of_directory(root: &Path) -> Self {
        let (manifest, files) = (String::new(), BTreeMap::new());
        Self { root: root.to_owned(), manifest, files, created: Vec::new() }
    }

    /// Of the application in `root`.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn of_application(root: &Path) -> Result<Self, String> {
        let mut changes = Self::of_directory(root);
        let read = |file: &str| {
            std::fs::read_to_string(root.join(file)).map_err(|error| {
                format!(
                    "this directory is not that of an application: {file} cannot be read ({error}); run `new domain` in \
                     a directory that `new app` created"
                )
            })
        };
        for Marker { file, .. } in [Marker::DOMAINS, Marker::TESTS] {
            changes.files.insert(file.to_owned(), read(file)?);
        }
        changes.manifest = read("Cargo.toml")?;
        Ok(changes)
    }

    /// The name of the crate, as Rust spells it.
    pub(super) fn crate_name(&self) -> Result<String, String> {
        let parsed: Option<toml::Table> = self.manifest.parse().ok();
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
        let Marker { comment, file, place } = marker;
        let text = self.files.get(*file).filter(|text| text.matches(comment).count() == 1);
        let mut lines: Vec<_> = text.into_iter().flat_map(|text| text.lines()).collect();
        let Some(at) = lines.iter().position(|line| line.trim() == *comment) else {
            return Err(format!(
                "{file} does not have the comment `{comment}` once, on a line of its own: add it where `{line}` belongs"
            ));
        };
        let indentation = lines[at].len() - lines[at].trim_start().len();
        let line = format!("{:indentation$}{line}", "");
        let is_later = |other: &&&str| other.ends_with(';') && ***other > *line;
        let later = lines[..at].iter().rev().take_while(is_later).count();
        let at = match place {
            Place::Before => at,
            Place::After => at + 1,
            Place::Sorted => at - later,
        };
        lines.insert(at, &line);
        let changed = format!("{}\n", lines.join("\n"));
        self.files.insert((*file).to_owned(), changed);
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
        let files = self.created.iter().filter(|file| file.ends_with(".rs"));
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
