//! Trusted documents: those that the build of a client has written to a file. Clients send the hash of one, and
//! `TRUSTED_ONLY` rejects all others.

pub(crate) mod manifest;
mod reload_metrics;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use hallpass_identity::{Caller, Levels};
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;

use reload_metrics::ReloadMetrics;
use watch::Watcher;

use super::document_cache::{Document, DocumentCache};
use crate::access::SchemaView;
use crate::config::TrustedSettings;
use crate::http::graphql::rejection::Rejection;
use crate::schema::{SchemaBuilder, SchemaForView, Schemas};

/// The trusted documents of a file.
pub struct TrustedDocuments {
    settings: TrustedSettings,
    levels: Arc<Levels>,
    checker: Checker,
    known: RwLock<Arc<Known>>,
    watcher: Mutex<Watcher>,
    metrics: ReloadMetrics,
}

/// Checks documents as the requests that send them.
pub(crate) struct Checker {
    documents: Arc<DocumentCache>,
    schema: SchemaBuilder,
}

/// The documents of one version of the file.
struct Known {
    by_id: HashMap<Box<str>, Arc<Document>>,
    /// A client may still send the whole text of a trusted document.
    by_text: HashMap<Arc<str>, Arc<Document>>,
}

impl Checker {
    pub(crate) fn new(documents: Arc<DocumentCache>, schema: SchemaBuilder) -> Self {
        Self { documents, schema }
    }

    /// The schema with all fields. Built when it is needed: a file is read rarely.
    pub(crate) fn full_schema(&self) -> Arc<SchemaForView> {
        Schemas::new(self.schema.clone(), false).for_view(SchemaView::FULL)
    }

    /// Reads and checks the documents of `file`.
    ///
    /// # Errors
    /// With the reason, and the id of the first document that is invalid or exceeds a limit.
    fn read(&self, file: &Path) -> Result<Known, String> {
        let full = self.full_schema();
        let (mut by_id, mut by_text) = (HashMap::new(), HashMap::new());
        for (id, text) in read_manifest(file)? {
            let document = self
                .documents
                .check(&text, &full)
                .map_err(|reason| format!("document `{id}`: {reason}"))?;
            by_text.insert(Arc::clone(&document.text), Arc::clone(&document));
            by_id.insert(id.into(), document);
        }
        Ok(Known { by_id, by_text })
    }
}

/// Reads the manifest `file`.
///
/// # Errors
/// With the reason.
pub(crate) fn read_manifest(file: &Path) -> Result<BTreeMap<String, String>, String> {
    let length = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
    if length > manifest::MAX_BYTES {
        return Err(format!("it has {length} bytes, and {} are allowed", manifest::MAX_BYTES));
    }
    manifest::parse(&std::fs::read(file).map_err(|error| error.to_string())?)
}

impl TrustedDocuments {
    /// The trusted documents of the file of `settings`, whose documents are valid and within the limits.
    ///
    /// # Errors
    /// With the reason.
    pub(crate) fn open(
        settings: TrustedSettings,
        levels: Arc<Levels>,
        checker: Checker,
    ) -> Result<Self, String> {
        let watcher = Mutex::new(Watcher::of(&settings.file));
        let known = RwLock::new(Arc::new(checker.read(&settings.file)?));
        let metrics = ReloadMetrics::default();
        metrics.read(true);
        Ok(Self { settings, levels, checker, known, watcher, metrics })
    }

    /// Registers the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Reads the file again. If it is bad, the documents stay as they are.
    fn reload(&self) {
        match self.checker.read(&self.settings.file) {
            Ok(known) => {
                let count = known.by_id.len();
                self.metrics.read(true);
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
                tracing::info!(count, "TRUSTED_DOCUMENTS: read the changed file");
            }
            Err(reason) => {
                self.metrics.read(false);
                tracing::error!(
                    reason,
                    "TRUSTED_DOCUMENTS: the changed file is bad, and the documents stay as they were: correct the file"
                );
            }
        }
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The document with this id: a hash, with or without the name of its function (`sha256:…`).
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Document>> {
        let known = self.known();
        let bare = id.split_once(':').map(|(_, bare)| bare);
        known.by_id.get(id).or_else(|| known.by_id.get(bare?)).cloned()
    }

    /// The document with this text.
    pub(crate) fn by_text(&self, text: &str) -> Option<Arc<Document>> {
        self.known().by_text.get(text).cloned()
    }

    /// Rejects a document that is not trusted, unless `caller` may send others. `has_id`: an id or a hash was sent,
    /// which is unknown.
    pub(crate) fn check_caller(
        &self,
        caller: Option<&Caller>,
        has_id: bool,
    ) -> Result<(), Rejection> {
        let is_exempt = || {
            let role = self.settings.exempt_role.as_deref()?;
            let inherits = &self.levels.role_inherits;
            Some(caller?.roles().iter().any(|held| inherits.implies(held, role)))
        };
        if !self.settings.trusted_only || is_exempt() == Some(true) {
            return Ok(());
        }
        let message = match has_id {
            true => {
                "Only trusted documents are executed, and none has this hash: the server needs the documents of \
                 this version of the client."
            }
            false => "Only trusted documents are executed: send the hash of one.",
        };
        Err(Rejection::query(message.to_owned()))
    }
}
