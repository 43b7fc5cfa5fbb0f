//! Named defects that the checkers have to catch (feature `sabotage`, docs/testing.md).
//!
//! Without the feature every question is answered with a constant no and compiles to nothing.

/// True when a test asked for this defect with `WINDLASS_SABOTAGE=name`.
#[cfg(feature = "sabotage")]
pub(crate) fn on(defect: &str) -> bool {
    static WANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var("WINDLASS_SABOTAGE").ok());
    wanted.as_deref() == Some(defect)
}

/// No: this build has no defects on purpose.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn on(_defect: &str) -> bool {
    false
}
