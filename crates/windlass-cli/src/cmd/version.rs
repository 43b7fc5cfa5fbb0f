//! `windlass version`.

use crate::exit::Failure;
use crate::output;

/// Prints name and version, as `--version` does.
pub(crate) fn run() -> Result<(), Failure> {
    output::line(concat!("windlass ", env!("CARGO_PKG_VERSION")))
}
