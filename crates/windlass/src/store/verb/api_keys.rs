//! API keys: made, read, rotated, revoked.

use crate::Error;
use crate::job::{Act, ApiKey, Digests, KeyEdit, KeyRates, KeyRecord, NewKey, Timestamp};
use crate::store::driver::{Param, Row, Tx, Verb, Waits};
use crate::store::rows::instant;
use crate::store::settings;
use crate::store::statements::Sql;

/// A key with what is kept of its secrets.
#[derive(Debug, Clone)]
pub(crate) struct KeyRow {
    pub(crate) record: KeyRecord,
    pub(crate) digests: Digests,
}

impl KeyRow {
    pub(super) fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        let id = row.text()?;
        let (current, old, old_until) = (row.bytes()?, row.opt_bytes()?, instant(row)?);
        let role = row.text()?;
        let role = role
            .parse()
            .map_err(|_| Error::bug(format!("a row holds `{role}` as the role of a key")))?;
        let (namespaces, queues) = (names(row)?, names(row)?);
        let record = KeyRecord {
            id,
            role,
            namespaces,
            queues,
            label: row.text()?,
            created_at: Timestamp::from_micros(row.int()?),
            created_by: row.text()?,
            expires_at: instant(row)?,
            revoked_at: instant(row)?,
            used_at: instant(row)?,
            old_until,
            rates: rates(row)?,
        };
        Ok(Self { record, digests: Digests { current, old: old.zip(old_until) } })
    }

    pub(super) async fn find<T: Tx>(tx: &mut T, id: &str) -> Result<Option<Self>, Error> {
        tx.query(Sql::ApiKeyGet, &[id.into()]).await?.first(Self::read)
    }

    async fn locate<T: Tx>(tx: &mut T, id: &str) -> Result<Self, Error> {
        Self::find(tx, id).await?.ok_or_else(|| Error::not_found(format!("key `{id}`")))
    }
}

fn names(row: &mut Row<'_>) -> Result<Vec<String>, Error> {
    let text = row.text()?;
    serde_json::from_str(&text)
        .map_err(|_| Error::bug("a row holds something else where a list of names belongs"))
}

fn rates(row: &mut Row<'_>) -> Result<KeyRates, Error> {
    let Some(text) = row.opt_text()? else { return Ok(KeyRates::NONE) };
    serde_json::from_str(&text)
        .map_err(|_| Error::bug("a row holds something else where rates of a key belong"))
}

/// As a row holds them: nothing where nothing is said.
fn written(rates: KeyRates) -> Result<Option<String>, Error> {
    if rates == KeyRates::NONE {
        return Ok(None);
    }
    let text = serde_json::to_string(&rates);
    text.map(Some).map_err(|error| Error::bug(format!("rates cannot be written: {error}")))
}

fn list(names: &[String]) -> Result<String, Error> {
    serde_json::to_string(names)
        .map_err(|error| Error::bug(format!("a list of names cannot be written: {error}")))
}

/// Keeps a new key.
#[derive(Debug)]
pub(crate) struct AddKey {
    pub(crate) key: ApiKey,
    pub(crate) new: NewKey,
    pub(crate) by: String,
    /// Only if there is no key at all.
    pub(crate) is_first: bool,
    pub(crate) now: Timestamp,
}

impl Verb for AddKey {
    type Reply = Option<KeyRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Option<KeyRecord>, Error> {
        if self.is_first {
            // One at a time, so that two processes do not both bring the first one.
            settings::touch(tx).await?;
            if !tx.query(Sql::ApiKeyAny, &[]).await?.is_empty() {
                return Ok(None);
            }
        }
        let digest = self.key.digest();
        let (namespaces, queues) = (list(&self.new.namespaces)?, list(&self.new.queues)?);
        let expires_at = self.new.expires_at.map(Timestamp::as_micros);
        let rates = written(self.new.rates)?;
        let params = [
            self.key.id().into(),
            Param::Bytes(&digest),
            self.new.role.as_str().into(),
            namespaces.as_str().into(),
            queues.as_str().into(),
            self.new.label.as_str().into(),
            self.now.as_micros().into(),
            self.by.as_str().into(),
            expires_at.into(),
            rates.as_deref().into(),
        ];
        tx.execute(Sql::ApiKeyInsert, &params).await?;
        Ok(Some(KeyRow::locate(tx, self.key.id()).await?.record))
    }

