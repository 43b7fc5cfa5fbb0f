//! The program: opens the database, serves, works, and stops in an order that loses nothing.

use example_service::{Config, Shop, handlers, http};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use windlass_server::Observer;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let config = Config::from_env()?;
    let mut terminate = signal(SignalKind::terminate())?;

    let shop = Shop::open(&config.database, config.webhook.clone()).await?;
    let observer = Observer::new();
    let listener = TcpListener::bind(&config.http).await?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    let server = axum::serve(listener, http::router(shop.clone(), observer.clone()));

    // With 0 workers this process takes orders only; their jobs wait for another one.
    let running = match config.workers {
        0 => None,
        _ => Some(handlers::worker(&shop, &config, observer)?.start().await?),
    };
    tokio::select! {
        ended = server.into_future() => ended?,
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        () = shop.queue().storage_failed() => return Err("the storage failed: see the log".into()),
    }
    if let Some(worker) = running {
        worker.stop().await;
    }
    shop.queue().close().await;
    Ok(())
}
