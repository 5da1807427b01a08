#if Etcd
/// Which keys a client watches, and what its one stream of watches knows of each.
///
/// Pure bookkeeping. Each request to watch has a number of its own on the stream, which its answer carries, and events too: the
/// order of answers does not matter. When a stream breaks, all watches are created again on the next: each watcher is
/// told once more that the watch is set, and must look again, since nobody knows what happened in between.
///
/// A watch can outlast its use: whoever watches the same once more gains a watch that has been set since before.
package struct WatchTable: Sendable {
  /// A watch, whatever stream it is on.
  package struct ID: Hashable, Sendable {
    fileprivate let number: UInt64
  }

  /// What is watched.
  package enum Target: Hashable, Sendable {
    /// The deletion of a key.
    case deletion([UInt8])
    /// Everything that happens to keys with a prefix.
    case prefix([UInt8])
  }

  /// What to send on the stream.
  package enum Request: Hashable, Sendable {
    case watch(Target, streamID: Int64)
    case cancel(streamID: Int64)
  }

  /// What an answer means.
  package enum Outcome: Hashable, Sendable {
    /// The watch is set: what has happened behind this revision, and what happens from now on, is told.
    case set(ID, since: Int64)
    case happened(ID, at: Int64)
    case refused(ID, reason: String)

    /// The watch that it concerns.
    package var id: ID {
      switch self {
      case .set(let id, _), .happened(let id, _), .refused(let id, _): id
      }
    }
  }

  private struct Entry: Sendable {
    let target: Target
    /// The stream's number for it, once it is set.
    var streamID: Int64?
    /// The revision behind which everything is told, once it is set.
    var since: Int64 = 0
    /// The revision of what was told last.
    var last: Int64 = 0
    /// Whether it was asked for at the opening of a stream with a token of its own: a refusal is not that of an old token.
    var isAskedAnew = false
  }

  private struct Question: Sendable {
    let streamID: Int64
    let id: ID
  }

  private var entries: [ID: Entry] = [:]
  /// Watches that were asked for and not answered, in the order of the requests. Those that were given up meanwhile too.
  private var unanswered: [Question] = []
  /// Far from the numbers that a server counts by itself: an answer that does not carry ours is noticed.
  private var nextStreamID: Int64 = 1 << 32
  private var byStreamID: [Int64: ID] = [:]
  private var nextNumber: UInt64 = 1
  private var isOpen = false

  package init() {}

  package var isEmpty: Bool { self.entries.isEmpty }

  package mutating func add(_ target: Target) -> (ID, [Request]) {
    let id = ID(number: self.nextNumber)
    self.nextNumber += 1
    self.entries[id] = Entry(target: target)
    return (id, self.isOpen ? [self.ask(target, id)] : [])
  }

  private mutating func ask(_ target: Target, _ id: ID) -> Request {
    defer { self.nextStreamID += 1 }
    self.unanswered.append(Question(streamID: self.nextStreamID, id: id))
    return .watch(target, streamID: self.nextStreamID)
  }

  package mutating func remove(_ id: ID) -> [Request] {
    guard let entry = self.entries.removeValue(forKey: id), let streamID = entry.streamID else { return [] }
    self.byStreamID[streamID] = nil
    return [.cancel(streamID: streamID)]
  }

  /// A stream is there: everything is asked for, oldest first.
  ///
  /// - Parameter isRenewed: Whether it was opened with a new token, for the sake of one that was refused.
  package mutating func streamOpened(isRenewed: Bool = false) -> [Request] {
    self.isOpen = true
    for id in self.entries.keys { self.entries[id]?.isAskedAnew = isRenewed }
    self.byStreamID = [:]
    self.unanswered = []
    return self.entries.map { (id: $0.key, target: $0.value.target) }.sorted { $0.id.number < $1.id.number }.map {
      self.ask($0.target, $0.id)
    }
  }

  package mutating func streamClosed() {
    self.isOpen = false
    for id in self.entries.keys { self.entries[id]?.streamID = nil }
    self.unanswered = []
    self.byStreamID = [:]
  }

  /// What is known of a watch that has been there for a while; nil if it is not set, which will be told.
  package func knowledge(of id: ID, asOf revision: Int64) -> Outcome? {
    guard let entry = self.entries[id], entry.streamID != nil else { return nil }
    return entry.last > revision ? .happened(id, at: entry.last) : .set(id, since: entry.since)
  }

  package func has(_ id: ID) -> Bool { self.entries[id] != nil }

  /// Whether a watch that is set was asked for under this number.
  package func awaits(_ streamID: Int64) -> Bool { self.unanswered.contains { $0.streamID == streamID } }

  /// Which request was refused. Some servers' refusals carry no number; those come in the order of the requests.
  private func refused(_ streamID: Int64) -> Int? {
    self.unanswered.firstIndex { $0.streamID == streamID } ?? (self.unanswered.isEmpty ? nil : 0)
  }

  private func refusedEntry(_ streamID: Int64) -> Entry? {
    self.refused(streamID).flatMap { self.entries[self.unanswered[$0].id] }
  }

  /// Whether a refusal could be that of a token which has expired since the stream was opened, and does not say that the user must
  /// not watch.
  package func mayBeAskedAnew(_ streamID: Int64) -> Bool {
    self.refusedEntry(streamID).map { !$0.isAskedAnew } ?? false
  }

  /// What a refused request asked to watch; nil if it is no longer wanted.
  package func target(refused streamID: Int64) -> Target? { self.refusedEntry(streamID)?.target }

  /// The answer to a request to watch; nothing if it was not asked for.
  ///
  /// - Parameter revision: The revision of the store when the watch was set.
  package mutating func created(streamID: Int64, at revision: Int64, refusal: String?) -> (Outcome?, [Request]) {
    let index = refusal == nil ? self.unanswered.firstIndex { $0.streamID == streamID } : self.refused(streamID)
    guard let index else { return (nil, []) }
    let id = self.unanswered.remove(at: index).id
    if let refusal {
      guard self.entries.removeValue(forKey: id) != nil else { return (nil, []) }
      return (.refused(id, reason: refusal), [])
    }
    // Given up before it was answered.
    guard self.entries[id] != nil else { return (nil, [.cancel(streamID: streamID)]) }
    self.entries[id]?.streamID = streamID
    self.entries[id]?.since = revision
    self.byStreamID[streamID] = id
    return (.set(id, since: revision), [])
  }

  /// The server has ended a watch by itself: it is asked for again.
  package mutating func canceled(streamID: Int64) -> [Request] {
    guard let id = self.byStreamID.removeValue(forKey: streamID), let entry = self.entries[id] else { return [] }
    self.entries[id]?.streamID = nil
    self.entries[id]?.isAskedAnew = false
    return [self.ask(entry.target, id)]
  }

  /// - Parameter revision: The revision of what happened.
  package mutating func happened(streamID: Int64, at revision: Int64) -> Outcome? {
    guard let id = self.byStreamID[streamID] else { return nil }
    self.entries[id]?.last = revision
    return .happened(id, at: revision)
  }
}
#endif
