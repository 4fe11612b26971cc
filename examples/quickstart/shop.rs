//! The application: a shop with three tills, each a thread, that logs as applications do.

use std::error::Error;
use std::io;
use std::thread;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tracing::debug;
use tracing::error;
use tracing::info;
use tracing::info_span;
use tracing::warn;

/// Logs twelve events, four of them errors, and three more for DEBUG. Returns what every error's
/// text contains and no other run's does.
pub(crate) fn open_for_a_day() -> String {
    let run = format!("order {}", run_number());
    info!(tills = 3, "the shop is open");
    thread::scope(|scope| {
        for number in 1..=3 {
            let till = thread::Builder::new().name(format!("till-{number}"));
            let run = &run;
            if let Err(error) = till.spawn_scoped(scope, move || serve(run, number)) {
                let error: &dyn Error = &error;
                warn!(error, "till {number} stays closed");
            }
        }
    });
    let error: &dyn Error = &io::Error::from(io::ErrorKind::TimedOut);
    error!(error, "{run}: the warehouse does not answer");
    info!("the shop is closed");
    run
}

/// One order, inside two spans.
fn serve(run: &str, number: u32) {
    let _order = info_span!("order", id = number).entered();
    info!("order accepted");
    let _pay = info_span!("pay", amount = number * 7).entered();
    debug!("asking the bank");
    warn!(attempt = 1, "the bank is slow");
    error!("{run}-{number} is not paid: card declined");
}

/// Goes on until the process is ended, or `show` fails.
pub(crate) fn stay_open(run: &str, mut show: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    for number in 4.. {
        thread::sleep(Duration::from_secs(1));
        serve(run, number);
        show()?;
    }
    Ok(())
}

/// A number that another run does not have, in another process or at another time.
fn run_number() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| {
        since.as_secs() * 1000 + u64::from(since.subsec_millis())
    });
    millis
        .wrapping_mul(1_000_003)
        .wrapping_add(u64::from(std::process::id()))
        % 1_000_000_000
}
