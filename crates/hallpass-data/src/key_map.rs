//! Hash tables of keys.

use std::collections::HashMap;

/// Hashes keys of the server, such as ids of rows, several times as fast as the standard library's hasher. That one
/// withstands clients who choose many keys, with the answers to other requests known to them: do not use this one for
/// tables that grow with what clients send.
pub type KeyHasher = foldhash::fast::RandomState;

/// A hash table with keys of the server.
pub type KeyMap<K, V> = HashMap<K, V, KeyHasher>;
