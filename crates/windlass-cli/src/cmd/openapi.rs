//! `windlass openapi`.

use crate::exit::Failure;
use crate::output;

/// Prints what the server answers at `/api/v1/openapi.json`.
pub(crate) fn run() -> Result<(), Failure> {
    output::line(windlass_server::openapi().trim_end())
}
