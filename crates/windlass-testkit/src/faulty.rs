//! A database server that a test disturbs: a harness whose connections go through a proxy.

use std::ops::Deref;

use windlass::{Clock, Queue};

use crate::admin::Admin;
use crate::backend::Backend;
use crate::harness::Harness;
use crate::proxy::Proxy;

/// A [`Harness`] on the machine's clock, a [`Proxy`] on its way to the server, and the way around it.
#[derive(Debug)]
pub struct Faulty {
    harness: Harness,
    /// What the harness's queue, and every one reopened from it, goes through.
    pub proxy: Proxy,
    /// The kind of server.
    pub backend: Backend,
    /// The same tables, without the proxy.
    pub url: String,
}

#[expect(clippy::missing_panics_doc, reason = "a test helper: panics are its way to fail")]
impl Faulty {
    /// Fresh tables in the server of the tests; none when there is no server.
    pub async fn before(backend: Backend) -> Option<Self> {
        let url = backend.fresh_url()?;
        let proxy = Proxy::before(&url);
        let harness = Harness::open_with(proxy.url(&url), Clock::system(), None).await;
        Some(Self { harness, proxy, backend, url })
    }

    /// A connection with all privileges, around the proxy.
    pub async fn admin(&self) -> Admin {
        Admin::connect(self.backend, &self.url).await
    }

    /// Another process that uses the same tables, around the proxy.
    pub async fn beside(&self) -> Queue {
        Queue::open(&self.url).await.expect("a server")
    }
}

impl Deref for Faulty {
    type Target = Harness;

    fn deref(&self) -> &Harness {
        &self.harness
    }
}
