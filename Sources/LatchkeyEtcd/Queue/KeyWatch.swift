#if Etcd
/// A watch on one key, which may outlast its use.
///
/// Who contends for a lock again and again has the same key each time, and often the same one before it. Setting a watch
/// costs two requests and, since something may have happened just before, a read; a server that is written to meanwhile
/// may even take the watch for one that has to catch up, which it does ten times a second only. So a watch that is no
/// longer needed is left for a moment. It is one on the own key and one on a predecessor's for each queue: a release still
/// wakes few.
struct KeyWatch: Sendable {
  let key: [UInt8]
  let id: WatchTable.ID
  /// Since when it has been of no use, by a number that no other moment has; nil while it is in use.
  var parking: UInt64?
}
#endif
