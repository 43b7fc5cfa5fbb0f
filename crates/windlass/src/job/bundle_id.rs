//! Ids of workflows and batches: made like those of jobs, and never the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::JobId;

macro_rules! bundle_id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The id of a ", $what, ". Shown as a decimal string, as ids of jobs are.")]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(JobId);

        impl $name {
            pub(crate) const fn from_i64(value: i64) -> Self {
                Self(JobId::from_i64(value))
            }

            /// The id as an integer.
            pub const fn as_i64(self) -> i64 {
                self.0.as_i64()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                text.parse().map(Self).map_err(|detail: String| {
                    detail.replace("a job id", concat!("a ", $what, " id"))
                })
            }
        }
    };
}

bundle_id!(WorkflowId, "workflow");
bundle_id!(BatchId, "batch");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_what_was_asked_for() {
        assert_eq!("812".parse(), Ok(WorkflowId::from_i64(812)));
        let refused = "x".parse::<BatchId>().unwrap_err();
        assert_eq!(refused, "`x` is not a batch id (decimal digits)");
    }
}
