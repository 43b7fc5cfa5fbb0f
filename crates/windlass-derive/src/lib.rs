//! The derive macro of Windlass. Use it through the `windlass` crate, which re-exports it.
//!
//! The macro only writes the impl a person would write by hand: a kind, a queue, an output type
//! and a policy. Every value is checked here, so a mistake is an error at the key or value at
//! fault and never a surprise when the program starts.

mod attributes;
mod expand;
mod values;

use proc_macro::TokenStream;

/// Implements `windlass::Job` for a struct or enum that serde can read and write.
///
/// Every key of `#[job(..)]` is optional:
///
/// | key | value | when left out |
/// |---|---|---|
/// | `kind` | a name, the handler's key in the database | the type's name in `snake_case` |
/// | `queue` | a name | `"default"` |
/// | `output` | the type a handler returns | `()` |
/// | `priority` | `"critical"`, `"high"`, `"normal"`, `"low"` or `"bulk"` | the policy's default |
/// | `max_attempts` | 1 to 2147483647 | the policy's default |
/// | `max_crashes` | 1 to 100 | the policy's default |
/// | `timeout` | a duration above zero | the policy's default |
/// | `backoff` | `"2s..1h"`, exponential from 2 s to 1 h, or `"5s"`, always 5 s | the policy's default |
///
/// Names have 1 to 128 of the characters `A-Z a-z 0-9 . _ : -`. Durations are whole numbers with
/// a unit (`ms`, `s`, `m`, `h`, `d`), one after the other where wanted: `"1h30m"`.
///
/// ```ignore
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(queue = "mail", max_attempts = 8, backoff = "2s..1h", timeout = "30s")]
/// struct SendEmail { to: String, body: String }
/// ```
///
/// A generic type is allowed; all its instances share one kind, so give each kind one handler.
#[proc_macro_derive(Job, attributes(job))]
pub fn derive_job(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::job_impl(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
