#if Etcd
internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging
internal import NIOCore
internal import NIOPosix

/// A client of an etcd cluster: one connection and one lease, kept alive, that serve the whole process.
///
/// Use ``withClient(_:isolation:_:)`` for a client that lives as long as a closure, or make one and run it as a service.
/// After its lease has expired the client takes a new one by itself; holders of locks have then been told.
public final class EtcdClient: Sendable {
  /// The configuration it was made with.
  public let configuration: Configuration
  /// Runs tasks on the thread on which the client reads and writes.
  ///
  /// A task that prefers it (`withTaskExecutorPreference(_:_:)`) sends its requests and gets their answers without a change of
  /// threads. It must not block, and what it computes holds up everything else that the client does.
  public var taskExecutor: any TaskExecutor { self.connections.executor }
  let loop: any EventLoop
  let timers: TimerQueue
  let connections: EtcdConnections
  let transactions: TransactionQueue
  let watches: Watches
  let keeper: SessionKeeper
  private let state = Locked(State())

  private struct State {
    var hasBegun = false
    var hasHadSession = false
    var isClosed = false
    var next: UInt64 = 0
  }

  /// Makes a client that connects when it is run.
  ///
  /// - Parameter configuration: Where the cluster is and how to talk to it.
  /// - Throws: ``EtcdError`` with code ``EtcdError/Code/invalidConfiguration``.
  public convenience init(_ configuration: Configuration) throws(EtcdError) {
    try self.init(configuration, loop: MultiThreadedEventLoopGroup.singleton.next())
  }

  init(_ configuration: Configuration, loop: any EventLoop) throws(EtcdError) {
    try configuration.validate()
    self.configuration = configuration
    self.loop = loop
    self.timers = TimerQueue(loop: loop)
    self.connections = try EtcdConnections(configuration, loop: self.loop)
    self.transactions = TransactionQueue(
      connections: self.connections,
      timeout: configuration.requestTimeout,
      hasIdentity: configuration.credentials != nil || configuration.tls?.certificateFile != nil
    )
    self.watches = Watches(connections: self.connections, logger: configuration.logger)
    self.keeper = SessionKeeper(configuration, connections: self.connections)
    // Locks are told of an end by observers of their own, which were added later; what they then send is refused.
    _ = self.keeper.addObserver { [transactions, weak self] event in
      switch event {
      case .began: self?.state.withLock { $0.hasHadSession = true }
      case .ended(let session): transactions.endSession(session.generation)
      case .closed: break
      }
    }
  }

  deinit {
    self.watches.close()
    self.transactions.close()
    self.connections.close()
  }

  /// Connects, lends a client to a closure, and closes the client whichever way the closure ends.
  ///
  /// - Parameters:
  ///   - configuration: Where the cluster is and how to talk to it.
  ///   - isolation: The actor to run on; the caller's.
  ///   - body: What to do with the client.
  /// - Returns: What the body returned.
  /// - Throws: ``EtcdError`` if the configuration is not valid, no member could be reached within the connect timeout, or the
  ///   credentials were refused; or what the body threw.
  public static func withClient<R>(
    _ configuration: Configuration,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (EtcdClient) async throws -> sending R
  ) async throws -> sending R {
    let client = try EtcdClient(configuration)
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
  ///
  /// - Parameter isService: Whether it goes on trying for as long as it runs, and says in the log that it must.
  func begin(isService: Bool = false) {
    let isFirst = self.state.withLock { state in
      defer { state.hasBegun = true }
      return !state.hasBegun
    }
    precondition(isFirst, "an EtcdClient can be run once only; make a new one")
    self.keeper.start(isService: isService)
  }

  /// Waits until the client has a session, and can be used. For programs that would rather fail at the start than go on without
  /// their servers; nobody else needs to call it.
  ///
  /// The client must be running: as a service, in a task of its own or in ``withClient(_:isolation:_:)``.
  ///
  /// - Throws: ``EtcdError`` if there is no session within ``Configuration/connectTimeout``: `unreachable`, which says what was
  ///   tried, or that the client is not running; `notAuthorized`, `closed`, `cancelled`.
  public func waitUntilReady() async throws(EtcdError) {
    _ = try await self.keeper.waitForSession(within: self.configuration.connectTimeout)
  }

  /// Ends the session, and with it all keys, and closes. Everything that waits on the client fails with
  /// ``EtcdError/Code/closed``. May be called again.
  func close() async {
    let isFirst = self.state.withLock { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    guard isFirst else { return }
    self.transactions.close()
    self.watches.close()
    // The farewell is not waited for for long: what it does not reach, the lease's own time ends.
    let limit = self.loop.scheduleTask(in: .seconds(2)) { self.connections.close() }
    await self.keeper.close()
    limit.cancel()
    self.connections.close()
  }

  /// A number that the client gives once.
  func nextNumber() -> UInt64 {
    self.state.withLock { state in
      defer { state.next += 1 }
      return state.next
    }
  }

  /// Whether there has been a session at any time.
  var hasHadSession: Bool { self.state.withLock { $0.hasHadSession } }

  /// Whether the servers leave something unanswered that they should have answered.
  var isSilent: Bool { self.keeper.isSilent || self.transactions.isStalled }

  var logger: Logger { self.configuration.logger }

  /// Something that happens again and again.
  struct Ticker: Sendable {
    fileprivate let task: RepeatedTask

    func cancel() { self.task.cancel() }
  }

  /// Calls the body again and again, the first time after a part of the interval that is left to chance, so that clients that
  /// were started together do not ask together.
  func every(_ interval: Duration, _ body: @escaping @Sendable () -> Void) -> Ticker {
    let first = interval * Double.random(in: 0.5...1)
    let task = self.loop.scheduleRepeatedTask(initialDelay: TimeAmount(first), delay: TimeAmount(interval)) { _ in
      body()
    }
    return Ticker(task: task)
  }
}
#endif
