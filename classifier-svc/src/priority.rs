//! Threads that give way.

/// By how many steps a thread gives way that works for long.
const STEPS: i32 = 19;

/// Makes this thread give way to all others of the process, as long as they have something to do. Only Linux has a priority
/// for each thread.
pub(crate) fn give_way() {
    #[cfg(target_os = "linux")]
    // Where it is forbidden, the thread competes with the others.
    rustix::process::nice(STEPS).ok();
}
