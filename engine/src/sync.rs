//! The atomics of what is handed from thread to thread. They are named here so that `tests/schedules` can put its own in their place,
//! which let it choose what happens in which order.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
