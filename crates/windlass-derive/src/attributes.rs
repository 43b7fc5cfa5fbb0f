//! Reads `#[job(..)]` into [`JobAttributes`]. Every error points at the key or value at fault.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, LitInt, LitStr, Result, Type};

use crate::values::{self, Backoff};

/// Attempts are stored in a signed 32-bit column.
const ATTEMPTS_MAX: u32 = 2_147_483_647;
/// A job that took down its worker this often is not going to behave.
const CRASHES_MAX: u32 = 100;

/// What the attributes of one type say; `None` where they are silent.
#[derive(Default)]
pub(crate) struct JobAttributes {
    pub(crate) kind: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) output: Option<Type>,
    /// A constant of `windlass::Priority`.
    pub(crate) priority: Option<TokenStream>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) max_crashes: Option<u32>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) backoff: Option<Backoff>,
}

impl JobAttributes {
    /// Reads every `#[job(..)]` of a type; others, such as serde's, are left alone.
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut job = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("job")) {
            attribute.parse_nested_meta(|meta| job.read(&meta))?;
        }
        Ok(job)
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "kind" => set(&mut self.kind, meta, name),
            "queue" => set(&mut self.queue, meta, name),
            "output" => set(&mut self.output, meta, |meta| meta.value()?.parse()),
            "priority" => set(&mut self.priority, meta, priority),
            "max_attempts" => set(&mut self.max_attempts, meta, |m| count(m, ATTEMPTS_MAX)),
            "max_crashes" => set(&mut self.max_crashes, meta, |m| count(m, CRASHES_MAX)),
            "timeout" => set(&mut self.timeout_ms, meta, timeout),
            "backoff" => set(&mut self.backoff, meta, |m| string(m, values::backoff)),
            _ => Err(unknown_key(meta)),
        }
    }
}

fn set<T>(
    slot: &mut Option<T>,
    meta: &ParseNestedMeta<'_>,
    read: impl FnOnce(&ParseNestedMeta<'_>) -> Result<T>,
) -> Result<()> {
    if slot.is_some() {
        return Err(meta.error(format!("job key `{}` is given twice", path_text(meta))));
    }
    *slot = Some(read(meta)?);
    Ok(())
}

fn unknown_key(meta: &ParseNestedMeta<'_>) -> Error {
    meta.error(format!(
        "unknown job key `{}`: expected kind, queue, output, priority, max_attempts, max_crashes, \
         timeout or backoff",
        path_text(meta)
    ))
}

fn path_text(meta: &ParseNestedMeta<'_>) -> String {
    let path = &meta.path;
    quote!(#path).to_string().replace(' ', "")
}

/// Reads a string and lets `parse` judge it; its complaint is put on the string.
fn string<T>(
    meta: &ParseNestedMeta<'_>,
    parse: impl FnOnce(&str) -> std::result::Result<T, String>,
) -> Result<T> {
    let literal: LitStr = meta.value()?.parse()?;
    parse(&literal.value()).map_err(|message| Error::new(literal.span(), message))
}

fn name(meta: &ParseNestedMeta<'_>) -> Result<String> {
    string(meta, |text| values::check_name(text).map(|()| text.to_owned()))
}

fn timeout(meta: &ParseNestedMeta<'_>) -> Result<u64> {
    string(meta, |text| match values::duration_ms(text)? {
        0 => Err("a timeout of zero would fail every attempt".to_owned()),
        ms => Ok(ms),
    })
}

fn priority(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    string(meta, |text| match text {
        "critical" => Ok(quote!(CRITICAL)),
        "high" => Ok(quote!(HIGH)),
        "normal" => Ok(quote!(NORMAL)),
        "low" => Ok(quote!(LOW)),
        "bulk" => Ok(quote!(BULK)),
        _ => Err("expected \"critical\", \"high\", \"normal\", \"low\" or \"bulk\"".to_owned()),
    })
}

fn count(meta: &ParseNestedMeta<'_>, max: u32) -> Result<u32> {
    let literal: LitInt = meta.value()?.parse()?;
    let value = literal.base10_parse::<u32>().ok().filter(|n| (1..=max).contains(n));
    value.ok_or_else(|| Error::new(literal.span(), format!("expected a number from 1 to {max}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<JobAttributes> {
        let input: syn::DeriveInput = syn::parse_str(&format!("{text} struct Any;")).unwrap();
        JobAttributes::parse(&input.attrs)
    }

    fn complaint(text: &str) -> String {
        parse(text).err().unwrap().to_string()
    }

    #[test]
    fn reads_every_key() {
        let job = parse(
            r#"#[job(kind = "image.resize", queue = "mail", output = Vec<u8>, priority = "high")]
               #[serde(transparent)]
               #[job(max_attempts = 8, max_crashes = 2, timeout = "30s", backoff = "2s..1h")]"#,
        )
        .unwrap();

        assert_eq!(job.kind.unwrap(), "image.resize");
        assert_eq!(job.queue.unwrap(), "mail");
        assert!(job.output.is_some());
        assert_eq!(job.priority.unwrap().to_string(), "HIGH");
        assert_eq!((job.max_attempts, job.max_crashes), (Some(8), Some(2)));
        assert_eq!(job.timeout_ms, Some(30_000));
        assert_eq!(job.backoff, Some(Backoff::Exponential { first_ms: 2_000, max_ms: 3_600_000 }));
    }

    #[test]
    fn refuses_unknown_and_repeated_keys() {
        assert_eq!(
            complaint("#[job(retries = 3)]"),
            "unknown job key `retries`: expected kind, queue, output, priority, max_attempts, \
             max_crashes, timeout or backoff"
        );
        assert!(complaint("#[job(a::b = 3)]").starts_with("unknown job key `a::b`"));
        let twice = "job key `queue` is given twice";
        assert_eq!(complaint(r#"#[job(queue = "a", queue = "b")]"#), twice);
        assert_eq!(complaint(r#"#[job(queue = "a")] #[job(queue = "b")]"#), twice);
    }

    #[test]
    fn refuses_values_out_of_range() {
        assert_eq!(complaint("#[job(max_attempts = 0)]"), "expected a number from 1 to 2147483647");
        let too_many = complaint("#[job(max_attempts = 2147483648)]");
        assert_eq!(too_many, "expected a number from 1 to 2147483647");
        assert_eq!(complaint("#[job(max_crashes = 101)]"), "expected a number from 1 to 100");
        assert!(complaint(r#"#[job(priority = "urgent")]"#).starts_with("expected \"critical\""));
        assert_eq!(complaint("#[job(timeout = \"30\")]"), "expected a duration like \"30s\"");
        assert!(complaint(r#"#[job(timeout = "0s")]"#).starts_with("a timeout of zero"));
        assert!(complaint(r#"#[job(kind = "a b")]"#).starts_with("expected a name"));
    }

    #[test]
    fn refuses_values_of_the_wrong_shape() {
        assert!(complaint("#[job(max_attempts = \"8\")]").contains("integer literal"));
        assert!(complaint("#[job(timeout = 30)]").contains("string literal"));
        assert!(complaint("#[job(queue)]").contains("expected `=`"));
    }
}
