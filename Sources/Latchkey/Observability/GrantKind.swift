/// What was granted, as metrics and spans call it.
package enum GrantKind: String, Sendable, CaseIterable {
  case lock
  /// The reading half of a read-write lock.
  case read
  /// The writing half of a read-write lock.
  case write
  /// Permits of a semaphore.
  case permits
}
