//! What the tests of rolling share: layers that lose nothing, and what they have made of a folder.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use tracing_kafka::FileLayer;
use tracing_kafka::FileLayerBuilder;
use tracing_kafka::OverflowPolicy;
use tracing_kafka::WorkerGuard;
use tracing_subscriber::prelude::*;

use crate::support::Folder;
use crate::support::LONG;
use crate::support::pattern;

/// Bare messages, nothing dropped; what goes wrong is printed.
pub(crate) fn lossless(builder: FileLayerBuilder) -> FileLayerBuilder {
    builder
        .layout(pattern("%m"))
        .overflow(OverflowPolicy::Block { max_wait: LONG })
        .on_error(|error| println!("on_error: {error}"))
}

/// A layer whose file has one name until it is rolled.
pub(crate) fn layer(path: &Path) -> FileLayerBuilder {
    lossless(FileLayer::builder(path))
}

/// A layer whose files have their archives' names from the beginning.
pub(crate) fn direct(folder: &Folder, name: &str) -> FileLayerBuilder {
    lossless(FileLayer::rolling(folder.file(name).to_str().unwrap()))
}

pub(crate) fn dispatch(layer: FileLayer) -> tracing::Dispatch {
    tracing::Dispatch::new(tracing_subscriber::registry().with(layer))
}

pub(crate) fn log(dispatch: &tracing::Dispatch, text: &str) {
    tracing::dispatcher::with_default(dispatch, || tracing::info!("{text}"));
}

/// Logs `text` and has it written.
pub(crate) fn write(dispatch: &tracing::Dispatch, guard: &WorkerGuard, text: &str) {
    log(dispatch, text);
    guard.flush(LONG).unwrap();
}

/// The files in a folder, by their names.
pub(crate) fn files(folder: &Folder) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

pub(crate) fn names(folder: &Folder) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files(folder).into_iter().map(name).collect()
}

/// What a file says, unpacked if its name says that it is packed.
pub(crate) fn read(path: &Path) -> String {
    let file = fs::File::open(path).unwrap();
    let text = match path.extension().and_then(std::ffi::OsStr::to_str) {
        #[cfg(feature = "gzip")]
        Some("gz") => std::io::read_to_string(flate2::read::GzDecoder::new(file)),
        #[cfg(feature = "zstd")]
        Some("zst") => std::io::read_to_string(zstd::stream::read::Decoder::new(file).unwrap()),
        _ => std::io::read_to_string(file),
    };
    text.unwrap()
}
