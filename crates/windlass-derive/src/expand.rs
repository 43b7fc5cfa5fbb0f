//! Writes the impl. Paths start at `::windlass`, so a user's own names cannot shadow them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{DeriveInput, Error, Result};

use crate::attributes::JobAttributes;
use crate::values::{self, Backoff};

/// The whole expansion of `#[derive(Job)]`.
pub(crate) fn job_impl(input: &DeriveInput) -> Result<TokenStream> {
    let job = JobAttributes::parse(&input.attrs)?;
    let kind = match &job.kind {
        Some(kind) => kind.clone(),
        None => default_kind(input)?,
    };
    let name = &input.ident;
    let queue = job.queue.as_ref().map(|queue| quote!(const QUEUE: &'static str = #queue;));
    let output = job.output.as_ref().map_or_else(|| quote!(()), |output| quote!(#output));
    let policy = policy_fn(&job);
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::windlass::Job for #name #type_generics #where_clause {
            const KIND: &'static str = #kind;
            #queue
            type Output = #output;
            #policy
        }
    })
}

fn default_kind(input: &DeriveInput) -> Result<String> {
    let kind = values::snake_case(&input.ident.unraw().to_string());
    let complain =
        |message| Error::new(input.ident.span(), format!("{message}; set one with kind"));
    values::check_name(&kind).map_err(complain)?;
    Ok(kind)
}

/// Nothing when no key speaks of the policy: the trait's own default then stands.
fn policy_fn(job: &JobAttributes) -> Option<TokenStream> {
    let calls: Vec<TokenStream> = [
        job.priority.as_ref().map(|name| quote!(.priority(::windlass::Priority::#name))),
        job.max_attempts.map(|n| call("max_attempts", n)),
        job.max_crashes.map(|n| call("max_crashes", n)),
        job.timeout_ms.map(duration).map(|timeout| quote!(.timeout(#timeout))),
        job.backoff.as_ref().map(backoff),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!calls.is_empty()).then(|| {
        quote! {
            fn policy() -> ::windlass::Policy {
                ::windlass::Policy::default() #(#calls)*
            }
        }
    })
}

/// A method call with an unsuffixed number, so the method chooses the integer's type.
fn call(method: &str, n: u32) -> TokenStream {
    let method = quote::format_ident!("{method}");
    let n = proc_macro2::Literal::u32_unsuffixed(n);
    quote!(.#method(#n))
}

fn backoff(backoff: &Backoff) -> TokenStream {
    match backoff {
        Backoff::Constant { ms } => {
            let wait = duration(*ms);
            quote!(.backoff(::windlass::Backoff::constant(#wait)))
        }
        Backoff::Exponential { first_ms, max_ms } => {
            let (first, max) = (duration(*first_ms), duration(*max_ms));
            quote!(.backoff(::windlass::Backoff::exponential(#first, #max)))
        }
    }
}

fn duration(ms: u64) -> TokenStream {
    let ms = proc_macro2::Literal::u64_unsuffixed(ms);
    quote!(::core::time::Duration::from_millis(#ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String> {
        job_impl(&syn::parse_str(text).unwrap()).map(|tokens| tokens.to_string())
    }

    #[track_caller]
    fn assert_expands(text: &str, expected: &TokenStream) {
        assert_eq!(expand(text).unwrap(), expected.to_string());
    }

    #[test]
    fn a_bare_struct_gets_its_kind_and_nothing_else() {
        assert_expands(
            "struct SendEmail { to: String }",
            &quote! {
                #[automatically_derived]
                impl ::windlass::Job for SendEmail {
                    const KIND: &'static str = "send_email";
                    type Output = ();
                }
            },
        );
    }

    #[test]
    fn keys_become_constants_and_one_policy() {
        assert_expands(
            r#"#[job(kind = "image.resize", queue = "media", output = Thumb, max_attempts = 8,
                     max_crashes = 2, timeout = "30s", backoff = "2s..1h", priority = "high")]
               struct Resize { key: String }"#,
            &quote! {
                #[automatically_derived]
                impl ::windlass::Job for Resize {
                    const KIND: &'static str = "image.resize";
                    const QUEUE: &'static str = "media";
                    type Output = Thumb;
                    fn policy() -> ::windlass::Policy {
                        ::windlass::Policy::default()
                            .priority(::windlass::Priority::HIGH)
                            .max_attempts(8)
                            .max_crashes(2)
                            .timeout(::core::time::Duration::from_millis(30000))
                            .backoff(::windlass::Backoff::exponential(
                                ::core::time::Duration::from_millis(2000),
                                ::core::time::Duration::from_millis(3600000)
                            ))
                    }
                }
            },
        );
    }

    #[test]
    fn generics_and_bounds_are_carried_over() {
        assert_expands(
            "struct Wrap<T: Payload, const N: usize> where T: Clone { inner: [T; N] }",
            &quote! {
                #[automatically_derived]
                impl<T: Payload, const N: usize> ::windlass::Job for Wrap<T, N> where T: Clone {
                    const KIND: &'static str = "wrap";
                    type Output = ();
                }
            },
        );
    }

    #[test]
    fn a_raw_name_loses_its_prefix_and_an_odd_one_asks_for_a_kind() {
        assert!(expand("struct r#Match;").unwrap().contains("\"match\""));
        assert!(
            expand("struct Caf\u{e9};").unwrap_err().to_string().ends_with("set one with kind")
        );
        assert!(expand("#[job(kind = \"cafe\")] struct Caf\u{e9};").is_ok());
    }
}
