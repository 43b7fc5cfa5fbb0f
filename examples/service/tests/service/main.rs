//! The service: its jobs share the fate of its orders, whatever becomes of the process.

#![expect(clippy::unwrap_used, reason = "what goes wrong here is a failed test")]

mod inside;
mod killed;
mod place;
