//! Metrics of the process, read from `/proc` when they are scraped. Their names are those of Prometheus' own clients.

use procfs::process::Process;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Exports nothing on systems without `/proc`.
#[derive(Debug)]
pub(super) struct ProcessMetrics {
    started: f64,
}

impl ProcessMetrics {
    /// Those of this process, which starts now.
    pub(super) fn start() -> Self {
        let started = hallpass_data::now().timestamp();
        Self { started: as_f64(u64::try_from(started).unwrap_or_default()) }
    }
}

/// The gauges, with their names and descriptions.
fn gauges(process: &Process, started: f64) -> Option<[(&'static str, &'static str, f64); 4]> {
    let (stat, limits) = (process.stat().ok()?, process.limits().ok()?);
    let file_limit = match limits.max_open_files.soft_limit {
        procfs::process::LimitValue::Value(limit) => as_f64(limit),
        procfs::process::LimitValue::Unlimited => f64::INFINITY,
    };
    let files = process.fd_count().ok()?;
    Some([
        (
            "process_resident_memory_bytes",
            "Resident memory size",
            as_f64(stat.rss * procfs::page_size()),
        ),
        ("process_open_fds", "Open file descriptors", as_f64(files as u64)),
        ("process_max_fds", "Maximum number of open file descriptors", file_limit),
        ("process_start_time_seconds", "Start time of the process, since the Unix epoch", started),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 a metric need not be exact")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Ok(process) = Process::myself() else { return Ok(()) };
        for (name, help, value) in gauges(&process, self.started).into_iter().flatten() {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        if let Ok(stat) = process.stat() {
            let ticks = as_f64(stat.utime + stat.stime);
            let seconds = ConstCounter::new(ticks / as_f64(procfs::ticks_per_second()));
            let (name, help) = ("process_cpu_seconds", "User and system processor time");
            seconds.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                seconds.metric_type(),
            )?)?;
        }
        Ok(())
    }
}
