//! What a process costs: proc(5).

/// The unit in which Linux reports processor times to user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of a process, in seconds: its `utime` and `stime`.
pub fn processor_time(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).map_or(0.0, |ticks| ticks.parse::<f64>().unwrap());
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// Resident memory, in MiB.
pub fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
