//! Threads that give way, so that answers and refusals never wait for a processor behind long work.

/// How much the threads of the network give way. They compute all the time; what others do is short.
pub(crate) const NETWORK: i32 = 5;
/// How much a thread gives way that decodes a large image: it would keep a processor from the network for long.
pub(crate) const LARGE_IMAGE: i32 = 10;

/// Makes this thread give way to others by so many steps, and the threads that it will start. Only Linux has a priority
/// for each thread.
pub(crate) fn give_way(by: i32) {
    #[cfg(target_os = "linux")]
    // Where it is forbidden, the thread competes with all others.
    rustix::process::nice(by).ok();
    #[cfg(not(target_os = "linux"))]
    let _ = by;
}
