//! The documents of clients: their cache, and those that are trusted.

use std::sync::Arc;

use crate::application::Application;
use crate::config::{Config, invalid};
use crate::http::{Checker, DocumentCache, TrustedDocuments, Weights};
use hallpass_identity::Levels;

use super::StartError;

/// An empty cache of documents.
pub(crate) fn document_cache(application: &Application, config: &Config) -> Arc<DocumentCache> {
    let weights = Weights::of(application);
    Arc::new(DocumentCache::new(config.limits, config.introspection, weights))
}

/// The documents of clients.
pub(super) struct Documents {
    pub(super) cache: Arc<DocumentCache>,
    /// Those that are trusted, if TRUSTED_DOCUMENTS is set.
    pub(super) trusted: Option<Arc<TrustedDocuments>>,
}

impl Documents {
    /// An empty cache, and the trusted documents.
    pub(super) fn open(
        application: &Application,
        config: &Config,
        levels: &Arc<Levels>,
    ) -> Result<Self, StartError> {
        let cache = document_cache(application, config);
        let trusted = trusted_documents(application, config, &cache, levels)?;
        Ok(Self { cache, trusted })
    }
}

fn trusted_documents(
    application: &Application,
    config: &Config,
    documents: &Arc<DocumentCache>,
    levels: &Arc<Levels>,
) -> Result<Option<Arc<TrustedDocuments>>, StartError> {
    let Some(settings) = config.trusted.clone() else { return Ok(None) };
    let file = settings.file.display().to_string();
    let checker = Checker::new(Arc::clone(documents), application.schema().clone());
    match TrustedDocuments::open(settings, Arc::clone(levels), checker) {
        Ok(trusted) => Ok(Some(Arc::new(trusted))),
        Err(reason) => Ok(invalid(format!("TRUSTED_DOCUMENTS: {file}: {reason}"))?),
    }
}
