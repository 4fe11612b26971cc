//! What the running thread is in the middle of, so that nothing of ours goes round on it.

use std::cell::Cell;

/// An event is being taken at the end of the thread.
const EVENT: u8 = 1;
/// The fields of a span are being rendered.
const FIELDS: u8 = 2;

thread_local! {
    // Constant and without a destructor: it is there as long as the thread is, also where the
    // destructors of other thread-locals have run.
    static MARKS: Cell<u8> = const { Cell::new(0) };
}

/// A mark of the running thread, which goes when this is dropped.
pub(super) struct Turn {
    before: u8,
}

impl Turn {
    /// None inside the taking of another event, of whatever layer.
    #[inline]
    pub(super) fn at_event() -> Option<Self> {
        Self::begin(EVENT)
    }

    /// None inside the rendering of another span's fields.
    #[inline]
    pub(super) fn at_fields() -> Option<Self> {
        Self::begin(FIELDS)
    }

    #[inline]
    fn begin(mark: u8) -> Option<Self> {
        let before = MARKS.get();
        if before & mark != 0 {
            return None;
        }
        MARKS.set(before | mark);
        Some(Self { before })
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        MARKS.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_fields_are_in_each_other_once() {
        {
            let _fields = Turn::at_fields().unwrap();
            assert!(Turn::at_fields().is_none());
            let _event = Turn::at_event().unwrap();
            assert!(Turn::at_event().is_none());
            assert!(Turn::at_fields().is_none());
        }
        {
            let _event = Turn::at_event().unwrap();
            drop(Turn::at_fields().unwrap());
            assert!(Turn::at_event().is_none(), "the first one's mark is left");
        }
        assert!(Turn::at_event().is_some());
    }

    #[test]
    fn a_panic_takes_its_mark_along() {
        let result = std::panic::catch_unwind(|| {
            let _turn = Turn::at_event();
            std::panic::resume_unwind(Box::new("out"));
        });
        assert!(result.is_err());
        assert!(Turn::at_event().is_some());
    }
}
