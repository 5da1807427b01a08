internal import Latchkey
internal import LatchkeyPrimitives
internal import ZooKeeper

/// The nodes of an election's candidates, as one session reads them.
struct ElectionNodes: Sendable {
  let directory: String
  let rule: GrantRule
  /// Until when every request must be answered; nil for as long as the connection lasts.
  var deadline: ContinuousClock.Instant?

  func path(_ node: String) -> String { "\(self.directory)/\(node)" }

  /// Makes a request and waits for its answer; a cancelled task gets `cancelled` at once.
  private func ask<Value: Sendable>(
    _ operation: String,
    _ request: (@escaping @Sendable (Result<Value, ZooKeeperError>) -> Void) -> Void
  ) async -> Result<Value, ZooKeeperError> {
    let answer = OneShot<Result<Value, ZooKeeperError>>()
    request { answer.resolve($0) }
    let path = self.directory
    return await withDeadline(self.deadline) {
      answer.resolve(.failure(ZooKeeperError(.operationTimeout, operation: operation, path: path)))
    } wait: {
      await answer.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: operation, path: path)))
    }
  }

  /// Lists the candidates.
  ///
  /// - Parameter sync: Whether the server must first catch up with its leader, in the same flight.
  func list(_ session: ZKSession, sync: Bool) async throws(ZooKeeperError) -> LeaderObserver.Listing {
    let result: Result<SequenceScan, ZooKeeperError> = await self.ask("children") { done in
      session.scan(
        directory: self.directory,
        own: nil,
        matchPrefix: nil,
        markers: self.rule.markers,
        sync: sync,
        done
      )
    }
    if case .failure(let error) = result, error.code == .noNode { return .noDirectory }
    let scan = try result.get()
    guard scan.wraps else { return scan.first.map { .first($0) } ?? .empty }
    // Numbers do not tell the order: the oldest node is the first.
    var first: (name: String, czxid: Int64)?
    for name in scan.nodes {
      let stat = try await self.ask("exists") { session.exists(self.path(name), $0) }.get()
      guard let czxid = stat?.createdBy, czxid < first?.czxid ?? .max else { continue }
      first = (name, czxid)
    }
    return first.map { .first($0.name) } ?? .empty
  }

  /// Reads a candidate's node; nil if it is gone.
  func read(_ name: String, _ session: ZKSession) async throws(ZooKeeperError) -> LeaderObserver.Sighting? {
    try self.sighting(name, await self.ask("get") { session.get(self.path(name), $0) })
  }

  /// Reads a candidate's node and watches it; nil, without a watch, if it is gone.
  func read(
    _ name: String,
    _ session: ZKSession,
    watch: inout SessionWatch?
  ) async throws(ZooKeeperError) -> LeaderObserver.Sighting? {
    let result = await self.ask("get") { done in
      watch = SessionWatch(session) { session.get(self.path(name), onEvent: $0, done) }
    }
    return try self.sighting(name, result)
  }

  private func sighting(
    _ name: String,
    _ result: Result<([UInt8], Stat), ZooKeeperError>
  ) throws(ZooKeeperError) -> LeaderObserver.Sighting? {
    if case .failure(let error) = result, error.code == .noNode { return nil }
    let (data, stat) = try result.get()
    return LeaderObserver.Sighting(
      name: name,
      czxid: stat.createdBy,
      mzxid: stat.modifiedBy,
      value: String(decoding: data, as: UTF8.self)
    )
  }

  /// Lists the candidates behind a watch of the directory, which any arrival or departure fires.
  func watchDirectory(
    _ session: ZKSession,
    watch: inout SessionWatch?
  ) async throws(ZooKeeperError) -> LeaderObserver.Listing {
    let result: Result<([String], Stat), ZooKeeperError> = await self.ask("children") { done in
      watch = SessionWatch(session) { session.children(self.directory, onEvent: $0, done) }
    }
    if case .failure(let error) = result, error.code == .noNode { return .noDirectory }
    let isEmpty = try !result.get().0.contains { self.rule.blockingMarker(of: $0) != nil }
    // Which of them is the first is for the scan to say; the watch stands before it.
    return isEmpty ? .empty : try await self.list(session, sync: false)
  }

  /// Looks whether the directory exists, and watches for its creation.
  func awaitDirectory(_ session: ZKSession, watch: inout SessionWatch?) async throws(ZooKeeperError) -> Bool {
    let result: Result<Stat?, ZooKeeperError> = await self.ask("exists") { done in
      watch = SessionWatch(session) { session.exists(self.directory, onEvent: $0, done) }
    }
    return try result.get() != nil
  }
}

/// A watch of a session; forgotten with the last reference.
final class SessionWatch: Sendable {
  private let event = OneShot<WatchEvent?>()
  private let session: ZKSession
  private let id: UInt64

  /// - Parameter set: Sets the watch, and returns its number.
  init(_ session: ZKSession, _ set: (@escaping @Sendable (WatchEvent) -> Void) -> UInt64) {
    let event = self.event
    self.session = session
    self.id = set { event.resolve($0) }
  }

  deinit {
    self.session.removeWatch(self.id)
  }

  /// What it has seen; nil if the waiting task was cancelled.
  func fired() async -> WatchEvent? { await self.event.wait(cancelled: nil) }
}
