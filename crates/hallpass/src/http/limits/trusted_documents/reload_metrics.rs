//! Metrics of reading the file of trusted documents.

use hallpass_data::now;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Whether the file was read, and when.
#[derive(Default)]
pub(super) struct ReloadMetrics {
    is_current: Gauge,
    read_at: Gauge,
}

impl ReloadMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "hallpass_trusted_documents_last_read_successful",
            "1 if the last reading of TRUSTED_DOCUMENTS was successful",
            self.is_current.clone(),
        );
        registry.register_with_unit(
            "hallpass_trusted_documents_last_read_success_timestamp",
            "When TRUSTED_DOCUMENTS was read successfully, in Unix time",
            Unit::Seconds,
            self.read_at.clone(),
        );
    }

    /// The file was read, or is bad.
    pub(super) fn read(&self, is_good: bool) {
        self.is_current.set(is_good.into());
        if is_good {
            self.read_at.set(now().timestamp());
        }
    }
}
