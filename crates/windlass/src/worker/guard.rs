//! The panic guard: a panic in a handler is a failed attempt, with its message and backtrace.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use crate::job::{Failure, FailureClass, truncated};

thread_local! {
    static IN_HANDLER: Cell<bool> = const { Cell::new(false) };
    static BACKTRACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A handler's future whose panics are results.
pub(super) struct Guarded<F>(pub(super) Pin<Box<F>>)
where
    F: ?Sized;

impl<F: Future + ?Sized> Future for Guarded<F> {
    type Output = Result<F::Output, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        IN_HANDLER.set(true);
        let polled = panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)));
        IN_HANDLER.set(false);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(failure(payload.as_ref()))),
        }
    }
}

/// Adds the capture of backtraces to the panic hook, once per process. The hook that was there is
/// called as before.
pub(super) fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IN_HANDLER.get() {
                let place = info.location().map(|at| format!("at {at}\n")).unwrap_or_default();
                let text = truncated(format!("{place}{}", Backtrace::force_capture()));
                BACKTRACE.set(Some(text));
            }
            previous(info);
        }));
    });
}

fn failure(payload: &(dyn Any + Send)) -> Failure {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = format!("the handler panicked: {}", text.unwrap_or("(no message)"));
    Failure { backtrace: BACKTRACE.take(), ..Failure::new(FailureClass::Panic, message) }
}
