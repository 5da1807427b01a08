package import ZooKeeper

/// Whom a contender of a queue has to wait for.
///
/// All recipes in which clients stand in line with ordered nodes differ in this alone: a contender is granted what it wants when no
/// blocker stands before it, and until then waits for the end of the nearest one.
package struct GrantRule: Hashable, Sendable {
  /// What our node's name has before its number.
  package let ownMarker: String
  /// The markers of those before us that we wait for.
  package let blockers: [String]
  /// Those of them whose node may be replaced by another of the same number: the end of such a blocker does not mean that its
  /// place is free.
  package let replaceable: [String]
  /// All that stand in the queue.
  package let markers: SequenceMarkers

  /// A lock: the first contender has it, and each other waits for the one before it. The nodes are those of Curator, of kazoo and
  /// of the clients that follow them.
  package static let mutex = GrantRule("lock-", behind: ["lock-", "__lock__"])

  /// A candidate of an election: waits for candidates of either layout, and for locks.
  static func candidate(_ layout: ZooKeeperElection.Layout) -> GrantRule {
    let blockers = ["latch-", "lock-", "__lock__"]
    switch layout {
    case .latch: return GrantRule("latch-", behind: blockers)
    case .lock: return GrantRule("lock-", behind: blockers)
    }
  }

  /// - Parameters:
  ///   - ownMarker: What our node's name has before its number.
  ///   - blockers: The markers of those before us that we wait for.
  ///   - others: The markers of those that stand in the queue without being in our way.
  ///   - replaceable: The markers of blockers whose node may be replaced by another of the same number.
  package init(
    _ ownMarker: String,
    behind blockers: [String],
    passing others: [String] = [],
    replaceable: [String] = []
  ) {
    self.ownMarker = ownMarker
    self.blockers = blockers
    self.replaceable = replaceable
    self.markers = SequenceMarkers(blocking: blockers, others: others)
    // A node of ours that no list shows would be taken for gone, and made again without end.
    precondition(self.markers.all.contains(ownMarker), "the rule's own marker is among those that stand in the queue")
  }

  /// The marker of a blocker; nil if the name is not that of one.
  func blockingMarker(of name: String) -> String? {
    ContenderIdentity.marker(of: name, among: self.markers.all).flatMap { self.blockers.contains($0) ? $0 : nil }
  }
}