    async fn landed<T: Tx>(&self, _: &Option<KeyRecord>, tx: &mut T) -> Result<bool, Error> {
        Ok(KeyRow::find(tx, self.key.id()).await?.is_some())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn act(&self) -> Option<Act> {
        Some(server_act("key.create", self.key.id()).detail(self.new.role.as_str()))
    }
}

/// Reads one key; none when there is none.
#[derive(Debug)]
pub(crate) struct FindKey {
    pub(crate) id: String,
}

impl Verb for FindKey {
    type Reply = Option<KeyRow>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Option<KeyRow>, Error> {
        KeyRow::find(tx, &self.id).await
    }
}

/// Reads keys by id.
#[derive(Debug)]
pub(crate) struct ListKeys {
    pub(crate) after: String,
    pub(crate) limit: usize,
}

impl Verb for ListKeys {
    type Reply = Vec<KeyRecord>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<KeyRecord>, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let params = [self.after.as_str().into(), limit.into()];
        let rows = tx.query(Sql::ApiKeyList, &params).await?.read(KeyRow::read)?;
        Ok(rows.into_iter().map(|row| row.record).collect())
    }
}

/// Says whether there is any key, revoked ones included.
#[derive(Debug)]
pub(crate) struct HasKeys;

impl Verb for HasKeys {
    type Reply = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        Ok(!tx.query(Sql::ApiKeyAny, &[]).await?.is_empty())
    }
}

/// Changes what a key is called and how often it may ask.
#[derive(Debug)]
pub(crate) struct ChangeKey {
    pub(crate) id: String,
    pub(crate) edit: KeyEdit,
}

impl Verb for ChangeKey {
    type Reply = KeyRecord;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<KeyRecord, Error> {
        let KeyRecord { label, rates, .. } = KeyRow::locate(tx, &self.id).await?.record;
        let label = self.edit.label.as_deref().unwrap_or(&label);
        let rates = written(self.edit.rates.unwrap_or(rates))?;
        let params = [self.id.as_str().into(), label.into(), rates.as_deref().into()];
        tx.execute(Sql::ApiKeyChange, &params).await?;
        Ok(KeyRow::locate(tx, &self.id).await?.record)
    }

    fn act(&self) -> Option<Act> {
        let rates = self.edit.rates.and_then(|rates| written(rates).ok().flatten());
        let act = server_act("key.update", &self.id);
        Some(act.detail(rates.as_deref().unwrap_or_default()))
    }
}

/// Gives a key another secret; the one it has works on until `until`.
#[derive(Debug)]
pub(crate) struct RotateKey {
    pub(crate) key: ApiKey,
    pub(crate) until: Timestamp,
    pub(crate) now: Timestamp,
}

impl Verb for RotateKey {
    type Reply = KeyRecord;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<KeyRecord, Error> {
        let id = self.key.id();
        let row = KeyRow::locate(tx, id).await?;
        if !row.record.is_live(self.now) {
            return Err(Error::conflict(format!("key `{id}` has ended: make another one")));
        }
        let digest = self.key.digest();
        let (new, old) = (Param::Bytes(&digest), Param::Bytes(&row.digests.current));
        let params = [id.into(), new, old, self.until.as_micros().into()];
        match tx.execute(Sql::ApiKeyRotate, &params).await? {
            0 => Err(Error::moved(format!("key `{id}`"))),
            _ => Ok(KeyRow::locate(tx, id).await?.record),
        }
    }

    async fn landed<T: Tx>(&self, _: &KeyRecord, tx: &mut T) -> Result<bool, Error> {
        let row = KeyRow::find(tx, self.key.id()).await?;
        Ok(row.is_some_and(|row| row.digests.accept(&self.key.digest(), self.now)))
    }

    fn act(&self) -> Option<Act> {
        Some(server_act("key.rotate", self.key.id()))
    }
}

/// Revokes a key and ends its sessions; one that is revoked stays as it is.
#[derive(Debug)]
pub(crate) struct RevokeKey {
    pub(crate) id: String,
    pub(crate) now: Timestamp,
}

impl Verb for RevokeKey {
    type Reply = KeyRecord;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<KeyRecord, Error> {
        tx.execute(Sql::ApiKeyRevoke, &[self.id.as_str().into(), self.now.as_micros().into()])
            .await?;
        tx.execute(Sql::SessionEndOfKey, &[self.id.as_str().into()]).await?;
        Ok(KeyRow::locate(tx, &self.id).await?.record)
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn act(&self) -> Option<Act> {
        Some(server_act("key.revoke", &self.id))
    }
}

/// Notes that a key is used, unless that was noted since `unless_since`.
#[derive(Debug)]
pub(crate) struct NoteUse {
    pub(crate) id: String,
    pub(crate) now: Timestamp,
    pub(crate) unless_since: Timestamp,
}

impl Verb for NoteUse {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let (now, since) = (self.now.as_micros(), self.unless_since.as_micros());
        tx.execute(Sql::ApiKeyUsed, &[self.id.as_str().into(), now.into(), since.into()]).await?;
        Ok(())
    }
}

/// What is done to a key belongs to no namespace.
fn server_act(action: &'static str, id: &str) -> Act {
    Act::new(&"".into(), action, id)
}
