//! How much memory training may take. Nothing that comes out depends on it.

use std::sync::OnceLock;

/// Where the system does not tell: what any machine has.
const UNKNOWN: usize = 1 << 30;

/// How many bytes a batch may keep for its backward pass: half of what was available when this was first asked.
pub(crate) fn for_tapes() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    #[cfg(test)]
    if let Some(size) = LIMIT.get() {
        return size;
    }
    *SIZE.get_or_init(|| available().unwrap_or(UNKNOWN) / 2)
}

/// What Linux says is available without swapping.
fn available() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
thread_local! {
    /// What a test says instead, on its own thread.
    pub(crate) static LIMIT: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}
