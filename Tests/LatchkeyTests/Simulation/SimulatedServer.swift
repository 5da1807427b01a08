import Latchkey
import LatchkeyPrimitives

/// A lock server in memory, with sessions that expire: what the conformance suite is itself tested on. Each request is one
/// step; clients add the network, its faults, and everything that must be got right around them.
final class SimulatedServer: Sendable {
  /// A contender's place in the queue of a lock; the first one holds it.
  struct Node: Sendable {
    let request: UInt64
    let session: UInt64
    var token: UInt64
    var want = SimulatedWant.lock
    /// Whether its client has been told that it holds the lock.
    var isGranted = false
    /// Whether it is what a broken server keeps of one that has left.
    var isGhost = false
    /// The only node whose end it waits for, at a server with that fault.
    var waitsFor: UInt64?
  }

  struct Session: Sendable {
    var expiry: ContinuousClock.Instant
    var grants: UInt64 = 0
  }

  struct State: Sendable {
    var queues: [LockName: [Node]] = [:]
    var sessions: [UInt64: Session] = [:]
    var nextSession: UInt64 = 1
    var nextToken: UInt64 = 1
    var lastHolder: [LockName: UInt64] = [:]
    var isUp = true
    var callersInLine: [LockName: Int] = [:]
    /// How many permits a semaphore has, once that was changed.
    var limits: [LockName: Int] = [:]
  }

  /// How long a silent session lives.
  static let timeToLive = Duration.milliseconds(400)

  let mutation: Mutation?
  private let state = Locked(State())

  init(_ mutation: Mutation? = nil) {
    self.mutation = mutation
  }

  /// Carries out one request; nil if the server is down.
  func perform<R: Sendable>(_ request: @Sendable (inout State) -> R) -> R? {
    self.state.withLock { state in
      guard state.isUp else { return nil }
      self.sweep(&state)
      return request(&state)
    }
  }

  /// Carries out a request that has no answer; false if the server is down.
  private func change(_ request: @Sendable (inout State) -> Void) -> Bool {
    let done: Void? = self.perform(request)
    return done != nil
  }

  // MARK: Requests

  func openSession() -> UInt64? {
    self.perform { state in
      defer { state.nextSession += 1 }
      state.sessions[state.nextSession] = Session(expiry: .now.advanced(by: Self.timeToLive))
      return state.nextSession
    }
  }

  func closeSession(_ session: UInt64) -> Bool {
    self.change { state in self.forget(session, &state) }
  }

  /// Keeps a session alive.
  ///
  /// - Returns: Those of the given requests that still have a node; nil inside if the session has expired.
  func touch(_ session: UInt64, _ requests: [LockName: [UInt64]]) -> Set<UInt64>?? {
    self.perform { state in
      guard state.sessions[session] != nil else { return nil }
      state.sessions[session]?.expiry = .now.advanced(by: Self.timeToLive)
      return Set(
        requests.flatMap { name, requests in
          (state.queues[name] ?? []).map(\.request).filter(requests.contains)
        }
      )
    }
  }

  enum Place: Sendable {
    case granted(token: UInt64)
    case behind(Int)
    case noSession
  }

  /// Finds the place of a request, and takes the last one in the queue first if it has none.
  func enter(
    _ name: LockName,
    _ session: UInt64,
    _ request: UInt64,
    onlyIfFree: Bool,
    _ want: SimulatedWant = .lock
  ) -> Place? {
    self.perform { state in
      guard state.sessions[session] != nil else { return .noSession }
      let queue = self.mutation == .ignoresNames ? Self.anyName(name, state) : name
      if state.queues[queue, default: []].contains(where: { $0.request == request }) {
        return self.place(of: request, in: queue, &state)
      }
      let ahead = state.queues[queue]?.count ?? 0
      if onlyIfFree {
        if self.mutation == .triesAreReentrant, state.queues[queue]?.first?.session == session {
          return .granted(token: self.mint(session, want, &state))
        }
        if self.mutation == .triesFailAfterOthers, ahead == 0, (state.lastHolder[name] ?? session) != session {
          return .behind(0)
        }
        let node = Node(request: request, session: session, token: 0, want: want)
        guard self.isNext(ahead, state.queues[queue, default: []] + [node], state.limits[name]) else {
          return .behind(ahead)
        }
      }
      var node = Node(request: request, session: session, token: self.mint(session, want, &state), want: want)
      if self.mutation == .watchesOneHolder, case .permits(_, let limit) = want, ahead >= limit {
        node.waitsFor = state.queues[queue]?[ahead - limit].request
      }
      let barges = self.mutation == .servesReturnersFirst && state.lastHolder[name] == session
      let last = self.mutation == .servesNewestFirst || barges ? min(1, ahead) : ahead
      state.queues[queue, default: []].insert(node, at: last)
      return self.place(of: request, in: queue, &state)
    }
  }

