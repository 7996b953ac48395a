//! How many WebSockets and event streams the largest holder has, as a metric. Who that is, the log says.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{CallerLimiter, ConnectionLimiter};

/// Counts when it is scraped.
struct LargestHolder {
    callers: CallerLimiter,
    addresses: ConnectionLimiter,
}

/// Registers the metric of these limiters.
pub(crate) fn register(
    callers: CallerLimiter,
    addresses: ConnectionLimiter,
    registry: &mut Registry,
) {
    registry.register_collector(Box::new(LargestHolder { callers, addresses }));
}

impl fmt::Debug for LargestHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LargestHolder")
    }
}

impl Collector for LargestHolder {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (name, help) = (
            "hallpass_streaming_connections_largest_holder",
            "Open WebSockets and event streams of the caller, and of the address, that has most",
        );
        let of = |held: usize| ConstGauge::new(u64::try_from(held).unwrap_or(u64::MAX));
        let largest = [
            ("caller", of(self.callers.most_connections())),
            ("address", of(self.addresses.most_of_an_address())),
        ];
        let kind = largest[0].1.metric_type();
        let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
        for (holder, held) in largest {
            held.encode(metric.encode_family(&[("holder", holder)])?)?;
        }
        Ok(())
    }
}
