//! Parameters on their way to PostgreSQL, in its binary format.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, Postgres};
use sqlx::{Type, TypeInfo as _};

use super::texts::Element;
use crate::store::driver::{Batch, Param};

/// Type numbers of `pg_type`, fixed for good (`pg_type.dat` of the server).
const BYTEA: Oid = Oid(17);
const INT8: Oid = Oid(20);
const TEXT: Oid = Oid(25);
const BYTEA_ARRAY: Oid = Oid(1001);
const TEXT_ARRAY: Oid = Oid(1009);
const INT8_ARRAY: Oid = Oid(1016);

/// Lets the server decide: a null fits every type.
const UNSPECIFIED: Oid = Oid(0);

impl Element {
    const fn oid(self) -> Oid {
        match self {
            Self::Int => INT8,
            Self::Text => TEXT,
            Self::Bytes => BYTEA,
        }
    }

    const fn array_oid(self) -> Oid {
        match self {
            Self::Int => INT8_ARRAY,
            Self::Text => TEXT_ARRAY,
            Self::Bytes => BYTEA_ARRAY,
        }
    }
}

/// One value.
pub(super) struct Scalar<'a>(pub(super) Param<'a>);

impl Type<Postgres> for Scalar<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(UNSPECIFIED)
    }
}

impl<'q> Encode<'q, Postgres> for Scalar<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(bytes) = bytes_of(&self.0) else { return Ok(IsNull::Yes) };
        buffer.extend_from_slice(bytes.as_ref());
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(match self.0 {
            Param::Null => UNSPECIFIED,
            Param::Int(_) => INT8,
            Param::Text(_) => TEXT,
            Param::Bytes(_) => BYTEA,
        }))
    }
}

/// One column of a batch, as an array.
pub(super) struct Column<'a> {
    pub(super) batch: &'a Batch<'a>,
    pub(super) index: usize,
    pub(super) element: Element,
}

impl Type<Postgres> for Column<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(UNSPECIFIED)
    }
}

impl<'q> Encode<'q, Postgres> for Column<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        encode_array(buffer, self.element.oid().0, self.batch, self.index)?;
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(self.element.array_oid()))
    }
}

/// Writes one column of a batch as an array, in the server's binary format.
pub(crate) fn encode_array(
    buffer: &mut Vec<u8>,
    element: u32,
    batch: &Batch<'_>,
    index: usize,
) -> Result<(), BoxDynError> {
    let values = || batch.rows().map(|row| &row[index]);
    let has_null = values().any(|value| matches!(value, Param::Null));
    let count = i32::try_from(values().count())?;
    // Dimensions, flags, element type, then length and lower bound of the one dimension.
    for word in [1, i32::from(has_null)] {
        buffer.extend_from_slice(&word.to_be_bytes());
    }
    buffer.extend_from_slice(&element.to_be_bytes());
    for word in [count, 1] {
        buffer.extend_from_slice(&word.to_be_bytes());
    }
    for value in values() {
        match bytes_of(value) {
            None => buffer.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(bytes) => {
                let bytes = bytes.as_ref();
                buffer.extend_from_slice(&i32::try_from(bytes.len())?.to_be_bytes());
                buffer.extend_from_slice(bytes);
            }
        }
    }
    Ok(())
}

/// A value's bytes, on the wire.
enum Wire<'a> {
    Int([u8; 8]),
    Bytes(&'a [u8]),
}

impl AsRef<[u8]> for Wire<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Int(bytes) => bytes,
            Self::Bytes(bytes) => bytes,
        }
    }
}

fn bytes_of<'a>(param: &Param<'a>) -> Option<Wire<'a>> {
    match param {
        Param::Null => None,
        Param::Int(value) => Some(Wire::Int(value.to_be_bytes())),
        Param::Text(text) => Some(Wire::Bytes(text.as_bytes())),
        Param::Bytes(bytes) => Some(Wire::Bytes(bytes)),
    }
}

/// What a column of an answer holds, by its type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Int2,
    Int4,
    Int8,
    Text,
    Bytes,
}

/// Reads a type this crate's statements return.
pub(super) fn kind_of(info: &PgTypeInfo) -> Option<Kind> {
    match info.name() {
        "INT2" => Some(Kind::Int2),
        "INT4" => Some(Kind::Int4),
        "INT8" => Some(Kind::Int8),
        "TEXT" | "VARCHAR" | "NAME" => Some(Kind::Text),
        "BYTEA" => Some(Kind::Bytes),
        _ => None,
    }
}
