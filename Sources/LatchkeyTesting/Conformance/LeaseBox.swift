package import Latchkey

/// A lease that can be handed to another task.
package actor LeaseBox {
  private var lease: Lease?
  /// A view of the lease that the box was made with.
  package nonisolated let held: HeldLock

  package init(_ lease: consuming Lease) {
    self.held = lease.held
    self.lease = consume lease
  }

  /// Takes the lease out of the box.
  package func take() -> Lease? { self.lease.take() }

  /// Puts a lease into the empty box.
  func put(_ lease: consuming Lease) { self.lease = consume lease }

  /// Releases the lease, if nobody has before.
  package func release() async throws(LockError) {
    guard let lease = self.lease.take() else { return }
    try await lease.release()
  }
}
