/// Something that must not be, found in a history.
package struct Breach: Hashable, Sendable {
  package enum Kind: String, Codable, CaseIterable, Sendable {
    /// Two leases were held at once.
    case overlap
    /// A later grant had no greater token.
    case tokenOrder
    /// A grant came without the fencing token that the backend promises.
    case noToken
    /// A grant came without a deadline, so that nothing would tell its loss.
    case noDeadline
    /// The resource took a write of an earlier holder after one of a later.
    case staleWrite
    /// A lease answered that it was held after its own deadline.
    case heldAfterDeadline
    /// A lease was held again after it was over.
    case heldAgain
    /// A loss was told late, or never, to a client that could run.
    case lossNotTold
    /// A client got no lock within the bound after the faults had ended.
    case noProgress
    /// A call took longer than its budget.
    case overBudget
    /// A call failed as it never should.
    case unexpectedError
    /// A process crashed, or did not end.
    case process
    /// Something was left on the servers.
    case leftBehind
  }

  package var kind: Kind
  /// What happened, in a sentence.
  package var text: String
  /// When, where it has a time.
  package var at: UInt64?
  /// Why the backend's promise does not cover it; nil if it is a violation.
  package var excuse: String?
}

/// A fault against which a backend promises no exclusion by `isHeld`: the holder at that time may have lost the lock without
/// knowing. Tokens and the resource are judged all the same.
package struct Excuse: Hashable, Sendable {
  var reason: String
  /// From when on the backend may have given the lock away.
  var from: UInt64
  /// Leases that were asked for later are not affected.
  var until: UInt64
  /// The client whose leases are affected; nil for all.
  var client: Int?

  package init(reason: String, from: UInt64, until: UInt64, client: Int? = nil) {
    self.reason = reason
    self.from = from
    self.until = until
    self.client = client
  }

  /// How long a grant may be on its way to its holder: one that was made before the fault may be seen after it.
  private static let underWay: UInt64 = 250_000_000

  /// Whether a lease may have lost its claim by this.
  func affects(_ lease: LeaseRecord) -> Bool {
    if let client, client != lease.client { return false }
    guard let first = lease.firstHeld, let last = lease.lastHeld, lease.asked <= self.until else { return false }
    return last >= self.from && first <= self.until + Self.underWay
  }
}
