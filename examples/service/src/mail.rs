//! Where emails go: a file here, a provider in a service of yours.

use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt as _;

use crate::jobs::Email;

/// Addresses that no provider takes.
const REFUSED_DOMAIN: &str = "@bounce.example";

/// Sends emails.
#[derive(Debug, Clone)]
pub struct Mailer {
    file: PathBuf,
}

/// Why an email was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It never will be: there is no use in another attempt.
    #[error("no such address: {0}")]
    NoSuchAddress(String),
    /// It may be later.
    #[error("the mail file cannot be written: {0}")]
    Away(#[from] std::io::Error),
}

impl Mailer {
    /// Emails into this file.
    pub fn new(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    /// Sends it; returns when it is out of this process's hands.
    ///
    /// # Errors
    /// Both of [`MailError`].
    pub async fn send(&self, email: &Email) -> Result<(), MailError> {
        if email.to.ends_with(REFUSED_DOMAIN) {
            return Err(MailError::NoSuchAddress(email.to.clone()));
        }
        let mut line = serde_json::to_string(email).map_err(std::io::Error::other)?;
        line.push('\n');
        let mut file =
            tokio::fs::OpenOptions::new().create(true).append(true).open(&self.file).await?;
        // One write: lines of several processes do not mix.
        file.write_all(line.as_bytes()).await?;
        file.sync_data().await?;
        Ok(())
    }
}
