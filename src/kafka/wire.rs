//! What crosses the socket: connections, requests, answers and record batches.
//!
//! The only part of the crate that names the Kafka client library below it; everything above sees
//! the types exported here.

mod api_versions;
mod batch_reader;
mod blocking;
mod bytes;
mod cluster;
mod codes;
mod compress;
mod connection;
mod dial;
mod error;
#[cfg(test)]
mod hostile_tests;
mod login;
mod mute;
#[cfg(test)]
#[expect(unsafe_code, reason = "a counting allocator is one by nature")]
#[path = "../../tests/support/peak.rs"]
mod peak;
mod produce;
mod producer_id;
mod record_batch;
#[cfg(feature = "tls")]
mod refusal;
mod sasl;
mod session;
mod socket;
mod stream;
mod text;
#[cfg(feature = "tls")]
mod tls;
mod unanswered;
mod varint;

pub(crate) use batch_reader::BatchContents;
pub(crate) use cluster::ClusterView;
pub(crate) use codes::name as error_name;
pub(crate) use compress::Compressor;
pub(crate) use connection::Connection;
pub(crate) use connection::Limit;
pub(crate) use error::WireError;
pub(crate) use produce::PartitionAnswer;
pub(crate) use produce::ProduceAnswer;
pub(crate) use producer_id::ProducerIdentity;
pub(crate) use record_batch::BatchRecord;
pub(crate) use record_batch::HEADER_BYTES as BATCH_HEADER_BYTES;
pub(crate) use record_batch::ProducerStamp;
pub(crate) use record_batch::RecordBatch;
pub(crate) use record_batch::RecordHeaders;
pub(crate) use record_batch::SealedBatch;
pub(crate) use record_batch::put_header;

#[cfg(feature = "tls")]
use crate::config::Security;
#[cfg(feature = "tls")]
use crate::error::BuildError;

/// Reads the files that `security` names, as each connection will; so a bad one is known beforehand.
#[cfg(feature = "tls")]
pub(super) fn check_files(security: &Security) -> Result<(), BuildError> {
    if let Some(settings) = &security.tls {
        tls::configure(settings)
            .map_err(|fault| BuildError::setting(fault.name, fault.value, fault.expected))?;
    }
    Ok(())
}
