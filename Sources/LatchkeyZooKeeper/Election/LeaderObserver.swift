/// Follows who leads an election: a pure state machine that has one request or one watch at a time.
///
/// It watches the leader's node alone, so candidates that arrive behind the leader wake no observer. Where nobody leads it watches
/// the directory, or waits for the directory.
package struct LeaderObserver: Hashable, Sendable {
  /// What the promises rest on; a mutant is a changed rule.
  package struct Rules: Hashable, Sendable {
    /// The first list of a session goes behind a `sync`: its server may be behind what was seen in the session before.
    package var syncsFirst = true
    /// Where nobody leads, the answer of the request that watches the directory counts, not the list before it.
    package var judgesArmingAnswer = true
    /// It is reported when nobody leads.
    package var reportsNobody = true
    /// A leader is told from the one before by its node, not by its value.
    package var tellsNodesApart = true

    package init() {}
  }

  /// The node of a leader, as one read has shown it.
  package struct Sighting: Hashable, Sendable {
    package var name: String
    package var czxid: Int64
    /// The transaction that has written the value.
    package var mzxid: Int64
    package var value: String

    package init(name: String, czxid: Int64, mzxid: Int64, value: String) {
      self.name = name
      self.czxid = czxid
      self.mzxid = mzxid
      self.value = value
    }
  }

  /// What a list of the directory has shown.
  package enum Listing: Hashable, Sendable {
    case noDirectory
    case empty
    /// The first candidate's node.
    case first(String)
  }

  package enum Event: Hashable, Sendable {
    /// A session is connected; by the client's own numbering.
    case connected(session: UInt64)
    case listed(Listing)
    /// The node was read and is watched; nil if it is gone.
    case read(Sighting?)
    /// The directory was listed and is watched, unless it does not exist.
    case directoryWatched(Listing)
    /// It was looked whether the directory exists, and that is watched.
    case directoryAwaited(exists: Bool)
    /// The watched node has new data.
    case dataChanged
    /// Anything else that the watch may report, but the end of the session.
    case changed
    /// A request or a watch has ended with the connection or with the session.
    case interrupted
  }

  /// What to do next.
  package enum Step: Hashable, Sendable {
    case connect
    case list(sync: Bool)
    case read(String)
    case watchDirectory
    case awaitDirectory
    /// Wait for the watch that was set last.
    case rest
  }

  /// A leader, or that nobody leads.
  package enum Report: Hashable, Sendable {
    case nobody
    case leader(Sighting)
  }

  private let rules: Rules
  private var session: UInt64?
  private var hasSynced = false
  /// What was reported last.
  private var reported: Report?
  /// The node that is read, or watched.
  private var target: String?

  package init(rules: Rules = Rules()) {
    self.rules = rules
  }

  /// - Returns: What to report, if anything is new, and what to do next. The first step is `connect`.
  package mutating func handle(_ event: Event) -> (report: Report?, next: Step) {
    switch event {
    case .connected(let session):
      if session != self.session { self.hasSynced = false }
      self.session = session
      return (nil, self.list())
    case .listed(let listing):
      self.hasSynced = true
      return self.follow(listing, isArmed: false)
    case .read(let sighting):
      guard let sighting else { return (nil, self.list()) }
      return (self.report(.leader(sighting)), .rest)
    case .directoryWatched(let listing):
      return self.follow(self.rules.judgesArmingAnswer || listing == .noDirectory ? listing : .empty, isArmed: true)
    case .directoryAwaited(let exists):
      return exists ? (nil, self.list()) : (self.reportNobody(), .rest)
    case .dataChanged:
      guard let target else { return (nil, self.list()) }
      return (nil, .read(target))
    case .changed:
      return (nil, self.list())
    case .interrupted:
      return (nil, .connect)
    }
  }

  private mutating func list() -> Step {
    self.target = nil
    return .list(sync: self.rules.syncsFirst && !self.hasSynced)
  }

  private mutating func follow(_ listing: Listing, isArmed: Bool) -> (report: Report?, next: Step) {
    switch listing {
    case .noDirectory:
      return (nil, .awaitDirectory)
    case .empty:
      return isArmed ? (self.reportNobody(), .rest) : (nil, .watchDirectory)
    case .first(let name):
      self.target = name
      return (nil, .read(name))
    }
  }

  private mutating func reportNobody() -> Report? { self.rules.reportsNobody ? self.report(.nobody) : nil }

  private mutating func report(_ report: Report) -> Report? {
    guard self.isNew(report) else { return nil }
    self.reported = report
    return report
  }

  private func isNew(_ report: Report) -> Bool {
    guard !self.rules.tellsNodesApart, case .leader(let new) = report, case .leader(let old) = self.reported else {
      return report != self.reported
    }
    return new.value != old.value
  }
}
