internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging
internal import NIOCore
internal import NIOSSL

/// The shell of a ``RedisConnection``: makes connections, sends commands, hands out replies.
///
/// Everything is kept under one lock. A command takes its place in the line and in the stream of bytes in one step, so that the
/// order of calls is the order on the wire. Nobody is told anything under the lock, and nobody by the thread that sends: answers
/// come on the event loop.
final class ConnectionCore: Sendable {
  /// Told the outcome of a command, on the event loop, and the run of the server that has answered, where that is known.
  typealias Answer = @Sendable (Result<RedisValue, RedisError>, RedisServerIdentity?) -> Void

  /// Whether the event loop is to write: then it writes everything, and nobody else does.
  enum Flushing {
    case none
    /// It has been asked to.
    case asked
    /// It is at it: waits for room.
    case blocked
  }

  struct State {
    var machine: ConnectionMachine
    var line = RequestLine<Answer>()
    /// What has been encoded and not been written yet.
    var out = ByteBuffer()
    /// What was `out` before, written and empty: its storage takes what comes next.
    var spare = ByteBuffer()
    var link: Link?
    /// Where any thread may write to; nil where only the channel may.
    var descriptor: CInt?
    var pace: ReplyPace
    var flushing = Flushing.none
    /// When the timer that looks at the time goes off; nil while none is set.
    var timerAt: NIODeadline?
    var ready: [@Sendable (Result<Void, RedisError>) -> Void] = []
    var dialer: NIOLoopBound<Dialer>?
    /// How long the server may say nothing at all to commands that it owes replies to.
    var silenceLimit: TimeAmount
    /// Called on the event loop when the server answers that it is no longer the master.
    var misplaced: (@Sendable (RedisError) -> Void)?
    /// Whether outages are logged as warnings, since no caller gets an error for them.
    var announcesOutages = false
  }

  let configuration: RedisConnection.Configuration
  let executor: LoopExecutor
  let state: Locked<State>
  let commandTimeout: TimeAmount
  /// For how long the event loop looks out for a reply.
  let busyPolling: TimeAmount
  private let context: NIOSSLContext?

  init(_ configuration: RedisConnection.Configuration) throws(RedisError) {
    try configuration.validate()
    self.configuration = configuration
    self.context = try configuration.tls?.context()
    self.executor = LoopExecutor(configuration.eventLoop ?? SharedEventLoop.loop)
    self.busyPolling = TimeAmount(
      configuration.busyPolling ?? (configuration.eventLoop == nil ? .microseconds(150) : .zero)
    )
    self.commandTimeout = TimeAmount(configuration.commandTimeout)
    self.state = Locked(
      State(
        machine: ConnectionMachine(pause: configuration.reconnectPause),
        pace: ReplyPace(limit: self.busyPolling),
        silenceLimit: TimeAmount(configuration.silenceLimit)
      )
    )
  }

  var loop: any EventLoop { self.executor.loop }

  /// Makes the first attempt to connect.
  func start() {
    self.loop.execute { self.dial() }
  }

  // MARK: Making connections

  private func dial() {
    let dialer = self.makeDialer(
      established: { self.established($0) },
      failed: { self.dialFailed($0) }
    )
    let bound = NIOLoopBound(dialer, eventLoop: self.loop)
    let isWanted = self.state.withLock { state in
      guard !state.machine.isClosed else { return false }
      state.dialer = bound
      return true
    }
    if isWanted { dialer.start() }
  }

  func makeDialer(
    established: @escaping (Link) -> Link.Listener?,
    failed: @escaping (RedisError) -> Void
  ) -> Dialer {
    Dialer(self.configuration, context: self.context, loop: self.loop, established: established, failed: failed)
  }

  private func established(_ link: Link) -> Link.Listener? {
    let number = self.state.withLock { state -> Int? in
      state.dialer = nil
      guard state.machine.connected() else { return nil }
      state.link = link
      state.descriptor = link.descriptor
      state.flushing = .asked
      state.line.heard(at: .now())
      return state.machine.number
    }
    guard let number else {
      if let descriptor = link.descriptor { closeDescriptor(descriptor) }
      return nil
    }
    self.configuration.logger.debug("connected to Redis", metadata: self.metadata)
    self.flush(number)
    if self.state.withLock({ $0.line.count > 0 }) { self.checkTime() }
    self.tellReady(.success(()))
    return Link.Listener(
      received: { self.received($0, from: link) },
      ended: { self.ended(number, link, $0) }
    )
  }

