//! What a record has beside its value: a key and headers, each rendered by a layout of its own.

use std::fmt;

use crate::event::LogEvent;
use crate::layout::Layout;
use crate::queue::end_parts;
use crate::queue::put_header_value;

use super::ending::cut;

/// A key, and the value of a header, longer than this is cut.
const MAX_PART_BYTES: usize = 32 * 1024;

/// The layouts of a layer's key and headers. The headers' names are the producer's to know.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) key: Option<Box<dyn Layout>>,
    pub(crate) headers: Vec<Box<dyn Layout>>,
    /// Bytes that the worker will add to each record, names of headers say. They are taken up in the
    /// queue already, so that a record never takes more room after it than in it.
    pub(crate) padding: usize,
}

impl Parts {
    pub(crate) fn is_empty(&self) -> bool {
        self.key.is_none() && self.headers.is_empty() && self.padding == 0
    }

    /// Appends key and headers to the value in `out`, so that the whole is the payload of a frame.
    pub(super) fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let from = out.len();
        if let Some(key) = &self.key {
            render(key.as_ref(), event, out);
        }
        let key = out.len() - from;
        let from = out.len();
        for header in &self.headers {
            put_header_value(out, |out| render(header.as_ref(), event, out));
        }
        out.resize(out.len() + self.padding, 0);
        let headers = out.len() - from;
        // A key that renders empty is none.
        end_parts(out, (key > 0).then_some(key), headers);
    }
}

fn render(layout: &dyn Layout, event: &LogEvent<'_>, out: &mut Vec<u8>) {
    let from = out.len();
    layout.render(event, out);
    if out.len() - from > MAX_PART_BYTES {
        cut(out, from, MAX_PART_BYTES);
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("key", &self.key.is_some())
            .field("headers", &self.headers.len())
            .field("padding", &self.padding)
            .finish()
    }
}
