//! What the tests of all crates share: a fresh database per test, a clock that only the test moves,
//! jobs and handlers in a line, and the check of all invariants at the end.

mod admin;
mod backend;
mod faulty;
mod harness;
mod proxy;
mod script;

pub use admin::Admin;
pub use backend::Backend;
pub use faulty::Faulty;
pub use harness::{Harness, JobBuilder};
pub use proxy::{Proxy, Trap};
pub use script::{Act, Script, scripted};

/// Runs each behaviour on every backend. A behaviour that is not listed is dead code and fails the
/// build, so none can be forgotten.
///
/// A behaviour is an `async fn(&Harness)`; when it returns, the invariants of the database are
/// checked.
#[macro_export]
macro_rules! every_backend {
    ($($behaviour:ident),+ $(,)?) => {
        mod sqlite_file {
            $(#[tokio::test] async fn $behaviour() {
                let harness = $crate::Harness::sqlite_file().await;
                super::$behaviour(&harness).await;
                harness.check().await;
            })+
        }
        mod postgres {
            $(#[tokio::test] async fn $behaviour() {
                let Some(harness) = $crate::Harness::postgres().await else { return };
                super::$behaviour(&harness).await;
                harness.check().await;
            })+
        }
        mod mysql {
            $(#[tokio::test] async fn $behaviour() {
                let Some(harness) = $crate::Harness::mysql().await else { return };
                super::$behaviour(&harness).await;
                harness.check().await;
            })+
        }
        mod pgbouncer {
            $(#[tokio::test] async fn $behaviour() {
                let Some(harness) = $crate::Harness::pgbouncer().await else { return };
                super::$behaviour(&harness).await;
                harness.check().await;
            })+
        }
        mod sqlite_memory {
            $(#[tokio::test] async fn $behaviour() {
                let harness = $crate::Harness::sqlite_memory().await;
                super::$behaviour(&harness).await;
                harness.check().await;
            })+
        }
    };
}

/// Runs each behaviour on every database server, by way of a [`Proxy`] and with the machine's clock:
/// what these are about takes place in real time.
///
/// A behaviour is an `async fn(&Faulty)`; when it returns, the invariants of the database are checked.
#[macro_export]
macro_rules! every_server {
    ($($behaviour:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test] async fn $behaviour() {
                let Some(faulty) = $crate::Faulty::before($crate::Backend::Postgres).await else { return };
                super::$behaviour(&faulty).await;
                faulty.check().await;
            })+
        }
        mod mysql {
            $(#[tokio::test] async fn $behaviour() {
                let Some(faulty) = $crate::Faulty::before($crate::Backend::Mysql).await else { return };
                super::$behaviour(&faulty).await;
                faulty.check().await;
            })+
        }
    };
}
