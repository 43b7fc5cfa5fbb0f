//! Private database servers for tests and benches: found or installed, started in a folder of their
//! own on a free loopback port, crashed, started again and stopped.
//!
//! Nothing here ever talks to a server it did not start, so a database that the machine runs for
//! somebody else is safe. Standard library only and Linux only: processes are watched through
//! `/proc` and signalled through the shell's `kill`.

mod error;
mod find;
mod folder;
mod install;
mod kind;
mod mariadb;
mod pgbouncer;
mod place;
mod port;
mod postgres;
mod process;
mod server;
mod state;

pub use error::Error;
pub use find::find;
pub use folder::{TemporaryFolder, is_in_memory};
pub use install::install;
pub use kind::Kind;
pub use server::Server;
