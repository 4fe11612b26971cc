//! Text that a layout makes from the spans around an event and keeps with them.

use std::mem::size_of;
use std::ops::Range;

/// What a layout made from a view and keeps with it, until the view is made anew.
#[derive(Debug, Default)]
pub(crate) struct KeptText {
    /// Whose it is; 0 is nobody's.
    pub(super) layout: u64,
    pub(crate) text: Vec<u8>,
    /// Where in the text its first part ends.
    pub(crate) split: usize,
    /// Places in the text that the layout wants to find again.
    pub(crate) places: Vec<Range<usize>>,
    /// A summary of them.
    pub(crate) mask: u64,
}

impl KeptText {
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.places.capacity() * size_of::<Range<usize>>()
    }

    pub(super) fn clear(&mut self) {
        self.layout = 0;
        self.text.clear();
        self.split = 0;
        self.places.clear();
        self.mask = 0;
    }
}
