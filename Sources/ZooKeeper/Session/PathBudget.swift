/// Counts the bytes of the paths that a session makes others carry in one piece.
///
/// Two requests grow with a session and are never divided. After a reconnect the C client sets all watches again in one packet, and
/// a server drops the connection of a client whose packet is larger than `jute.maxbuffer` (1 MiB). The client then reconnects
/// without end, and since each connection counts as a sign of life, its session never expires. When a session ends, the servers
/// delete all of its ephemeral nodes in one transaction, which has the same limit.
///
/// Pure. Watches are counted as the C client holds them: a watch that this side has forgotten counts until it fires.
package struct PathBudget: Sendable {
  /// How many bytes a session may use.
  package struct Limits: Sendable {
    /// Above this, a holder does not watch its own node: its deletion by hand is then noticed late.
    package var ownNodeWatches = 256 * 1024
    /// Above this, new watches are refused.
    package var watches = 512 * 1024
    /// Above this, new ephemeral nodes are refused.
    package var ephemerals = 768 * 1024

    package init() {}
  }

  /// The tables in which the C client keeps its watches.
  struct Tables: OptionSet, Sendable {
    let rawValue: UInt8

    static let data = Tables(rawValue: 1)
    static let exists = Tables(rawValue: 2)
    static let children = Tables(rawValue: 4)

    var count: Int { self.rawValue.nonzeroBitCount }
  }

  package typealias Path = [UInt8]

  let limits: Limits
  /// What each path has besides its own bytes on the wire: its length, and the chroot.
  private let overhead: Int
  private var armed: [Path: Tables] = [:]
  private var ephemerals: Set<Path> = []
  private var armedBytes = 0
  /// The bytes of requests that have not been answered.
  private var pendingWatchBytes = 0
  private var pendingEphemeralBytes = 0
  private var createdBytes = 0

  /// - Parameter chrootLength: The bytes of the chroot, which precedes every path on the wire.
  package init(limits: Limits = Limits(), chrootLength: Int = 0) {
    self.limits = limits
    self.overhead = 4 + chrootLength
  }

  /// The bytes of watches, those that are being set included.
  package var watchBytes: Int { self.armedBytes + self.pendingWatchBytes }

  /// The bytes of ephemeral nodes, those that are being created included.
  package var ephemeralBytes: Int { self.createdBytes + self.pendingEphemeralBytes }

  /// The nodes that this session has created and not seen deleted.
  var ownNodes: Set<Path> { self.ephemerals }

  // MARK: Watches

  /// Whether a holder may watch its own node.
  package func hasRoomForOwnNodeWatch(_ path: Path) -> Bool {
    self.armed[path] != nil || self.watchBytes + self.cost(path) <= self.limits.ownNodeWatches
  }

  /// Reserves what a watch needs; ``settleWatch(_:reserved:tables:)`` must follow if there was room.
  ///
  /// - Parameter isRenewal: Whether the watch takes the place of one that was used up, and is not refused.
  /// - Returns: How many bytes were reserved: none for a path that has a watch already. Nil if there is no room.
  package mutating func reserveWatch(_ path: Path, isRenewal: Bool = false) -> Int? {
    guard self.armed[path] == nil else { return 0 }
    let cost = self.cost(path)
    guard isRenewal || self.watchBytes + cost <= self.limits.watches else { return nil }
    self.pendingWatchBytes += cost
    return cost
  }

  /// The request that sets a watch has been answered.
  ///
  /// - Parameters:
  ///   - path: The watched path.
  ///   - reserved: What was reserved.
  ///   - tables: Where the C client keeps the watch; empty if it was not set.
  mutating func settleWatch(_ path: Path, reserved: Int, tables: Tables) {
    self.pendingWatchBytes -= reserved
    guard !tables.isEmpty else { return }
    let before = self.armed[path] ?? []
    self.armed[path] = before.union(tables)
    self.armedBytes += self.cost(path) * tables.subtracting(before).count
  }

  /// An event has used watches up.
  package mutating func fired(_ event: WatchEvent, path: Path) {
    if event == .deleted { self.deleted(path) }
    guard let before = self.armed[path] else { return }
    let left = before.subtracting(event.usedTables)
    self.armed[path] = left.isEmpty ? nil : left
    self.armedBytes -= self.cost(path) * (before.count - left.count)
  }

  // MARK: Ephemeral nodes

  /// Reserves what a new ephemeral node needs; ``settleEphemeral(_:isSequential:created:)`` must follow if there was room.
  package mutating func reserveEphemeral(_ path: Path, isSequential: Bool) -> Bool {
    let cost = self.cost(path, isSequential: isSequential)
    guard self.ephemeralBytes + cost <= self.limits.ephemerals else { return false }
    self.pendingEphemeralBytes += cost
    return true
  }

  /// The request that creates a node has been answered.
  ///
  /// - Parameters:
  ///   - path: The path that was reserved for.
  ///   - isSequential: Whether the servers append a number.
  ///   - created: The path of the new node; nil if the request failed.
  package mutating func settleEphemeral(_ path: Path, isSequential: Bool, created: Path?) {
    self.pendingEphemeralBytes -= self.cost(path, isSequential: isSequential)
    if let created { self.owns(created) }
  }

  /// A node is known to be this session's.
  package mutating func owns(_ path: Path) {
    if self.ephemerals.insert(path).inserted { self.createdBytes += self.cost(path) }
  }

  /// A node is known to be gone.
  package mutating func deleted(_ path: Path) {
    if !self.ephemerals.isEmpty, self.ephemerals.remove(path) != nil { self.createdBytes -= self.cost(path) }
  }

  private func cost(_ path: Path, isSequential: Bool = false) -> Int {
    path.count + self.overhead + (isSequential ? 10 : 0)
  }
}

extension WatchRegistry.Kind {
  /// Where the C client keeps a watch of that kind after a reply; empty if the reply sets none.
  func tables(after code: ZooKeeperCode) -> PathBudget.Tables {
    switch (self, code) {
    case (.exists, .ok), (.data, .ok): .data
    case (.exists, .noNode): .exists
    case (.children, .ok), (.deletion, .ok): .children
    default: []
    }
  }
}

extension WatchEvent {
  /// The tables from which the C client takes the watches of a path with this event.
  fileprivate var usedTables: PathBudget.Tables {
    switch self {
    case .created, .dataChanged: [.data, .exists]
    case .childrenChanged: .children
    case .deleted, .sessionEnded: [.data, .exists, .children]
    }
  }
}
