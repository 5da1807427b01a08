internal import Latchkey

/// A throw-away Redis server.
///
/// ```swift
/// try await withRedis { server in
///   let connection = try await RedisConnection.connect(.init(host: "127.0.0.1", port: server.port))
///   await connection.close()
/// }
/// ```
public final class RedisServer: ProcessServer {
  /// The loopback port that clients connect to without encryption; it stays the same over restarts.
  public let port: Int

  /// The loopback port that clients connect to with TLS; nil unless the configuration asks for one.
  public let tlsPort: Int?

  /// How the server is set up.
  package let configuration: RedisConfiguration

  let process: ServerProcess
  private let certificate: ServerCertificate?

  /// The files of a certificate, and of its key (PEM), that the server's authority has given to a client; nil unless the server
  /// asks for one.
  package let clientCertificate: (file: String, keyFile: String)?

  private init(_ configuration: RedisConfiguration, ports: [Int]) async throws(ServerError) {
    self.configuration = configuration
    self.port = ports[0]
    self.tlsPort = configuration.tls ? ports[1] : nil
    self.process = try ServerProcess(name: "Redis")
    self.certificate =
      configuration.tls
      ? try await ServerCertificate.make(for: configuration.certificateNames, in: self.process.folder) : nil
    self.clientCertificate =
      configuration.asksForClientCertificate
      ? try await self.certificate?.client(in: self.process.folder).files : nil
    let file = configuration.file(port: self.port, tlsPort: self.tlsPort, certificate: self.certificate)
    try self.process.folder.write("redis.conf", file)
  }

  deinit {
    FreePorts.giveBack([self.port] + (self.tlsPort.map { [$0] } ?? []))
  }

  /// Starts a server and waits until it answers.
  ///
  /// - Parameter configuration: How it is set up.
  /// - Returns: The server, which runs until it is stopped or nobody refers to it any more.
  /// - Throws: ``ServerError``, which says what to install or shows the end of the server's log; `CancellationError`.
  public static func start(_ configuration: RedisConfiguration = .init()) async throws -> RedisServer {
    try await withFreshPorts(configuration.tls ? 2 : 1) { try await self.started(configuration, ports: $0) }
  }

  // Inlined, it crashes the optimiser of Swift 6.3.1.
  @inline(never)
  private static func started(_ configuration: RedisConfiguration, ports: [Int]) async throws -> RedisServer {
    let server = try await RedisServer(configuration, ports: ports).started()
    do {
      // Only of this first start is it known that it has nothing to forget.
      if let run = try await server.runID() { Self.trust(runIDs: [run]) }
    } catch {
      await server.stop()
      throw error
    }
    return server
  }

  /// The address for clients, as `host:port`.
  public var connectString: String { "127.0.0.1:\(self.port)" }

  /// The file of the authority that vouches for the server's certificate (PEM); nil without TLS.
  public var authorityFile: String? { self.certificate?.file }

  package func launch() throws {
    try self.process.launch(self.configuration.command(configuration: self.process.folder.path + "/redis.conf"))
  }

  package func waitUntilReady() async throws {
    try await self.process.waitUntilReady(within: self.configuration.startLimit) {
      (try? await self.command(["PING"], within: .seconds(1))) == ["PONG"]
    }
  }

  private func runID() async throws(ServerError) -> String? {
    let lines = try await self.command("INFO", "server").compactMap { $0 }.joined().split(whereSeparator: \.isNewline)
    return lines.first { $0.hasPrefix("run_id:") }.map { String($0.dropFirst("run_id:".count)) }
  }
}
