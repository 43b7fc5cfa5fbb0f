//! What a command writes: its result, bounded, and the end of what it says.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio_util::sync::CancellationToken;

/// Most bytes of a result; what the store takes.
const RESULT_BYTES_MAX: usize = 1 << 20;

/// Bytes of stderr that are kept: the last ones.
const TAIL_BYTES: usize = 64 << 10;

/// Bytes of stderr in an error: an error text has 16 KiB, and something stands before these.
const WORDS_BYTES: usize = 15 << 10;

/// Lines of stderr that go into the log of the job: the last ones.
const LINES_MAX: usize = 200;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Output {
    result: Vec<u8>,
    tail: VecDeque<u8>,
}

impl Output {
    #[cfg(test)]
    pub(super) fn of(result: Vec<u8>) -> Self {
        Self { result, ..Self::default() }
    }

    /// Feeds the command and reads what it writes, until it closes its ends; raises `too_much` when the result
    /// is too large.
    pub(super) async fn collect(
        &mut self,
        (stdin, payload): (Option<ChildStdin>, Vec<u8>),
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
        too_much: &CancellationToken,
    ) {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A command need not read its payload.
                drop(stdin.write_all(&payload).await);
            }
        };
        let result = read(stdout, |bytes| {
            let room = (RESULT_BYTES_MAX + 1).saturating_sub(self.result.len());
            self.result.extend(bytes.iter().take(room));
            if self.result.len() > RESULT_BYTES_MAX {
                too_much.cancel();
            }
        });
        let tail = read(stderr, |bytes| {
            self.tail.extend(bytes);
            let excess = self.tail.len().saturating_sub(TAIL_BYTES);
            self.tail.drain(..excess);
        });
        tokio::join!(feed, result, tail);
    }

    /// Whether the result is too large, which may be known only after the command has ended.
    pub(super) const fn is_too_much(&self) -> bool {
        self.result.len() > RESULT_BYTES_MAX
    }

    /// The result; a command that writes nothing has none.
    pub(super) fn take_result(&mut self) -> Vec<u8> {
        let result = std::mem::take(&mut self.result);
        if result.is_empty() { b"null".to_vec() } else { result }
    }

    /// The end of stderr, as the end of a sentence.
    pub(super) fn last_words(&self) -> String {
        let text = self.text();
        let text = text.trim();
        let from = text.ceil_char_boundary(text.len().saturating_sub(WORDS_BYTES));
        if text.is_empty() { String::new() } else { format!(": {}", &text[from..]) }
    }

    /// The last lines of stderr.
    pub(super) fn lines(&self) -> Vec<String> {
        let text = self.text();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(LINES_MAX);
        lines[from..].iter().copied().map(str::to_owned).collect()
    }

    fn text(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

pub(super) fn too_much() -> String {
    format!("the command wrote more than {RESULT_BYTES_MAX} bytes to stdout (that many allowed)")
}

async fn read(from: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8])) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 16 << 10];
    while let Ok(n_bytes @ 1..) = from.read(&mut buffer).await {
        take(&buffer[..n_bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_words_and_lines_are_told() {
        let line = "\u{e9}".repeat(100);
        let text = format!("{line}\n").repeat(300);
        let output = Output { tail: text.bytes().collect(), ..Output::default() };

        assert_eq!(output.lines().len(), LINES_MAX);
        assert!(output.last_words().len() <= WORDS_BYTES + 2);
        assert!(Output::default().last_words().is_empty());
    }

    #[test]
    fn no_output_is_no_result() {
        assert_eq!(Output::default().take_result(), b"null");
    }
}
