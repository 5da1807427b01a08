/// Tells which watches an event fires. All watches of a session share one function of the C client, so they are told apart
/// here, by path and kind.
///
/// Pure; whoever gets a handler out of it calls it, outside the lock that guards the registry. A watch fires at most once.
package struct WatchRegistry<Handler: Sendable>: Sendable {
  /// What a watch was set with.
  package enum Kind: Sendable, Hashable {
    case exists
    case data
    case children
    /// A watch on the list of children that only means the node itself.
    case deletion
  }

  private struct Entry {
    let path: [UInt8]
    let kind: Kind
    let handler: Handler
    var isArmed: Bool
  }

  private var entries: [UInt64: Entry] = [:]
  /// By the bytes of the path: strings that Swift takes for equal can be different nodes.
  private var idsByPath: [[UInt8]: [UInt64]] = [:]
  private var nextID: UInt64 = 1

  package init() {}

  package var count: Int { self.entries.count }

  /// Adds a watch whose request is about to be made. It does not fire before it is armed: until the reply has come, events
  /// on the path are older than what the reply will say.
  package mutating func add(_ kind: Kind, path: String, handler: Handler) -> UInt64 {
    let id = self.nextID
    self.nextID += 1
    let bytes = Array(path.utf8)
    self.entries[id] = Entry(path: bytes, kind: kind, handler: handler, isArmed: false)
    self.idsByPath[bytes, default: []].append(id)
    return id
  }

  /// The request's reply has come: the server has the watch, or it has not.
  package mutating func replied(_ id: UInt64, code: ZooKeeperCode) {
    guard let kind = self.entries[id]?.kind else { return }
    if code == .ok || (kind == .exists && code == .noNode) {
      self.entries[id]?.isArmed = true
    } else {
      _ = self.remove(id)
    }
  }

  /// Whether the watch is still waiting, armed or not.
  package func contains(_ id: UInt64) -> Bool { self.entries[id] != nil }

  /// What a watch that is still waiting was set with.
  package func kind(of id: UInt64) -> Kind? { self.entries[id]?.kind }

  /// Forgets a watch that has not fired.
  package mutating func remove(_ id: UInt64) -> Handler? {
    guard let entry = self.entries.removeValue(forKey: id) else { return nil }
    self.idsByPath[entry.path]?.removeAll { $0 == id }
    if self.idsByPath[entry.path]?.isEmpty == true { self.idsByPath[entry.path] = nil }
    return entry.handler
  }

  /// An event has come.
  ///
  /// - Returns: The handlers of the watches it fires; those watches are gone.
  package mutating func fire(_ event: WatchEvent, path: String) -> [Handler] {
    let bytes = Array(path.utf8)
    guard let ids = self.idsByPath.removeValue(forKey: bytes) else { return [] }
    var fired: [Handler] = []
    var left: [UInt64] = []
    for id in ids {
      guard let entry = self.entries[id] else { continue }
      if entry.isArmed, event.fires(entry.kind) {
        self.entries[id] = nil
        fired.append(entry.handler)
      } else {
        left.append(id)
      }
    }
    if !left.isEmpty { self.idsByPath[bytes] = left }
    return fired
  }

  /// Whether somebody waits for a node's deletion. The server's watch on its children is used up by any change of them, and
  /// must then be set again.
  package func awaitsDeletion(of path: String) -> Bool {
    self.idsByPath[Array(path.utf8)]?.contains { self.entries[$0]?.kind == .deletion } ?? false
  }

  /// The session is over.
  ///
  /// - Returns: The handlers of all watches, armed or not, oldest first.
  package mutating func removeAll() -> [Handler] {
    let handlers = self.entries.sorted { $0.key < $1.key }.map(\.value.handler)
    self.entries = [:]
    self.idsByPath = [:]
    return handlers
  }
}

/// What a watch has seen.
public enum WatchEvent: Hashable, Sendable {
  /// The node was created.
  case created
  /// The node was deleted.
  case deleted
  /// The node's data was set.
  case dataChanged
  /// A child was created or deleted.
  case childrenChanged
  /// The session is over, and the watch with it: read again, to see what was missed.
  case sessionEnded

  /// Whether the event fires a watch of that kind, as the C client and the servers have it.
  func fires<Handler>(_ kind: WatchRegistry<Handler>.Kind) -> Bool {
    switch self {
    case .created: kind == .exists
    case .deleted: true
    case .dataChanged: kind == .exists || kind == .data
    case .childrenChanged: kind == .children
    case .sessionEnded: true
    }
  }
}
