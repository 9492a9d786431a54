//! How the contract's messages travel: limits of HTTP/2 and gRPC that both ends of a connection must agree on.

use std::time::Duration;

/// Largest HTTP/2 frame to arrive: an image tensor or a gradient in one piece. At the default of 16 KiB a step of an
/// inversion waits for several wake-ups of the connection's task.
pub const MAX_FRAME: u32 = 1 << 20;
/// Bytes that one call may have in flight: several activations of an early layer. HTTP/2's default of 64 KiB would
/// stall every image tensor for a round trip.
pub const STREAM_WINDOW: u32 = 4 << 20;
/// Bytes that one connection may have in flight.
pub const CONNECTION_WINDOW: u32 = 16 << 20;
/// How often a silent peer is asked whether it is still there.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long it may take to answer.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest request: what the services take and what the client sends, in bytes.
pub const MAX_REQUEST_BYTES: usize = 32 << 20;
/// Largest reply of a service, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 64 << 20;
