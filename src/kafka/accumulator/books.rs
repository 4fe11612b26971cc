//! Seals batches and cuts sealed ones up, and keeps count of all that are not done.

use std::collections::BTreeMap;

use super::batch::Batch;
use super::lot::Lot;
use crate::kafka::wire::BatchContents;
use crate::kafka::wire::Compressor;
use crate::kafka::wire::RecordBatch;

/// The most that an empty batch of a partition keeps for the next records.
const KEEP_BYTES: usize = 16 * 1024;

/// What there is of batches, wherever they are.
#[derive(Debug)]
pub(super) struct Books {
    compressor: Compressor,
    next_id: u64,
    /// Bytes of all open batches, without their headers.
    pub(super) open_bytes: usize,
    /// Bytes of all sealed batches that are neither delivered nor given up.
    sealed_bytes: usize,
    /// How many parts of each batch are neither delivered nor given up.
    outstanding: BTreeMap<u64, u32>,
}

impl Books {
    pub(super) fn new(compressor: Compressor) -> Self {
        Self {
            compressor,
            next_id: 0,
            open_bytes: 0,
            sealed_bytes: 0,
            outstanding: BTreeMap::new(),
        }
    }

    /// Closes the open batch of `lot`, if there is one: compresses it once and puts it behind the
    /// other sealed ones.
    pub(super) fn seal(&mut self, lot: &mut Lot, is_bound: bool) {
        let Some(accepted) = lot.opened.take() else {
            return;
        };
        self.open_bytes -= lot.open_bytes();
        let sealed = lot.open.seal(&mut self.compressor);
        if is_bound {
            // There is one for each partition, most of which may not be needed for long.
            lot.open.shrink(KEEP_BYTES);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.outstanding.insert(id, 1);
        let batch = Batch::new(id, sealed, accepted, is_bound);
        self.sealed_bytes += batch.record_bytes();
        lot.ready.push_back(batch);
    }

    /// Cuts a batch up: the record at position i goes to the part `places[i]`. Parts are numbered
    /// without gaps. Gives it back if it cannot be read.
    pub(super) fn cut(&mut self, batch: Batch, places: &[usize]) -> Result<Vec<Batch>, Batch> {
        let mut open: Vec<RecordBatch> = Vec::new();
        match BatchContents::read(&batch.sealed.bytes) {
            Ok(contents) if contents.count() == places.len() => {
                let number = places.iter().max().map_or(0, |most| most + 1);
                open.resize_with(number, RecordBatch::new);
                for (record, place) in contents.records().zip(places) {
                    if let Some(part) = open.get_mut(*place) {
                        part.push(&record);
                    }
                }
            }
            _ => return Err(batch),
        }
        let parts: Vec<Batch> = open
            .into_iter()
            .map(|mut part| batch.part(part.seal(&mut self.compressor)))
            .collect();
        if let Some(outstanding) = self.outstanding.get_mut(&batch.id) {
            *outstanding = *outstanding + u32::try_from(parts.len()).unwrap_or(1) - 1;
        }
        self.sealed_bytes -= batch.record_bytes();
        self.sealed_bytes += parts.iter().map(Batch::record_bytes).sum::<usize>();
        Ok(parts)
    }

    /// The batch is delivered or given up.
    pub(super) fn done(&mut self, batch: &Batch) {
        self.sealed_bytes -= batch.record_bytes();
        if let Some(parts) = self.outstanding.get_mut(&batch.id) {
            *parts -= 1;
            if *parts == 0 {
                self.outstanding.remove(&batch.id);
            }
        }
    }

    /// Bytes of records held in any form.
    pub(super) fn held_bytes(&self) -> usize {
        self.open_bytes + self.sealed_bytes
    }

    /// The number of the next batch.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// The oldest batch that is not done, if there is one.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.outstanding.first_key_value().map(|(id, _)| *id)
    }
}