  private func dialFailed(_ error: RedisError) {
    let (pause, answers) = self.state.withLock { state -> (Duration?, [Answer]) in
      state.dialer = nil
      let pause = state.machine.failed(error, chance: .random(in: 0...1))
      state.out.clear()
      return (pause, state.line.removeAll())
    }
    self.log(error)
    for answer in answers { answer(.failure(error), nil) }
    self.tellReady(.failure(error))
    self.dial(after: pause)
  }

  private func ended(_ number: Int, _ link: Link, _ error: RedisError) {
    if let descriptor = link.descriptor { Lookout.current(of: self.loop).leave(descriptor) }
    let (pause, answers) = self.state.withLock { state -> (Duration?, [Answer]) in
      if let descriptor = state.descriptor { closeDescriptor(descriptor) }
      state.descriptor = nil
      state.link = nil
      state.flushing = .none
      state.out.clear()
      let age = Duration(NIODeadline.now() - link.madeAt)
      let pause = state.machine.lost(number, age: age, chance: .random(in: 0...1))
      return (pause, state.line.removeAll())
    }
    self.configuration.logger.debug("disconnected: \(error)", metadata: self.metadata)
    for answer in answers { answer(.failure(error), nil) }
    self.dial(after: pause)
  }

  private func dial(after pause: Duration?) {
    guard let pause else { return }
    self.loop.scheduleTask(in: TimeAmount(pause)) {
      if self.state.withLock({ $0.machine.pauseEnded() }) { self.dial() }
    }
  }

  /// Logs that there is no connection: at the first failure in a row, the second, the fourth, the eighth and so on.
  private func log(_ error: RedisError) {
    let level = self.state.withLock { state -> Logger.Level in
      let failures = state.machine.failures
      guard failures & (failures - 1) == 0 else { return .debug }
      guard state.announcesOutages else { return .info }
      return error.code == .notAuthorized || error.code == .invalidConfiguration ? .error : .warning
    }
    self.configuration.logger.log(level: level, "no connection: \(error)", metadata: self.metadata)
  }

  /// Logs outages as warnings from now on.
  func announceOutages() {
    self.state.withLock { $0.announcesOutages = true }
  }

  // MARK: Waiting for a connection

  /// Tells when there is a connection, or that the attempt under way has failed.
  func whenReady(_ tell: @escaping @Sendable (Result<Void, RedisError>) -> Void) {
    let known = self.state.withLock { state -> Result<Void, RedisError>? in
      switch state.machine.admission {
      case .send: return .success(())
      case .refuse(let error): return .failure(error)
      case .wait:
        state.ready.append(tell)
        return nil
      }
    }
    if let known { self.loop.execute { tell(known) } }
  }

  private func tellReady(_ result: Result<Void, RedisError>) {
    let waiting = self.state.withLock { state in
      defer { state.ready = [] }
      return state.ready
    }
    for tell in waiting { tell(result) }
  }

  // MARK: The end

  /// Closes the connection; those who wait are told at once.
  ///
  /// - Parameter done: Called on the event loop when nothing is left of the connection.
  func close(_ done: @escaping @Sendable () -> Void) {
    let (answers, ready, isSent) = self.state.withLock { state in
      guard state.machine.close() else { return ([Answer](), state.ready, false) }
      defer { state.ready = [] }
      return (state.line.removeAll(), state.ready, state.link != nil)
    }
    self.loop.execute {
      let error =
        isSent
        ? RedisError(.connectionLost, "The connection was closed by its owner. \(unknownOutcome)") : .closedByOwner
      for answer in answers { answer(.failure(error), nil) }
      for tell in ready { tell(.failure(.closedByOwner)) }
      let (link, dialer) = self.state.withLock { ($0.link, $0.dialer) }
      dialer?.value.abandon(.closedByOwner)
      guard let link else { return done() }
      link.channel.closeFuture.assumeIsolated().whenComplete { _ in done() }
      link.end(.closedByOwner)
    }
  }

  var metadata: Logger.Metadata { ["redis.server": "\(self.configuration.address)"] }
}
