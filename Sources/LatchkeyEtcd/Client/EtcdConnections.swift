#if Etcd
internal import EtcdAPI
internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging
internal import NIOCore
internal import NIOSSL

/// The connection that a client uses at present. Another takes its place, to the next member in turn, when it breaks or is
/// under suspicion.
final class EtcdConnections: Sendable {
  struct State {
    var present: EtcdConnection?
    /// The member to try next.
    var next = 0
    var isConnecting = false
    var line = WaitLine<Result<EtcdConnection, EtcdError>>()
    /// What each member's last failure was, until it is connected again.
    var failures: [EtcdEndpoint: EtcdError] = [:]
    /// The cluster that the first member we reached belongs to.
    var cluster: UInt64?
    /// Endpoints that are not used any more, and why.
    var refused: [EtcdEndpoint: EtcdError] = [:]
    var token: String?
    var isClosed = false
  }

  let executor: LoopExecutor
  let configuration: EtcdClient.Configuration
  let endpoints: [EtcdEndpoint]
  /// Whether learners are accepted too: inspection asks each member about itself.
  let admitsLearners: Bool
  private let tls: NIOSSLContext?
  let state = Locked(State())

  init(
    _ configuration: EtcdClient.Configuration,
    loop: any EventLoop,
    admitsLearners: Bool = false
  ) throws(EtcdError) {
    self.admitsLearners = admitsLearners
    self.configuration = configuration
    self.endpoints = try configuration.parsedEndpoints()
    self.executor = LoopExecutor(loop)
    if let name = configuration.tls?.serverName, (try? SocketAddress(ipAddress: name, port: 0)) != nil,
      self.endpoints.contains(where: { $0.host != name })
    {
      // What an address is compared with is the one that is connected to, so this one would not be looked for.
      throw EtcdError(
        .invalidConfiguration,
        "the server name to expect, \(name), is an address; give a name, or connect to that address"
      )
    }
    self.tls = try configuration.tls.map { tls throws(EtcdError) in try Self.context(tls) }
  }