  /// Deletes the node of a request.
  ///
  /// - Returns: Whether it was there; nil if the server is down.
  func leave(_ name: LockName, _ request: UInt64) -> Bool? {
    self.perform { state in
      var wasThere = false
      for (queue, nodes) in state.queues {
        if let first = nodes.first, first.request == request { state.lastHolder[name] = first.session }
        guard let index = nodes.firstIndex(where: { $0.request == request }) else { continue }
        state.queues[queue] = self.without(index, of: nodes)
        wasThere = true
      }
      if !wasThere, self.mutation == .lateReleaseAddsPermits { state.limits[name] = 9 }
      return wasThere
    }
  }

  /// Deletes the node of whoever holds the lock: what a release must not do.
  @discardableResult
  func leaveAnyone(_ name: LockName) -> Bool? {
    self.perform { state in
      guard state.queues[name]?.isEmpty == false else { return false }
      state.queues[name]?.removeFirst()
      return true
    }
  }

  // MARK: Faults and questions, past the network

  func setUp(_ isUp: Bool) {
    self.state.withLock { state in
      state.isUp = isUp
      if isUp, self.mutation == .tokensRestartWithServer { state.nextToken = 1 }
      for session in state.sessions.keys { state.sessions[session]?.expiry = .now.advanced(by: Self.timeToLive) }
    }
  }

  func expire(_ session: UInt64) {
    self.state.withLock { state in self.forget(session, &state) }
  }

  func nodes(_ name: LockName) -> Int {
    self.state.withLock { state in
      self.sweep(&state)
      return state.queues[name]?.count { !$0.isGhost } ?? 0
    }
  }

  /// Nodes, and callers that stand in a client's own line.
  func contenders(_ name: LockName) -> Int {
    self.state.withLock { state in (state.queues[name]?.count ?? 0) + (state.callersInLine[name] ?? 0) }
  }

  func countInLine(_ name: LockName, _ change: Int) {
    self.state.withLock { $0.callersInLine[name, default: 0] += change }
  }

  // MARK: Inside

  private func place(of request: UInt64, in queue: LockName, _ state: inout State) -> Place {
    let nodes = state.queues[queue] ?? []
    let index = nodes.firstIndex { $0.request == request } ?? 0
    let isNext = self.isNext(index, nodes, state.limits[queue])
    if isNext { state.queues[queue]?[index].isGranted = true }
    return isNext ? .granted(token: nodes[index].token) : .behind(index)
  }

  func mint(_ session: UInt64, _ want: SimulatedWant, _ state: inout State) -> UInt64 {
    if self.mutation == .readTokensLag, want == .shared { return state.nextToken / 2 }
    state.nextToken += 1
    state.sessions[session]?.grants += 1
    switch self.mutation {
    case .tokensPerSession: return state.sessions[session]?.grants ?? 0
    case .tokensRepeat: return state.nextToken / 2
    case .tokensRestartWhenUnused where state.sessions.count == 1: return state.sessions[session]?.grants ?? 0
    default: return state.nextToken
    }
  }

  private static func anyName(_ name: LockName, _ state: State) -> LockName {
    state.queues.first { !$0.value.isEmpty && $0.key != name }?.key ?? name
  }

  private func sweep(_ state: inout State) {
    let now = ContinuousClock.now
    for (session, value) in state.sessions where value.expiry < now { self.forget(session, &state) }
  }

  private func forget(_ session: UInt64, _ state: inout State) {
    state.sessions[session] = nil
    if self.mutation == .expiredReadersStay || self.mutation == .expiredPermitsStay { return }
    for (name, nodes) in state.queues { state.queues[name] = nodes.filter { $0.session != session } }
  }
}
