#if Etcd
/// Which keys a client watches, and what its one stream of watches knows of each.
///
/// Pure bookkeeping. A stream answers requests to watch in the order in which they were sent, with its own number for each;
/// events carry that number. When a stream breaks, all that is watched is asked for again on the next: whoever watches is
/// told once more that the watch is set, and must look again, since nobody knows what happened in between.
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
    case watch(Target)
    case cancel(streamID: Int64)
  }

  /// What an answer means.
  package enum Outcome: Hashable, Sendable {
    /// The watch is set: what is deleted from now on is told.
    case set(ID)
    case happened(ID)
    case refused(ID, reason: String)
  }

  private struct Entry: Sendable {
    let target: Target
    /// The stream's number for it, once it is set.
    var streamID: Int64?
  }

  private var entries: [ID: Entry] = [:]
  /// Watches that were asked for and not answered, in the order of the requests. Those that were given up meanwhile too.
  private var unanswered: [ID] = []
  private var byStreamID: [Int64: ID] = [:]
  private var nextNumber: UInt64 = 1
  private var isOpen = false

  package init() {}

  package var isEmpty: Bool { self.entries.isEmpty }

  package mutating func add(_ target: Target) -> (ID, [Request]) {
    let id = ID(number: self.nextNumber)
    self.nextNumber += 1
    self.entries[id] = Entry(target: target)
    guard self.isOpen else { return (id, []) }
    self.unanswered.append(id)
    return (id, [.watch(target)])
  }

  package mutating func remove(_ id: ID) -> [Request] {
    guard let entry = self.entries.removeValue(forKey: id), let streamID = entry.streamID else { return [] }
    self.byStreamID[streamID] = nil
    return [.cancel(streamID: streamID)]
  }

  /// A stream is there: everything is asked for, oldest first.
  package mutating func streamOpened() -> [Request] {
    self.isOpen = true
    self.byStreamID = [:]
    self.unanswered = self.entries.keys.sorted { $0.number < $1.number }
    for id in self.unanswered { self.entries[id]?.streamID = nil }
    return self.unanswered.compactMap { id in self.entries[id].map { .watch($0.target) } }
  }

  package mutating func streamClosed() {
    self.isOpen = false
    self.unanswered = []
    self.byStreamID = [:]
  }

  /// The answer to the oldest request to watch.
  package mutating func created(streamID: Int64, refusal: String?) -> (Outcome?, [Request]) {
    guard !self.unanswered.isEmpty else { return (nil, []) }
    let id = self.unanswered.removeFirst()
    if let refusal {
      guard self.entries.removeValue(forKey: id) != nil else { return (nil, []) }
      return (.refused(id, reason: refusal), [])
    }
    // Given up before it was answered.
    guard self.entries[id] != nil else { return (nil, [.cancel(streamID: streamID)]) }
    self.entries[id]?.streamID = streamID
    self.byStreamID[streamID] = id
    return (.set(id), [])
  }

  /// The server has ended a watch by itself: it is asked for again.
  package mutating func canceled(streamID: Int64) -> [Request] {
    guard let id = self.byStreamID.removeValue(forKey: streamID), let entry = self.entries[id] else { return [] }
    self.entries[id]?.streamID = nil
    self.unanswered.append(id)
    return [.watch(entry.target)]
  }

  package func happened(streamID: Int64) -> Outcome? { self.byStreamID[streamID].map { .happened($0) } }
}
#endif
