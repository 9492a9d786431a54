//! Starts both services for a test.
