//! W3C trace context: what ties a job to the request that asked for it.

use std::collections::BTreeMap;

use super::TAG_VALUE_BYTES_MAX;

/// The metadata entries that carry it, named as the HTTP headers are.
pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

/// A W3C trace context: the `traceparent` and `tracestate` of a request, handed on with a job.
///
/// ```
/// use windlass::TraceContext;
///
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceContext::new(parent, Some("vendor=1")).expect("a valid context");
/// assert_eq!(trace.traceparent(), parent);
/// assert!(TraceContext::new("00-0-0-00", None).is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: String,
    tracestate: Option<String>,
}

impl TraceContext {
    /// The context of these two headers; none when the first is not valid. Of a `tracestate` longer than
    /// 256 bytes the last entries are left out, and one that is not plain text is ignored.
    pub fn new(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let traceparent = is_valid(traceparent).then(|| traceparent.to_owned())?;
        Some(Self { traceparent, tracestate: tracestate.and_then(shortened) })
    }

    /// What the metadata of a job says.
    pub(crate) fn of(metadata: &BTreeMap<String, String>) -> Option<Self> {
        Self::new(metadata.get(TRACEPARENT)?, metadata.get(TRACESTATE).map(String::as_str))
    }

    /// The header `traceparent`.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The header `tracestate`.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }
}

/// Whether this is version, trace id, parent id and flags as the standard has them.
fn is_valid(traceparent: &str) -> bool {
    let is_hex = |part: &str, length| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.len() == length && part.bytes().all(is_digit)
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
    let parts: Vec<&str> = traceparent.split('-').collect();
    let [version, trace, parent, flags, rest @ ..] = parts.as_slice() else { return false };
    let is_known = *version != "00" || rest.is_empty();
    is_hex(version, 2)
        && *version != "ff"
        && is_known
        && is_id(trace, 32)
        && is_id(parent, 16)
        && is_hex(flags, 2)
        && traceparent.len() <= TAG_VALUE_BYTES_MAX
}

fn shortened(tracestate: &str) -> Option<String> {
    let is_plain = tracestate.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let mut kept = tracestate.trim();
    while kept.len() > TAG_VALUE_BYTES_MAX {
        kept = kept.rsplit_once(',')?.0;
    }
    (is_plain && !kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_what_the_standard_allows_is_a_parent() {
        let later = format!("01{}-more", &PARENT[2..]);
        let broken = [
            String::new(),
            PARENT.to_uppercase(),
            PARENT.replace("00-4", "ff-4"),
            PARENT.replace("00f067aa0ba902b7", "0000000000000000"),
            PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            format!("{PARENT}-more"),
            PARENT[..54].to_owned(),
        ];

        assert!(is_valid(PARENT) && is_valid(&later));
        for parent in broken {
            assert!(!is_valid(&parent), "{parent}");
        }
    }

    #[test]
    fn a_long_state_loses_its_last_entries() {
        let entry = format!("vendor={}", "x".repeat(90));
        let state = [entry.as_str(); 4].join(",");

        let trace = TraceContext::new(PARENT, Some(&state)).unwrap();

        assert_eq!(trace.tracestate(), Some([entry.as_str(); 2].join(",").as_str()));
        assert_eq!(TraceContext::new(PARENT, Some("a=\u{e9}")).unwrap().tracestate(), None);
    }
}
