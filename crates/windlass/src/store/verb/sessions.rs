//! Sessions: opened with a key, read with it, ended.
//!
//! Invariant: a session counts as long as the secret that opened it would: it holds nothing of its own but a time.

use super::KeyRow;
use crate::Error;
use crate::job::{ApiKey, SESSIONS_OF_KEY_MAX, SessionRecord, Timestamp};
use crate::store::driver::{Param, Row, Tx, Verb, Waits};
use crate::store::statements::Sql;

/// Rows a trim looks at.
const TRIM_MAX: i64 = 500;

/// Sessions that end when another is opened: more than one only where several were opened at the same time.
const SURPLUS_MAX: usize = 10;

/// Opens a session for a key that counts.
#[derive(Debug)]
pub(crate) struct OpenSession {
    pub(crate) digest: [u8; 32],
    pub(crate) key: ApiKey,
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
}

impl Verb for OpenSession {
    type Reply = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        let (id, secret) = (self.key.id(), self.key.digest());
        let found = KeyRow::find(tx, id).await?;
        let counts =
            |row: KeyRow| row.record.is_live(self.now) && row.digests.accept(&secret, self.now);
        if !found.is_some_and(counts) {
            return Ok(false);
        }
        let stay = SESSIONS_OF_KEY_MAX - 1;
        let limit = i64::try_from(stay + SURPLUS_MAX).unwrap_or(i64::MAX);
        let params = [id.into(), limit.into()];
        let known = tx
            .query(Sql::SessionOfKey, &params)
            .await?
            .read(|row: &mut Row<'_>| Row::bytes(row))?;
        for digest in known.iter().skip(stay) {
            tx.execute(Sql::SessionEnd, &[Param::Bytes(digest)]).await?;
        }
        let params = [
            Param::Bytes(&self.digest),
            id.into(),
            Param::Bytes(&secret),
            self.now.as_micros().into(),
            self.until.as_micros().into(),
        ];
        tx.execute(Sql::SessionInsert, &params).await?;
        Ok(true)
    }

    async fn landed<T: Tx>(&self, _: &bool, tx: &mut T) -> Result<bool, Error> {
        let params = [Param::Bytes(&self.digest), self.now.as_micros().into()];
        Ok(!tx.query(Sql::SessionGet, &params).await?.is_empty())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Reads a session that counts.
#[derive(Debug)]
pub(crate) struct FindSession {
    pub(crate) digest: [u8; 32],
    pub(crate) now: Timestamp,
}

impl Verb for FindSession {
    type Reply = Option<SessionRecord>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Option<SessionRecord>, Error> {
        let params = [Param::Bytes(&self.digest), self.now.as_micros().into()];
        let found = tx.query(Sql::SessionGet, &params).await?.first(|row| {
            let key = KeyRow::read(row)?;
            Ok((key, row.bytes()?, Timestamp::from_micros(row.int()?)))
        })?;
        let Some((key, secret, expires_at)) = found else { return Ok(None) };
        let counts =
            <[u8; 32]>::try_from(secret).is_ok_and(|secret| key.digests.accept(&secret, self.now));
        let record = Some(key.record).filter(|key| counts && key.is_live(self.now));
        Ok(record.map(|key| SessionRecord { key, expires_at }))
    }
}

/// Ends a session.
#[derive(Debug)]
pub(crate) struct EndSession {
    pub(crate) digest: [u8; 32],
}

impl Verb for EndSession {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        tx.execute(Sql::SessionEnd, &[Param::Bytes(&self.digest)]).await?;
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Forgets sessions whose time has ended.
pub(super) async fn trim<T: Tx>(tx: &mut T, now: Timestamp) -> Result<(), Error> {
    let params = [now.as_micros().into(), TRIM_MAX.into()];
    let ended = tx.query(Sql::SessionEdge, &params).await?.ints()?;
    if let Some(last) = ended.last() {
        tx.execute(Sql::SessionTrim, &[(*last).into()]).await?;
    }
    Ok(())
}
