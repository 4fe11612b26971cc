//! Work that may block, on a thread of the runtime's pool, and only once at a time.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Runs `work` once nobody else is inside `gate`. None: it panicked.
///
/// Dropped before its end, `work` goes on and keeps the gate shut: work that hangs takes one thread,
/// however often it is tried again.
pub(super) async fn run_alone<T: Send + 'static>(
    gate: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let permit = Arc::clone(gate).acquire_owned().await.ok()?;
    let done = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(permit);
        result
    });
    done.await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn work_that_hangs_is_not_begun_again_until_it_ends() {
        let gate = Arc::new(Semaphore::new(1));
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let hanging = run_alone(&gate, move || {
            tell.send(()).unwrap();
            released.recv().ok()
        });
        timeout(Duration::from_millis(50), hanging)
            .await
            .unwrap_err();
        told.recv_timeout(LONG).unwrap();
        // Polled, and still not begun.
        let second = run_alone(&gate, || 2);
        tokio::pin!(second);
        timeout(Duration::from_millis(50), &mut second)
            .await
            .unwrap_err();
        assert_eq!(gate.available_permits(), 0);
        release.send(()).unwrap();
        assert_eq!(timeout(LONG, second).await.unwrap(), Some(2));
    }

    #[tokio::test]
    async fn a_panic_opens_the_gate() {
        let gate = Arc::new(Semaphore::new(1));
        let panicking = run_alone(&gate, || -> i32 { panic!("on purpose") });
        assert_eq!(timeout(LONG, panicking).await.unwrap(), None);
        assert_eq!(
            timeout(LONG, run_alone(&gate, || 1)).await.unwrap(),
            Some(1)
        );
    }
}
