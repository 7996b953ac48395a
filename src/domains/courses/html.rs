//! HTML cache: renders Markdown on blocking threads, limited by a semaphore, and caches the result by text hash.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;

use aws_lc_rs::digest;
use moka::future::Cache;
use tokio::sync::Semaphore;

use super::markdown::{TooComplex, as_plain_text, to_html};

/// Capacity of the cache, in bytes of HTML.
const CAPACITY_BYTES: u64 = 16 * 1024 * 1024;

/// The SHA-256 hash of a text.
type Hash = [u8; 32];

/// Renders Markdown to HTML and caches the result.
pub struct HtmlCache {
    rendered: Cache<Hash, Arc<str>>,
    permits: Arc<Semaphore>,
}

impl Default for HtmlCache {
    /// An empty cache that renders on at most half of the processors.
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        let weight = |_: &Hash, html: &Arc<str>| html.len().try_into().unwrap_or(u32::MAX);
        Self {
            rendered: Cache::builder().max_capacity(CAPACITY_BYTES).weigher(weight).build(),
            permits: Arc::new(Semaphore::new((processors / 2).max(1))),
        }
    }
}

impl HtmlCache {
    /// The HTML of `markdown`. A text that is too complex is returned as escaped plain text; such a text can only
    /// have been stored by other means than this API.
    pub(crate) async fn get(&self, markdown: &Arc<str>) -> Arc<str> {
        let html = self.rendered.get_with(hash(markdown), async {
            let html = self.render(Arc::clone(markdown)).await;
            html.unwrap_or_else(|TooComplex| as_plain_text(markdown)).into()
        });
        html.await
    }

    /// Renders `markdown` on a blocking thread. The permit is held until the work has ended, even if the request
    /// is cancelled.
    ///
    /// # Errors
    /// When the text is too complex.
    pub(crate) async fn render(&self, markdown: Arc<str>) -> Result<String, TooComplex> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            let html = to_html(&markdown);
            drop(permit);
            html
        });
        work.await.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()))
    }
}

fn hash(text: &str) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    hash
}
