//! Things that are paused from their first moment on.

use crate::Error;
use crate::job::Act;
use crate::store::driver::{Tx, Verb, Waits};

/// Makes something and pauses it, in one transaction: nobody sees it run before.
#[derive(Debug)]
pub(crate) struct Paused<M, P> {
    pub(crate) make: M,
    pub(crate) pause: Option<P>,
}

impl<M: Verb, P: Verb> Verb for Paused<M, P> {
    type Reply = M::Reply;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<M::Reply, Error> {
        let made = self.make.run(tx).await?;
        if let Some(pause) = &self.pause {
            pause.run(tx).await?;
        }
        Ok(made)
    }

    async fn landed<T: Tx>(&self, made: &M::Reply, tx: &mut T) -> Result<bool, Error> {
        self.make.landed(made, tx).await
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn act(&self) -> Option<Act> {
        let act = self.make.act()?;
        Some(if self.pause.is_some() { act.detail("paused") } else { act })
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::job::{PauseOptions, PauseScope, QueueSettings, Timestamp};
    use crate::runtime::Clock;
    use crate::store::sql_store::SqlStore;
    use crate::store::sqlite::Sqlite;
    use crate::store::verb::{ChangePause, PutQueue};
    use crate::store::{Expected, QueuePage, QueueStore as _};

    #[tokio::test]
    async fn what_cannot_be_paused_is_not_made() {
        let clock = Clock::manual(Timestamp::from_micros(1_800_000_000_000_000));
        let now = clock.now();
        let driver = Sqlite::open_memory(&clock).await.unwrap();
        let store = SqlStore::new(driver, clock).unwrap();
        let paused = |name: &str, pauses: &str| Paused {
            make: PutQueue {
                namespace: "default".into(),
                name: name.to_owned(),
                settings: QueueSettings::default(),
                expected: Expected::New,
                now,
                shared: store.shared(),
            },
            pause: Some(ChangePause {
                namespace: "default".into(),
                scope: PauseScope::Queue(pauses.to_owned()),
                pause: Some(PauseOptions::default()),
                now,
                shared: store.shared(),
            }),
        };

        store.effect(paused("a", "a")).await.unwrap();
        let refused = store.effect(paused("b", "none")).await;

        assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
        let page = QueuePage { only: None, after: String::new(), limit: 10 };
        let queues = store.queues(&"default".into(), page).await.unwrap();
        let queues: Vec<_> = queues.iter().map(|it| (&*it.name, it.paused.is_some())).collect();
        assert_eq!(queues, [("a", true)]);
    }
}
