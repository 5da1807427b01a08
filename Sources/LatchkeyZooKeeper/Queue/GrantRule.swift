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
  /// Those that belong to a lock of another kind.
  package let foreign: [String]
  /// All that stand in the queue.
  package let markers: SequenceMarkers

  /// A lock: the first contender has it, and each other waits for the one before it. The nodes are those of Curator, of kazoo and
  /// of the clients that follow them. A read-write lock in the same directory would not be excluded.
  package static let mutex = GrantRule(
    "lock-",
    behind: ["lock-", "__lock__"],
    passing: ["__READ__", "__WRIT__", "__rlock__"],
    foreign: ["__READ__", "__WRIT__", "__rlock__"]
  )

  /// The reading half of a read-write lock: waits for writers alone. The nodes are those of Curator's `InterProcessReadWriteLock`
  /// and of kazoo's `ReadLock` and `WriteLock`. A writer's node that is replaced by a reader's lets readers in, as its end does.
  package static let reading = GrantRule(
    "__READ__",
    behind: ["__WRIT__", "__lock__", "lock-"],
    passing: ["__READ__", "__rlock__"],
    foreign: ["lock-"]
  )

  /// The writing half of a read-write lock: waits for all before it. Who held or waited with a node may hold or wait with another
  /// of the same number: a writer that goes on reading, a reader that has tried to write.
  package static let writing = GrantRule(
    "__WRIT__",
    behind: ["__WRIT__", "__READ__", "__rlock__", "__lock__", "lock-"],
    replaceable: ["__WRIT__", "__READ__"],
    foreign: ["lock-"]
  )

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
  ///   - foreign: The markers of nodes that belong to a lock of another kind: the two would not exclude each other reliably, so
  ///     a directory that holds such a node is refused.
  package init(
    _ ownMarker: String,
    behind blockers: [String],
    passing others: [String] = [],
    replaceable: [String] = [],
    foreign: [String] = []
  ) {
    self.ownMarker = ownMarker
    self.blockers = blockers
    self.replaceable = replaceable
    self.foreign = foreign
    self.markers = SequenceMarkers(blocking: blockers, others: others, foreign: foreign)
    // A node of ours that no list shows would be taken for gone, and made again without end.
    precondition(self.markers.all.contains(ownMarker), "the rule's own marker is among those that stand in the queue")
  }

  /// Whether a contender with that marker is not in our way.
  func isPassed(_ marker: String) -> Bool { !self.blockers.contains(marker) }

  /// Whether those who follow the rule hold the lock together.
  var isShared: Bool { !self.blockers.contains(self.ownMarker) }

  /// The marker of a blocker; nil if the name is not that of one.
  func blockingMarker(of name: String) -> String? {
    ContenderIdentity.marker(of: name, among: self.markers.all).flatMap { self.blockers.contains($0) ? $0 : nil }
  }
}
