internal import LatchkeyPrimitives
internal import Logging
internal import Synchronization

/// A client of a ZooKeeper ensemble: one session that serves the whole process.
///
/// Use ``withClient(_:isolation:_:)`` for a client that lives as long as a closure, or make one and run it as a service.
/// After its session has expired the client opens a new one by itself; ``states`` tells.
public final class ZooKeeperClient: Sendable {
  struct State {
    var machine = SessionMachine()
    var session: ZKSession?
    /// Why no new session will come.
    var failure: ZooKeeperError?
    var hasConnected = false
    /// Why the last attempt to open a session failed.
    var openFailure: String?
    /// A session to be opened by the timer thread, not before the instant, and once enough host names are known.
    var pendingOpen: (generation: UInt64, notBefore: ContinuousClock.Instant)?
    var addresses: ServerAddresses
    var hasSaidNotRunning = false
    var hasSaidEnsembleUnknown = false
    var credentials: [Credential]
    var timer: TimerThread?
    var observers = HandlerTable<@Sendable (ZKSessionEvent) -> Void>()
    /// Events on their way to the observers, told by one thread at a time and in order.
    var undelivered: [ZKSessionEvent] = []
    var isDelivering = false
    var stateFollowers = HandlerTable<AsyncStream<SessionState>.Continuation>()
    var sessionLine = WaitLine<Result<ZKSession, ZooKeeperError>>()
    var closeLine: [CheckedContinuation<Void, Never>] = []
    var isFinished = false
  }

  /// The configuration it was made with.
  public let configuration: Configuration
  let state: Locked<State>
  let hasRun = Atomic(false)

  /// Makes a client that connects when it is run.
  ///
  /// - Parameter configuration: Where the servers are and how to talk to them.
  /// - Throws: ``ZooKeeperError`` with code ``ZooKeeperCode/invalidConfiguration`` or ``ZooKeeperCode/notSupported``.
  public init(_ configuration: Configuration) throws(ZooKeeperError) {
    try configuration.validate()
    self.configuration = configuration
    self.state = Locked(
      State(addresses: ServerAddresses(configuration.servers), credentials: configuration.credentials)
    )
  }

  /// Servers and chroot, without credentials: what tells one ensemble from another.
  package var connectString: String { self.configuration.connectString }

  /// Connects, lends a client to a closure, and closes the client whichever way the closure ends.
  ///
  /// - Parameters:
  ///   - configuration: Where the servers are and how to talk to them.
  ///   - isolation: The actor to run on; the caller's.
  ///   - body: What to do with the client.
  /// - Returns: What the body returned.
  /// - Throws: ``ZooKeeperError`` if the configuration is not valid, no server could be reached within the connect timeout,
  ///   the credentials were refused, or the chroot does not exist; or what the body threw.
  public static func withClient<R>(
    _ configuration: Configuration,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (ZooKeeperClient) async throws -> sending R
  ) async throws -> sending R {
    let client = try ZooKeeperClient(configuration)
    client.begin()
    let value: R
    do {
      try await client.waitUntilReady()
      value = try await body(client)
    } catch {
      await client.close()
      throw error
    }
    await client.close()
    // Safe: the value came out of `body` as `sending`; nothing here keeps a reference to it.
    nonisolated(unsafe) let result = value
    return result
  }

  /// Starts to connect; at most once for a client.
  func begin() {
    let isFirst = self.hasRun.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
    precondition(isFirst, "a ZooKeeperClient can be run once only; make a new one")
    ClientLog.forward(to: self.configuration.logger)
    guard let timer = TimerThread({ self.tick() }) else {
      self.perform { state in
        state.openFailure = "the timer thread could not be started"
        return state.machine.close()
      }
      return
    }
    self.perform { state in
      state.timer = timer
      return state.machine.start()
    }
  }

  /// Waits until the client can be used: for programs that want to end at once if they cannot reach the servers. The client must be
  /// running; ``withClient(_:isolation:_:)`` waits by itself.
  ///
  /// - Throws: ``ZooKeeperError``: `connectionLoss` if no server could be reached within the connect timeout, and `notRunning` if the
  ///   client was not run by then; the client goes on trying, so the call may be repeated. `invalidConfiguration` if several
  ///   servers are named that are not one ensemble, `noNode` if the chroot does not exist, `authFailed`, `closed`, `cancelled`.
  public func waitUntilReady() async throws(ZooKeeperError) {
    let deadline = ContinuousClock.now.advanced(by: self.configuration.connectTimeout)
    let session = try await self.waitForSession(within: self.configuration.connectTimeout)
    let hasChroot = !self.configuration.chroot.isEmpty
    guard hasChroot || self.configuration.refusesStandaloneServer else { return }
    let stat = await askDespiteLoad(until: deadline) {
      let answer = OneShot<Result<Stat?, ZooKeeperError>>()
      session.exists("/") { answer.resolve($0) }
      return await answer.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: "connect")))
    }
    // What the server is was asked before, so it is known by now, unless the connection was lost.
    if let failure = self.state.withLock({ $0.failure }) { throw failure }
    guard try stat.get() == nil else { return }
    throw ZooKeeperError(
      .noNode,
      operation: "connect",
      path: self.configuration.chroot,
      detail: "the chroot \"\(self.configuration.chroot)\" does not exist on \(self.serverList)"
    )
  }

  /// Closes the session and waits until that is done. Everything that waits on the client fails with
  /// ``ZooKeeperCode/closed``. May be called again.
  func close() async {
    self.beginClose()
    await self.waitUntilClosed()
  }

  func beginClose() {
    self.perform { $0.machine.close() }
  }

  func waitUntilClosed() async {
    await withCheckedContinuation { continuation in
      let isFinished = self.state.withLock { state in
        if !state.isFinished { state.closeLine.append(continuation) }
        return state.isFinished
      }
      if isFinished { continuation.resume() }
    }
  }

  var serverList: String { self.configuration.servers.joined(separator: ", ") }
}
