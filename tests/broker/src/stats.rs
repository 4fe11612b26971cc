//! What clients did: requests, connections, client ids.

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::api::Api;

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    requests: HashMap<Api, u64>,
    versions: HashMap<Api, BTreeSet<i16>>,
    client_ids: BTreeSet<String>,
    pub(crate) accepted: u64,
    pub(crate) open: u64,
}

impl Stats {
    pub(crate) fn count(&mut self, api: Api, version: i16, client_id: Option<&str>) {
        *self.requests.entry(api).or_default() += 1;
        self.versions.entry(api).or_default().insert(version);
        if let Some(id) = client_id
            && !self.client_ids.contains(id)
        {
            self.client_ids.insert(id.to_owned());
        }
    }

    pub(crate) fn requests(&self, api: Api) -> u64 {
        match api {
            Api::Connect => self.accepted,
            _ => self.requests.get(&api).copied().unwrap_or(0),
        }
    }

    pub(crate) fn versions(&self, api: Api) -> Vec<i16> {
        let seen = self.versions.get(&api);
        seen.map_or_else(Vec::new, |set| set.iter().copied().collect())
    }

    pub(crate) fn client_ids(&self) -> Vec<String> {
        self.client_ids.iter().cloned().collect()
    }
}
