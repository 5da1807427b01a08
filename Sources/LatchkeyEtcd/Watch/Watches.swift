#if Etcd
internal import EtcdAPI
internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import NIOCore

/// All watches of a client, on one stream, which is opened when there is something to watch.
final class Watches: Sendable {
  enum Event: Sendable {
    /// The watch is set. Unless it is without a gap since the revision that was asked for: look now, for what was deleted
    /// before. Told again after the stream has been replaced.
    case set(isGapless: Bool)
    /// What is watched has happened: the key was deleted.
    case happened
    case refused(EtcdError)
  }

  private struct Handler {
    /// What happened up to this revision is known already.
    let revision: Int64
    let body: @Sendable (Event) -> Void
  }

  private struct Stream {
    let number: UInt64
    let requests: AsyncStream<EtcdWatchRequest>.Continuation
    let task: Task<Void, Never>
  }

  private struct State {
    var table = WatchTable()
    var denials = WatchDenials()
    var handlers: [WatchTable.ID: Handler] = [:]
    var newestRevision: Int64 = 0
    var stream: Stream?
    var nextStream: UInt64 = 1
    var failures = 0
    var isClosed = false
  }

  private let connections: EtcdConnections
  private let logger: Logger
  private let state = Locked(State())

  init(connections: EtcdConnections, logger: Logger) {
    self.connections = connections
    self.logger = logger
  }

  /// The newest revision that a watch has told of, if only by being set.
  var newestRevision: Int64 { self.state.withLock { $0.newestRevision } }

  /// Watches for something, from now on.
  ///
  /// - Parameters:
  ///   - target: What to watch.
  ///   - revision: The revision as of which the caller knows it; 0 if no read went before.
  ///   - handler: Told from a thread of the connection, or from this one that the client is closed; it must not block.
  func add(
    _ target: WatchTable.Target,
    asOf revision: Int64 = 0,
    _ handler: @escaping @Sendable (Event) -> Void
  ) -> WatchTable.ID {
    let (id, isClosed) = self.state.withLock { state in
      let (id, requests) = state.table.add(target)
      guard !state.isClosed else {
        _ = state.table.remove(id)
        return (id, true)
      }
      state.handlers[id] = Handler(revision: revision, body: handler)
      Self.send(requests, state)
      if state.stream == nil { self.open(&state, after: .zero) }
      return (id, false)
    }
    if isClosed { handler(.refused(.closed)) }
    return id
  }

  /// What becomes of a watch that is taken into use again.
  enum Resumption: Sendable {
    /// It is in use. What it knows already is for the caller to tell, once it has left its own lock.
    case resumed(news: Event?)
    /// The servers have refused it meanwhile, or the client is closed.
    case gone
  }

  /// Leaves a watch set, with nobody to be told. Calls no handler, so that it may be done under a caller's lock.
  func park(_ id: WatchTable.ID) {
    self.state.withLock { state in state.handlers[id] = nil }
  }

  /// Takes a parked watch into use again. Calls no handler, so that it may be done under a caller's lock.
  func resume(
    _ id: WatchTable.ID,
    asOf revision: Int64,
    _ handler: @escaping @Sendable (Event) -> Void
  ) -> Resumption {
    self.state.withLock { state in
      guard state.table.has(id), !state.isClosed else { return .gone }
      let handler = Handler(revision: revision, body: handler)
      state.handlers[id] = handler
      return .resumed(news: state.table.knowledge(of: id, asOf: revision).flatMap { Self.event($0, for: handler) })
    }
  }

  /// Ends a watch; its handler may be running at this moment, and is not called again.
  func remove(_ id: WatchTable.ID) {
    self.state.withLock { state in
      state.handlers[id] = nil
      Self.send(state.table.remove(id), state)
    }
  }

  func close() {
    let (stream, handlers) = self.state.withLock { state in
      state.isClosed = true
      defer { (state.stream, state.handlers) = (nil, [:]) }
      return (state.stream, Array(state.handlers.values))
    }
    stream?.task.cancel()
    for handler in handlers { handler.body(.refused(.closed)) }
  }

  // MARK: The stream

  private static func send(_ requests: [WatchTable.Request], _ state: State) {
    guard let stream = state.stream else { return }
    for request in requests { stream.requests.yield(Self.message(request)) }
  }

  /// - Parameter isRenewed: Whether a new token is got for it, for the sake of a watch that was refused.
  private func open(_ state: inout State, after pause: Duration, isRenewed: Bool = false) {
    guard !state.isClosed else { return }
    let number = state.nextStream
    state.nextStream += 1
    let (requests, continuation) = AsyncStream.makeStream(of: EtcdWatchRequest.self)
    let task = Task.detached(executorPreference: self.connections.executor) { [weak self] in
      if pause > .zero {
        // Cancelled when the client is closed, and then the stream that follows fails at once.
        try? await Task.sleep(for: pause)
      }
      guard let connections = self?.connections, let logger = self?.logger else { return }
      do throws(EtcdError) {
        try await connections.stream(EtcdMethods.watch, requests) { [weak self] answer, connection in
          self?.received(answer, on: number, from: connection)
        }
      } catch {
        logger.debug("the stream of watches ended", metadata: ["error": "\(error)"])
      }
      self?.ended(number)
    }
    state.stream = Stream(number: number, requests: continuation, task: task)
    // They wait in the stream's line of requests until it is connected.
    Self.send(state.table.streamOpened(isRenewed: isRenewed), state)
  }

