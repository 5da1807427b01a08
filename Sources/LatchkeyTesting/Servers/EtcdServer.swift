/// A throw-away etcd server, alone or as a member of an ``EtcdCluster``.
///
/// ```swift
/// try await withEtcd { server in
///   let configuration = EtcdClient.Configuration(endpoints: [server.endpoint])
///   try await EtcdClient.withClient(configuration) { client in
///     try await EtcdLocks(client: client).lock("orders").withLock { _ in }
///   }
/// }
/// ```
public final class EtcdServer: ProcessServer {
  /// The loopback port that clients connect to; it stays the same over restarts.
  public let port: Int

  /// How the server is set up.
  package let configuration: EtcdConfiguration

  let process: ServerProcess
  let member: EtcdConfiguration.Member
  private let members: [EtcdConfiguration.Member]
  private let data: String

  /// Prepares a server without starting it.
  ///
  /// - Parameters:
  ///   - configuration: How it is set up.
  ///   - member: Its name and its ports, which nobody else gets as long as the server exists.
  ///   - members: All members of the cluster, this one included.
  init(
    _ configuration: EtcdConfiguration,
    member: EtcdConfiguration.Member,
    members: [EtcdConfiguration.Member]
  ) throws(ServerError) {
    self.configuration = configuration
    self.member = member
    self.members = members
    self.port = member.clientPort
    self.process = try ServerProcess(name: "etcd", inMemory: configuration.inMemory)
    self.data = try (self.process.memoryFolder ?? self.process.folder).makeFolder("data")
  }

  deinit {
    FreePorts.giveBack(self.member.ports)
  }

  /// Starts a server and waits until it answers.
  ///
  /// - Throws: ``ServerError``, which says what to install or shows the end of the server's log; `CancellationError`.
  public static func start(_ configuration: EtcdConfiguration = .init()) async throws -> EtcdServer {
    try await withFreshPorts(3) { ports in
      let member = EtcdConfiguration.Member(number: 1, ports: ports[...])
      return try await EtcdServer(configuration, member: member, members: [member]).started()
    }
  }

  /// The address for clients, as `host:port`.
  public var endpoint: String { "127.0.0.1:\(self.port)" }

  package func launch() throws {
    try self.process.launch(self.configuration.command(self.member, of: self.members, data: self.data))
  }

  package func waitUntilReady() async throws {
    try await self.process.waitUntilReady(within: self.configuration.startLimit) {
      (try? await self.status("health", within: .seconds(1)))?.contains("\"health\":\"true\"") ?? false
    }
  }

  /// Whether the server leads its cluster at this moment, as far as it knows itself.
  ///
  /// - Throws: ``ServerError`` with the code `noAnswer` when the server is down, paused, or slower than the limit.
  package func isLeader(within limit: Duration = .seconds(5)) async throws(ServerError) -> Bool {
    try await self.metric("etcd_server_is_leader", within: limit) == 1
  }

  /// One of the numbers that the server counts, as Prometheus would read it; nil if it has none of that name.
  package func metric(_ name: String, within limit: Duration = .seconds(5)) async throws(ServerError) -> Double? {
    for line in try await self.status("metrics", within: limit).split(whereSeparator: \.isNewline) {
      guard line.hasPrefix(name + " ") else { continue }
      return Double(line.dropFirst(name.count + 1))
    }
    return nil
  }

  func status(_ path: String, within limit: Duration) async throws(ServerError) -> String {
    let question = Array("GET /\(path) HTTP/1.0\r\n\r\n".utf8)
    return String(decoding: try await exchange(question, port: self.member.statusPort, within: limit), as: UTF8.self)
  }
}

extension EtcdServer {
  /// The server's version, such as `3.4.23`; nil if it does not tell.
  package func version(within limit: Duration = .seconds(5)) async throws(ServerError) -> String? {
    let start = "etcd_server_version{server_version=\""
    let lines = try await self.status("metrics", within: limit).split(whereSeparator: \.isNewline)
    return lines.first { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count).prefix { $0 != "\"" }) }
  }
}
