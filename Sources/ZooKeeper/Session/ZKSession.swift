internal import CZooKeeper
internal import LatchkeyPrimitives
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
    /// The server is a stand-alone one, where an ensemble is asked for.
    case standalone
    /// The session connects again and again without an answer, with more watches than the servers may accept at once.
    case stuck(watchBytes: Int)
    /// What the servers are could not be asked.
    case ensembleUnknown(ZooKeeperCode)
    /// The C client may have lost a request half-way: memory ran out.
    case broken
    /// The handle is gone: no answer and no event comes any more.
    case closed
    /// The timer thread should look at the session again.
    case wakeTimer
  }

  /// What a session must know of its client.
  struct Options: Sendable {
    /// Numeric addresses, in the C client's words.
    var hosts: String
    var chroot: String
    var timeout: Duration
    var tls: String?
    var heartbeat: ZooKeeperClient.Configuration.Heartbeat
    /// The servers' tick: four of them are the shortest timeout with which anything can be proven.
    var tick: Duration
    var maximumRequestSize: Int
    var pathLimits = PathBudget.Limits()
    /// How long after it was looked whether nodes still exist that may be done again.
    var auditPause = Duration.seconds(10)
    /// Whether a stand-alone server is refused: several servers are named, and they should be an ensemble.
    var refusesStandaloneServer: Bool
    /// The credentials as of now.
    var credentials: @Sendable () -> [ZooKeeperClient.Credential]
  }

  struct State {
    var id: Int64 = 0
    var isStarted = false
    var isConnected = false
    var end: ZooKeeperCode?
    var heartbeat: HeartbeatMachine
    var term: Term
    var termWaiters: [@Sendable (Term?) -> Void] = []
    var heartbeatHooks = HandlerTable<@Sendable () -> Void>()
    var watches = WatchRegistry<@Sendable (WatchEvent) -> Void>()
    var budget: PathBudget
    var breaker = ReconnectBreaker()
    /// The servers that the C client has been given.
    var hosts: String
    var isAuditing = false
    var nextAudit: ContinuousClock.Instant
    /// Whether it is known that the server is not a stand-alone one, or cannot be known.
    var hasLookedForEnsemble = false
    /// Whether the client hears of the connection once it is known what the server is.
    var awaitsLook = false
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
  let signal: @Sendable (ZKSession, Signal) -> Void

  /// Makes a session that does not connect yet; nil if memory ran out.
  init?(generation: UInt64, options: Options, signal: @escaping @Sendable (ZKSession, Signal) -> Void) {
    guard let pointer = czk_create(czk_callbacks(state: sessionStateChanged, watch: sessionWatchFired)) else {
      return nil
    }
    let now = ContinuousClock.now
    self.generation = generation
    self.options = options
    self.state = Locked(
      State(
        heartbeat: HeartbeatMachine(openedAt: now, leastTimeout: options.tick * 4),
        term: Term(deadline: now),
        budget: PathBudget(limits: options.pathLimits, chrootLength: options.chroot.utf8.count),
        hosts: options.hosts,
        nextAudit: now
      )
    )
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

  /// Starts to connect.
  ///
  /// - Returns: nil, or what the operating system says.
  func start() -> Int32? {
    let timeout = Int32(clamping: self.options.timeout.milliseconds)
    // Callbacks find this object by its address: it lives until the last of them has returned, see `close`.
    let context = Unmanaged.passRetained(self)
    self.state.withLock { $0.isStarted = true }
    let hosts = self.options.hosts + self.options.chroot
    let failure =
      self.options.tls.map { tls in
        czk_start(self.pointer, hosts, timeout, tls, context.toOpaque())
      } ?? czk_start(self.pointer, hosts, timeout, nil, context.toOpaque())
    guard failure != 0 else { return nil }
    // A close that came meanwhile may have taken the balance already.
    let isOurs = self.state.withLock { state in
      defer { state.isStarted = false }
      return state.isStarted
    }
    if isOurs { context.release() }
    return failure
  }

  /// Gives the session other servers, unless it is connected.
  func setServers(_ hosts: String) {
    guard !hosts.isEmpty, self.state.withLock({ $0.hosts != hosts }), czk_set_servers(self.pointer, hosts) else {
      return
    }
    self.state.withLock { $0.hosts = hosts }
  }

  /// Closes the handle in the background; ``Signal/closed`` follows. May be called again.
  func close() {
    let context = Unmanaged.passRetained(self)
    let code = self.state.withLock { $0.end } ?? .closed
    if !czk_close(self.pointer, code.rawValue, sessionClosed, context.toOpaque()) { context.release() }
  }

  /// Ends the session for those who use it: the term, the watches, whoever waits for a live term.
  func end(_ code: ZooKeeperCode) {
    let ended = self.state.withLock {
      state -> (term: Term, watches: [@Sendable (WatchEvent) -> Void], waiters: [@Sendable (Term?) -> Void])?
      in
      guard state.end == nil else { return nil }
      state.end = code
      state.isConnected = false
      state.heartbeat.disconnected()
      _ = state.heartbeatHooks.removeAll()
      defer { state.termWaiters = [] }
      return (state.term, state.watches.removeAll(), state.termWaiters)
    }
    guard let ended else { return }
    ended.term.end(.reported("the ZooKeeper session is over: \(code)"))
    for handler in ended.watches { handler(.sessionEnded) }
    for waiter in ended.waiters { waiter(nil) }
  }

  // MARK: - Callbacks

  fileprivate func fired(_ type: Int32, path: String) {
    let event: WatchEvent
    switch type {
    case Int32(CZK_EVENT_CREATED): event = .created
    case Int32(CZK_EVENT_DELETED): event = .deleted
    case Int32(CZK_EVENT_CHANGED): event = .dataChanged
    case Int32(CZK_EVENT_CHILD): event = .childrenChanged
    default: return
    }
    self.state.withLock { $0.budget.fired(event, path: Array(path.utf8)) }
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