  /// Puts another stream, with a new token, in the place of the present one.
  ///
  /// The servers judge each request to watch by the token that the stream was opened with, and one that has expired since is
  /// refused in the words for a user who must not watch.
  ///
  /// - Returns: What ends the present stream.
  private func renew(_ state: inout State) -> Task<Void, Never>? {
    let old = state.stream?.task
    state.table.streamClosed()
    self.connections.dropToken()
    self.open(&state, after: .zero, isRenewed: true)
    return old
  }

  private func ended(_ number: UInt64) {
    self.state.withLock { state in
      guard state.stream?.number == number else { return }
      state.stream = nil
      state.table.streamClosed()
      guard !state.table.isEmpty else { return }
      state.failures += 1
      self.open(&state, after: state.failures == 1 ? .zero : .milliseconds(min(500, 5 << min(state.failures, 10))))
    }
  }

  /// What `etcd grpc-proxy` does. It also answers keep-alives with what it has got for its own, which proves nothing about ours.
  private static func isOfProxy(_ answer: EtcdWatchResponse, _ state: State) -> Bool {
    answer.created && !answer.canceled && !state.table.awaits(answer.watchID)
  }

  private func received(_ answer: EtcdWatchResponse, on number: UInt64, from connection: EtcdConnection) {
    let isOfProxy = self.state.withLock { $0.stream?.number == number && Self.isOfProxy(answer, $0) }
    guard !isOfProxy else { return self.connections.refuse(connection, .ofProxy(connection.endpoint)) }
    let hasUser = self.connections.configuration.credentials != nil
    let (told, stale) = self.state.withLock { state -> ((Handler, Event)?, Task<Void, Never>?) in
      guard state.stream?.number == number else { return (nil, nil) }
      state.newestRevision = max(state.newestRevision, answer.header.revision)
      if hasUser, answer.created, answer.canceled, let target = state.table.target(refused: answer.watchID) {
        let now = ContinuousClock.now
        if !state.table.mayBeAskedAnew(answer.watchID) {
          state.denials.note(target, at: now)
        } else if !state.denials.covers(target, at: now) {
          return (nil, self.renew(&state))
        }
      }
      var outcome: WatchTable.Outcome?
      if answer.created {
        state.failures = 0
        let refusal = answer.canceled ? answer.cancelReason : nil
        let (created, requests) = state.table.created(
          streamID: answer.watchID,
          at: answer.header.revision,
          refusal: refusal
        )
        outcome = created
        Self.send(requests, state)
      } else if answer.canceled {
        Self.send(state.table.canceled(streamID: answer.watchID), state)
      } else if let revision = answer.events.map(\.kv.modRevision).max() {
        outcome = state.table.happened(streamID: answer.watchID, at: revision)
      }
      guard let outcome, let handler = state.handlers[outcome.id] else { return (nil, nil) }
      if case .refused(let id, _) = outcome { state.handlers[id] = nil }
      return (Self.event(outcome, for: handler).map { (handler, $0) }, nil)
    }
    stale?.cancel()
    if let (handler, event) = told { handler.body(event) }
  }

  /// What an outcome means to somebody; nil if it is no news.
  private static func event(_ outcome: WatchTable.Outcome, for handler: Handler) -> Event? {
    switch outcome {
    case .set(_, let since): .set(isGapless: since <= handler.revision)
    case .happened(_, let revision): revision > handler.revision ? .happened : nil
    case .refused(_, let reason): .refused(EtcdError(.notAuthorized, "a key cannot be watched: \(reason)"))
    }
  }

  private static func message(_ request: WatchTable.Request) -> EtcdWatchRequest {
    var message = EtcdWatchRequest()
    switch request {
    case .watch(let target, let id):
      message.createRequest = EtcdWatchCreateRequest(target)
      message.createRequest.watchID = id
    case .cancel(let id):
      message.cancelRequest = EtcdWatchCancelRequest()
      message.cancelRequest.watchID = id
    }
    return message
  }
}

extension EtcdError {
  fileprivate static func ofProxy(_ endpoint: EtcdEndpoint) -> EtcdError {
    var error = EtcdError(
      .unreachable,
      """
      \(endpoint) is no member: it numbers watches by itself, as etcd's gRPC proxy does, through which a client cannot know how \
      long its lease lives; name the members of the cluster
      """
    )
    error.isLasting = true
    return error
  }
}
#endif