  /// The connection in use, made if there is none. One attempt on every member; all who ask meanwhile share it.
  func current() async throws(EtcdError) -> EtcdConnection {
    enum Step {
      case ready(EtcdConnection)
      case wait(WaitLine<Result<EtcdConnection, EtcdError>>.ID, start: Bool)
      case closed
    }
    let step = self.state.withLock { state -> Step in
      if state.isClosed { return .closed }
      if let present = state.present { return .ready(present) }
      defer { state.isConnecting = true }
      return .wait(state.line.join(), start: !state.isConnecting)
    }
    switch step {
    case .ready(let connection): return connection
    case .closed: throw .closed
    case .wait(let id, let start):
      if start { Task.detached(executorPreference: self.executor) { await self.connect() } }
      let cancelled = Result<EtcdConnection, EtcdError>.failure(EtcdError(.cancelled, "the call was cancelled"))
      let result = await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let early = self.state.withLock { $0.line.suspend(id, continuation) }
          if let early { continuation.resume(returning: early) }
        }
      } onCancel: {
        let departure = self.state.withLock { $0.line.leave(id, with: cancelled) }
        departure.resume(with: cancelled)
      }
      return try result.get()
    }
  }

  /// Whether there is a connection at present.
  var isConnected: Bool { self.state.withLock { $0.present != nil } }

  /// Gives a connection up: it has been silent for too long, or its member cannot serve at present.
  func suspect(_ connection: EtcdConnection, _ reason: String) {
    let isPresent = self.state.withLock { state -> Bool in
      state.failures[connection.endpoint] = EtcdError(.unreachable, reason)
      guard state.present === connection else { return false }
      state.present = nil
      return true
    }
    if isPresent {
      self.configuration.logger.debug(
        "a connection is given up",
        metadata: ["etcd.endpoint": "\(connection.endpoint)", "reason": "\(reason)"]
      )
    }
    connection.close()
  }

  /// Gives up whichever connection is in use.
  func suspectPresent(_ reason: String) {
    if let present = self.state.withLock({ $0.present }) { self.suspect(present, reason) }
  }

  /// Gives a connection up, and never connects to its endpoint again.
  func refuse(_ connection: EtcdConnection, _ error: EtcdError) {
    let isNews = self.state.withLock { $0.refused.updateValue(error, forKey: connection.endpoint) == nil }
    if isNews {
      self.configuration.logger.error(
        "an endpoint cannot be used for locks",
        metadata: ["etcd.endpoint": "\(connection.endpoint)", "error": "\(error)"]
      )
    }
    self.suspect(connection, error.message)
  }

  func close() {
    let (present, waiting) = self.state.withLock { state in
      state.isClosed = true
      defer { state.present = nil }
      return (state.present, state.line.leaveAll(with: .failure(.closed)))
    }
    present?.close()
    for continuation in waiting { continuation.resume(returning: .failure(.closed)) }
  }

  // MARK: Calls

  /// Sends one request to the member in use, with a token where there are credentials.
  ///
  /// - Parameter timeout: How long the answer may take; connecting has its own limit.
  func call<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ request: Request,
    timeout: Duration
  ) async throws(EtcdError) -> Response {
    let connection: EtcdConnection
    do throws(EtcdError) {
      connection = try await self.current()
    } catch {
      throw error.unsent
    }
    do throws(EtcdError) {
      let answer = try await self.authenticated(connection, timeout: timeout) { token throws(EtcdError) in
        try await connection.call(method, request, token: token, timeout: timeout)
      }
      try self.expectOurCluster(answer.header, from: connection.endpoint)
      return answer
    } catch {
      if error.isInDoubt { self.suspect(connection, error.message) }
      throw error
    }
  }

  /// Runs a stream on the member in use until it ends.
  func stream<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ requests: AsyncStream<Request>,
    onResponse: @escaping @Sendable (Response, EtcdConnection) -> Void
  ) async throws(EtcdError) {
    let connection = try await self.current()
    let token = try await self.token(connection, timeout: self.configuration.requestTimeout)
    do throws(EtcdError) {
      try await connection.stream(method, requests, token: token) { answer in
        do throws(EtcdError) {
          try self.expectOurCluster(answer.header, from: connection.endpoint)
          onResponse(answer, connection)
        } catch {
          self.suspect(connection, error.message)
        }
      }
    } catch {
      if error.asksForNewToken { self.dropToken() }
      if error.isInDoubt { self.suspect(connection, error.message) }
      throw error
    }
  }

  private func authenticated<Response>(
    _ connection: EtcdConnection,
    timeout: Duration,
    _ call: (String?) async throws(EtcdError) -> Response
  ) async throws(EtcdError) -> Response {
    let token = try await self.token(connection, timeout: timeout)
    do throws(EtcdError) {
      return try await call(token)
    } catch {
      guard error.asksForNewToken, self.configuration.credentials != nil else { throw error }
    }
    self.dropToken()
    return try await call(try await self.token(connection, timeout: timeout))
  }

  /// Has the next request or stream get a new token, where there are credentials.
  func dropToken() { self.state.withLock { $0.token = nil } }

  private func token(_ connection: EtcdConnection, timeout: Duration) async throws(EtcdError) -> String? {
    guard let credentials = self.configuration.credentials else { return nil }
    if let token = self.state.withLock({ $0.token }) { return token }
    var request = EtcdAuthenticateRequest()
    request.name = credentials.user
    request.password = credentials.password
    do throws(EtcdError) {
      let answer = try await connection.call(EtcdMethods.authenticate, request, token: nil, timeout: timeout)
      self.state.withLock { $0.token = answer.token }
      return answer.token
    } catch {
      // Credentials that nobody asks for do no harm, as with other clients.
      guard error.message.contains("authentication is not enabled") else { throw error.unsent }
      return nil
    }
  }

  // MARK: Connecting

  private func connect() async {
    let first = self.state.withLock { $0.next }
    let isFirst = self.state.withLock { $0.cluster == nil }
    var outcome: Result<EtcdConnection, EtcdError>?
    for offset in self.endpoints.indices {
      let index = (first + offset) % self.endpoints.count
      let endpoint = self.endpoints[index]
      do throws(EtcdError) {
        let connection = try await self.open(endpoint)
        self.state.withLock { state in
          state.failures[endpoint] = nil
          // The one after it is next, should it fail.
          state.next = (index + 1) % self.endpoints.count
        }
        outcome = .success(connection)
        break
      } catch {
        self.state.withLock { $0.failures[endpoint] = error }
      }
    }
    let result = outcome ?? .failure(self.unreachable)
    let (waiting, isUnwanted) = self.state.withLock { state in
      state.isConnecting = false
      if case .success(let connection) = result, !state.isClosed { state.present = connection }
      return (state.line.leaveAll(with: result), state.isClosed)
    }
    if case .success(let connection) = result {
      if isUnwanted { connection.close() }
      connection.onClose { self.suspect(connection, "\(connection.endpoint): the connection was closed") }
    }
    for continuation in waiting { continuation.resume(returning: result) }
    if isFirst, case .success(let connection) = result { await self.lookAtOthers(than: connection.endpoint) }
  }

  /// Connects to a member, and makes sure that it is one of our cluster.
  func open(_ endpoint: EtcdEndpoint) async throws(EtcdError) -> EtcdConnection {
    if let error = self.state.withLock({ $0.refused[endpoint] }) { throw error }
    // A member that is stopped lets us connect and says nothing: others are asked before all the time is spent on it.
    let patience = min(self.configuration.connectTimeout / (2 * self.endpoints.count), .seconds(2))
    let connection = try await EtcdConnection.open(
      endpoint,
      tls: self.tls,
      serverName: self.configuration.tls.flatMap { $0.serverNames[endpoint.description] ?? $0.serverName },
      executor: self.executor,
      timeout: patience
    )
    do throws(EtcdError) {
      try await self.admit(connection, timeout: patience)
    } catch {
      connection.close()
      throw error
    }
    return connection
  }

  /// What has been tried, and how it failed.
  private var unreachable: EtcdError {
    let failures = self.state.withLock { $0.failures }
    let tried = self.endpoints.map { failures[$0]?.message ?? "\($0): not tried" }.joined(separator: "; ")
    var error = EtcdError(.unreachable, "no member can be reached: \(tried)")
    error.isLasting = self.endpoints.allSatisfy { failures[$0]?.isLasting ?? false }
    error.trouble = self.endpoints.lazy.compactMap { failures[$0]?.trouble }.first
    return error
  }

  private static func context(_ tls: EtcdClient.Configuration.TLS) throws(EtcdError) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.applicationProtocols = ["h2"]
    // As gRPC asks for.
    configuration.minimumTLSVersion = .tlsv12
    if let file = tls.authorityFile {
      configuration.trustRoots = .certificates(try self.read(file, "certificate", NIOSSLCertificate.fromPEMFile))
    }
    if let file = tls.certificateFile, let key = tls.keyFile {
      let chain = try self.read(file, "certificate", NIOSSLCertificate.fromPEMFile)
      configuration.certificateChain = chain.map { .certificate($0) }
      configuration.privateKey = .privateKey(
        try self.read(key, "private key") { try NIOSSLPrivateKey(file: $0, format: .pem) }
      )
    }
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      let files = [tls.certificateFile, tls.keyFile].compactMap { $0 }.joined(separator: ", ")
      throw EtcdError(
        .invalidConfiguration,
        "the client's certificate and key (\(files)) cannot be used together; give a pair"
      )
    }
  }

  private static func read<Content>(
    _ file: String,
    _ what: String,
    _ read: (String) throws -> Content
  ) throws(EtcdError) -> Content {
    do {
      return try read(file)
    } catch {
      throw EtcdError(.invalidConfiguration, "no \(what) can be read from \(file); name a PEM file that holds one")
    }
  }
}

extension EtcdError {
  /// The same error about a request that was never sent.
  fileprivate var unsent: EtcdError {
    var error = self
    error.isUnsent = true
    return error
  }

  static let notRunning = EtcdError(
    .unreachable,
    "the client is not running: add it to the service group, or use withClient"
  )
  static let closed = EtcdError(.closed, "the client is closed; use it while it runs")
}
#endif
