//! The service: its jobs share the fate of its orders, whatever becomes of the process.

mod inside;
mod killed;
mod place;
