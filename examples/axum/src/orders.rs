//! The orders of a shop: enough of a service to have something to log.

use std::error::Error;
use std::fmt;
use std::io;

use axum::extract::Path;
use axum::http::StatusCode;

/// Finds an order. Every tenth cannot be loaded, and those above a million do not exist.
pub(crate) async fn get_order(Path(id): Path<u64>) -> Result<String, StatusCode> {
    match load(id) {
        Ok(Some(order)) => {
            tracing::debug!(order = id, "found");
            Ok(order)
        }
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(error) => {
            // As a `dyn Error` its causes are shown, too.
            let error: &(dyn Error + 'static) = &error;
            tracing::error!(order = id, error, "the order could not be loaded");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn load(id: u64) -> Result<Option<String>, LoadError> {
    if id.is_multiple_of(10) {
        let source = io::Error::new(
            io::ErrorKind::ConnectionReset,
            "connection reset by the database",
        );
        return Err(LoadError { id, source });
    }
    Ok((id <= 1_000_000).then(|| format!("order {id}: 3 screws\n")))
}

#[derive(Debug)]
struct LoadError {
    id: u64,
    source: io::Error,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer about order {}", self.id)
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
