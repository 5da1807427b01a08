@testable import LatchkeyZooKeeper

/// As much of a ZooKeeper server as a semaphore sees: two directories of ephemeral sequential nodes, the limit's node, and watches.
struct SemaphoreModelServer {
  struct Lease: Hashable {
    var name: String
    var number: UInt64
    /// The attempt that made it; nil for Curator's.
    var identifier: String?
    var session: UInt64
    /// Whether there was a moment, since it was made, at which fewer than the limit came before it and those made with it.
    var hasFit = false
    /// Whether it was made after the connection had been lost on which that was asked for.
    var isLate = false
  }

  /// Somebody in line: a ticket of a client of ours, or a client of Curator's.
  enum Place: Hashable {
    case ours(client: Int, ticket: UInt64)
    case curator(Int)
  }

  struct Watch: Hashable {
    var session: UInt64
    var attempt: UInt64
  }

  /// By number.
  private(set) var leases: [Lease] = []
  var line: [Place] = []
  /// nil while its node is missing.
  var limit: Int?
  var isPlaceMade: Bool
  var leaseWatches: [Watch] = []
  var limitWatches: [Watch] = []
  private var lastNumber: UInt64 = 0

  init(limit: Int?, isPlaceMade: Bool) {
    self.limit = limit
    self.isPlaceMade = isPlaceMade
  }

  var names: [String] { self.leases.map(\.name) }

  mutating func create(_ identifier: String?, owner: String, count: Int, session: UInt64, isLate: Bool = false)
    -> [String]
  {
    let new = (0..<count).map { _ in
      self.lastNumber += 1
      let digits = "\(self.lastNumber)"
      return Lease(
        name: "\(owner)-lease-\(String(repeating: "0", count: 10 - digits.count))\(digits)",
        number: self.lastNumber,
        identifier: identifier,
        session: session,
        isLate: isLate
      )
    }
    self.leases += new
    return new.map(\.name)
  }

  /// - Returns: Whether there was anything to delete.
  mutating func delete(_ names: [String]) -> Bool {
    let before = self.leases.count
    self.leases.removeAll { names.contains($0.name) }
    return self.leases.count != before
  }

  /// Notes who fits now.
  ///
  /// - Parameter isDead: Whether a node is one that its client deletes.
  mutating func noteFits(_ isDead: (Lease) -> Bool) {
    guard let limit else { return }
    for index in self.leases.indices where !self.leases[index].hasFit {
      let lease = self.leases[index]
      // All that were made together fit, or none does.
      let isLast =
        lease.identifier == nil || self.leases[(index + 1)...].allSatisfy { $0.identifier != lease.identifier }
      let before = self.leases[..<index].count { !isDead($0) }
      guard isLast, before < limit else { continue }
      for other in self.leases.indices
      where other == index || (lease.identifier != nil && self.leases[other].identifier == lease.identifier) {
        self.leases[other].hasFit = true
      }
    }
  }
}
