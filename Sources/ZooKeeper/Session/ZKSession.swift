internal import CZooKeeper
internal import Latchkey
internal import Synchronization

/// One ZooKeeper session: a handle of the C client, the proof of how long it lives, and its watches.
///
/// Requests name the session they are meant for by being methods of it; when it is over they fail with how it ended. Answers
/// and events come on the C client's completion thread, or on the thread that closes the session, and never while a method is
/// called: they must not block.
package final class ZKSession: Sendable {
  /// What a session tells its client.
  enum Signal: Sendable {
    case connected
    case disconnected
    case expired
    case authenticationFailed
    /// The handle is gone: no answer and no event comes any more.
    case closed
    /// The timer thread should look at the session again.
    case wakeTimer
  }

  /// What a session must know of its client.
  struct Options: Sendable {
    var connectString: String
    var timeout: Duration
    var tls: String?
    var heartbeat: ZooKeeperClient.Configuration.Heartbeat
    /// The credentials as of now.
    var credentials: @Sendable () -> [ZooKeeperClient.Credential]
  }

  struct State {
    var id: Int64 = 0
    var isStarted = false
    var isConnected = false
    var end: ZooKeeperCode?
    var heartbeat: HeartbeatMachine
    var term: LeaseTerm
    var termWaiters: [@Sendable (LeaseTerm?) -> Void] = []
    var heartbeatHooks: [UInt64: @Sendable () -> Void] = [:]
    var nextHook: UInt64 = 1
    var watches = WatchRegistry<@Sendable (WatchEvent) -> Void>()
  }

  // Safe: the shim guards the session with locks of its own, and frees it only in `deinit`.
  private struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  /// Counts the sessions of one client, from 1.
  package let generation: UInt64
  let options: Options
  let state: Locked<State>
  let interest = Atomic<Int>(0)
  /// How many of the client's credentials the C client has been given. Held over the call that gives one.
  let presented = Locked(0)
  private let handle: Handle
  private let signal: @Sendable (ZKSession, Signal) -> Void

  /// Makes a session that does not connect yet; nil if memory ran out.
  init?(generation: UInt64, options: Options, signal: @escaping @Sendable (ZKSession, Signal) -> Void) {
    guard let pointer = czk_create(czk_callbacks(state: sessionStateChanged, watch: sessionWatchFired)) else {
      return nil
    }
    let now = ContinuousClock.now
    self.generation = generation
    self.options = options
    self.state = Locked(State(heartbeat: HeartbeatMachine(openedAt: now), term: LeaseTerm(deadline: now)))
    self.handle = Handle(pointer: pointer)
    self.signal = signal
  }

  deinit {
    czk_free(self.handle.pointer)
  }

  /// The shim's session.
  var pointer: OpaquePointer { self.handle.pointer }

  /// The session's number at the servers; 0 before the first connection.
  package var id: Int64 { self.state.withLock { $0.id } }

  /// The negotiated timeout; the requested one before the first connection.
  package var timeout: Duration { self.state.withLock { $0.heartbeat.timeout } ?? self.options.timeout }

  /// Whether the session is connected to a server.
  package var isConnected: Bool { self.state.withLock { $0.isConnected } }

  func wakeTimer() {
    self.signal(self, .wakeTimer)
  }

  // MARK: - Life

  /// Starts to connect; resolves host names, so it may block.
  ///
  /// - Returns: nil, or what the operating system says.
  func start() -> Int32? {
    let timeout = Int32(clamping: self.options.timeout.wholeMilliseconds)
    // Callbacks find this object by its address: it lives until the last of them has returned, see `close`.
    let context = Unmanaged.passRetained(self)
    self.state.withLock { $0.isStarted = true }
    let failure =
      self.options.tls.map { tls in
        czk_start(self.pointer, self.options.connectString, timeout, tls, context.toOpaque())
      } ?? czk_start(self.pointer, self.options.connectString, timeout, nil, context.toOpaque())
    guard failure != 0 else { return nil }
    // A close that came meanwhile may have taken the balance already.
    let isOurs = self.state.withLock { state in
      defer { state.isStarted = false }
      return state.isStarted
    }
    if isOurs { context.release() }
    return failure
  }

  /// Closes the handle in the background; ``Signal/closed`` follows. May be called again.
  func close() {
    let context = Unmanaged.passRetained(self)
    if !czk_close(self.pointer, sessionClosed, context.toOpaque()) { context.release() }
  }

  /// Ends the session for those who use it: the term, the watches, whoever waits for a live term.
  func end(_ code: ZooKeeperCode) {
    let ended = self.state.withLock {
      state -> (term: LeaseTerm, watches: [@Sendable (WatchEvent) -> Void], waiters: [@Sendable (LeaseTerm?) -> Void])?
      in
      guard state.end == nil else { return nil }
      state.end = code
      state.isConnected = false
      state.heartbeat.disconnected()
      state.heartbeatHooks = [:]
      defer { state.termWaiters = [] }
      return (state.term, state.watches.removeAll(), state.termWaiters)
    }
    guard let ended else { return }
    ended.term.end(.told("the ZooKeeper session is over: \(code)"))
    for handler in ended.watches { handler(.sessionEnded) }
    for waiter in ended.waiters { waiter(nil) }
  }

  // MARK: - Callbacks

  fileprivate func changed(to newState: Int32, id: Int64, timeout: Duration) {
    switch newState {
    case Int32(CZK_STATE_CONNECTED): self.connected(id: id, timeout: timeout)
    case Int32(CZK_STATE_EXPIRED): self.signal(self, .expired)
    case Int32(CZK_STATE_AUTH_FAILED): self.signal(self, .authenticationFailed)
    default:
      self.state.withLock { state in
        state.isConnected = false
        state.heartbeat.disconnected()
      }
      self.signal(self, .disconnected)
    }
  }

  private func connected(id: Int64, timeout: Duration) {
    // Credentials go first: requests of those who hear of the connection come behind them.
    let isWanted = self.state.withLock { $0.end == nil }
    // Lost between connecting and here: the next connection repeats it.
    if isWanted, !self.presentCredentials() { return }
    let now = ContinuousClock.now
    let (deadline, isProven) = self.state.withLock { state -> (ContinuousClock.Instant?, Bool) in
      guard state.end == nil else { return (nil, false) }
      state.id = id
      state.isConnected = true
      let isProven = state.heartbeat.connected(timeout: timeout, now: now)
      return (state.heartbeat.deadline, isProven)
    }
    // A smaller timeout than before counts at once, also for what was proven with the old one.
    if let deadline { if isProven { self.prove(until: deadline) } else { self.term.limit(to: deadline) } }
    self.signal(self, .connected)
    self.wakeTimer()
  }

  fileprivate func fired(_ type: Int32, path: String) {
    let event: WatchEvent
    switch type {
    case Int32(CZK_EVENT_CREATED): event = .created
    case Int32(CZK_EVENT_DELETED): event = .deleted
    case Int32(CZK_EVENT_CHANGED): event = .dataChanged
    case Int32(CZK_EVENT_CHILD): event = .childrenChanged
    default: return
    }
    self.fire(event, path: path)
    if event == .childrenChanged { self.rearmDeletionWatch(of: path) }
  }

  func fire(_ event: WatchEvent, path: String) {
    let handlers = self.state.withLock { $0.watches.fire(event, path: path) }
    for handler in handlers { handler(event) }
  }

  fileprivate func closed() {
    self.end(.closed)
    // One that was set between the end of the session and that of its handle is never told otherwise.
    for handler in self.state.withLock({ $0.watches.removeAll() }) { handler(.sessionEnded) }
    self.signal(self, .closed)
    // Balances `start`: no callback can come any more.
    let isStarted = self.state.withLock { state in
      defer { state.isStarted = false }
      return state.isStarted
    }
    if isStarted { Unmanaged.passUnretained(self).release() }
  }
}

// Functions, not closures: a closure written where an actor is inferred would trap on the C client's threads.

nonisolated private func sessionStateChanged(
  _ context: UnsafeMutableRawPointer,
  _ state: Int32,
  _ id: Int64,
  _ timeout: Int32
) {
  Unmanaged<ZKSession>.fromOpaque(context).takeUnretainedValue()
    .changed(to: state, id: id, timeout: .milliseconds(timeout))
}

nonisolated private func sessionWatchFired(
  _ context: UnsafeMutableRawPointer,
  _ type: Int32,
  _ path: UnsafePointer<CChar>
) {
  Unmanaged<ZKSession>.fromOpaque(context).takeUnretainedValue().fired(type, path: String(cString: path))
}

nonisolated private func sessionClosed(_ context: UnsafeMutableRawPointer?) {
  guard let context else { return }
  // Balances `close`.
  Unmanaged<ZKSession>.fromOpaque(context).takeRetainedValue().closed()
}
