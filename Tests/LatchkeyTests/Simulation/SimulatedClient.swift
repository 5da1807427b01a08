import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting

/// A client of the simulated server: one session, kept alive by a heartbeat, shared by all its locks.
final class SimulatedClient: Sendable {
  struct Link: Sendable {
    var isCut = false
    var droppedReply: LockReply?
    var session: UInt64?
    var term = Term(deadline: .now)
    var leases: [UInt64: SimulatedLease] = [:]
    /// Locks of which the server has said last that somebody stands ahead.
    var taken: Set<LockName> = []
    /// The deadline that a client would have that forgets what it has told.
    var latestDeadline = ContinuousClock.now
    var isClosed = false
    /// Leases that a client has not released, though it should have.
    var kept: [LeaseBox] = []
  }

  /// The server could not be reached, or its reply was lost.
  struct Unreachable: Error {}

  let server: SimulatedServer
  let isFenced: Bool
  /// The callers of this client that want the same lock stand here; only the first one has a node at the server.
  let lines = LocalLocks()
  private let link = Locked(Link())
  private let heartbeat = OneShot<Task<Void, Never>>()

  init(_ server: SimulatedServer, isFenced: Bool) {
    self.server = server
    self.isFenced = isFenced
    self.renew()
    self.heartbeat.resolve(
      Task { [weak self] in
        while !Task.isCancelled {
          self?.renew()
          try? await Task.sleep(for: SimulatedServer.timeToLive / 20)
        }
      }
    )
  }

  var mutation: Mutation? { self.server.mutation }

  /// The session and its term; nil while there is none.
  var session: (id: UInt64, term: Term)? {
    self.link.withLock { link in link.session.map { ($0, link.term) } }
  }

  /// Sends a request and waits for its reply.
  func send<R: Sendable>(
    _ kind: LockReply,
    _ request: @Sendable (SimulatedServer) -> R?
  ) async throws(Unreachable) -> R {
    await Task.yield()
    guard !self.isCut, let reply = request(self.server) else { throw Unreachable() }
    await Task.yield()
    let isDropped = self.link.withLock { link in
      guard link.droppedReply == kind else { return false }
      link.droppedReply = nil
      return true
    }
    if isDropped || self.isCut { throw Unreachable() }
    return reply
  }

  // MARK: Leases

  func add(_ lease: SimulatedLease) { self.link.withLock { $0.leases[lease.request] = lease } }

  func keep(_ lease: LeaseBox) { self.link.withLock { $0.kept.append(lease) } }

  func remove(_ lease: SimulatedLease) {
    self.link.withLock { link in _ = link.leases.removeValue(forKey: lease.request) }
  }

  var latestDeadline: ContinuousClock.Instant { self.link.withLock { $0.latestDeadline } }

  func holds(_ name: LockName) -> Bool {
    self.link.withLock { link in link.leases.values.contains { $0.name == name } }
  }

  /// Notes what the server has said to the call that is first in the client's line.
  func note(_ place: SimulatedServer.Place, of name: LockName) {
    self.link.withLock { link in
      if case .behind = place { link.taken.insert(name) } else { link.taken.remove(name) }
    }
  }

  /// Whether somebody is known to hold the lock.
  func knowsHolder(_ name: LockName) -> Bool { self.holds(name) || self.link.withLock { $0.taken.contains(name) } }

  /// Deletes the node of a request: at once, or in the background as soon as the server can be reached.
  ///
  /// - Returns: Whether the first request has found it; true if that request has no answer.
  @discardableResult
  func leave(_ name: LockName, _ request: UInt64, keepTrying: Bool = true) async -> Bool {
    do {
      return try await self.send(.release) { $0.leave(name, request) }
    } catch {
      guard keepTrying else { return true }
      Task {
        while !self.link.withLock({ $0.isClosed }) {
          await SimulatedLock.pause()
          let isDone =
            try? await self.send(.release) { server in
              self.mutation == .retriedReleaseFreesAnyone ? server.leaveAnyone(name) : server.leave(name, request)
            }
          if isDone != nil { return }
        }
      }
      return true
    }
  }

  // MARK: Faults

  func cut(_ isCut: Bool) { self.link.withLock { $0.isCut = isCut } }

  func dropNext(_ reply: LockReply) { self.link.withLock { $0.droppedReply = reply } }

  func close() async {
    await self.heartbeat.value.cancel()
    let (session, leases) = self.link.withLock { link in
      link.isClosed = true
      return (link.session, Array(link.leases.values))
    }
    if let session, !self.isCut { _ = self.server.closeSession(session) }
    for lease in leases {
      lease.end(.lost(.lost(lease.name, because: "its client was closed")))
      lease.tellRest()
    }
  }

  private var isCut: Bool { self.link.withLock { $0.isCut } }

  // MARK: Session

  /// One heartbeat: moves the deadline on, notices losses, opens a session where there is none.
  private func renew() {
    let (session, term, leases) = self.link.withLock { ($0.session, $0.term, Array($0.leases.values)) }
    // The heartbeat is the timer that tells everybody whose deadline has passed.
    let isLive = term.expire()
    guard !self.isCut, !self.link.withLock({ $0.isClosed }) else { return }
    let sent = ContinuousClock.now
    if let session, isLive || self.mutation == .isHeldRevives {
      let requests = Dictionary(grouping: leases, by: \.name).mapValues { $0.map(\.request) }
      guard let answer = self.server.touch(session, requests) else { return }
      if let kept = answer {
        if self.mutation != .neverRenews { term.advance(to: self.deadline(since: sent)) }
        self.link.withLock { $0.latestDeadline = self.deadline(since: sent) }
        guard self.mutation != .deletionUnnoticed, self.mutation != .expiryUnnoticed else { return }
        for lease in leases where !kept.contains(lease.request) {
          lease.end(.lost(.lost(lease.name, because: "its node was deleted")))
        }
        return
      }
      if self.mutation != .expiryUnnoticed { term.end(.reported("the session expired")) }
    }
    if let session { _ = self.server.closeSession(session) }
    guard let opened = self.server.openSession() else { return }
    self.link.withLock { link in
      link.session = opened
      if self.mutation == .expiryUnnoticed, link.term.advance(to: self.deadline(since: sent)) { return }
      link.term = Term(deadline: self.deadline(since: sent))
    }
  }

  private func deadline(since sent: ContinuousClock.Instant) -> ContinuousClock.Instant {
    let factor = self.mutation == .deadlineTooLate ? 12 : 3
    return sent.advanced(by: SimulatedServer.timeToLive * factor / 4)
  }
}
