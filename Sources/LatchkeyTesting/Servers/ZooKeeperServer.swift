/// A throw-away ZooKeeper server, alone or as a member of a ``ZooKeeperEnsemble``.
///
/// ```swift
/// try await withZooKeeper { server in
///   let configuration = ZooKeeperClient.Configuration(connectString: server.connectString)
///   try await ZooKeeperClient.withClient(configuration) { client in _ = try await client.create("/orders") }
/// }
/// ```
public final class ZooKeeperServer: ProcessServer {
  /// The loopback port that clients connect to; it stays the same over restarts.
  public let port: Int

  /// How the server is set up.
  package let configuration: ZooKeeperConfiguration

  let process: ServerProcess
  private let ports: [Int]
  /// The configuration file's text.
  private let file: String

  /// Prepares a server without starting it.
  ///
  /// - Parameters:
  ///   - configuration: How it is set up.
  ///   - number: Its number in the ensemble.
  ///   - port: Its client port, which nobody else gets as long as the server exists.
  ///   - members: All members of the ensemble; none for a server alone.
  init(
    _ configuration: ZooKeeperConfiguration,
    number: Int = 1,
    port: Int,
    members: [ZooKeeperConfiguration.Member] = []
  ) throws(ServerError) {
    self.configuration = configuration
    self.port = port
    let own = members.filter { $0.number == number }
    self.ports = [port] + own.flatMap { [$0.quorumPort, $0.electionPort] }
    self.process = try ServerProcess(name: "ZooKeeper", inMemory: configuration.inMemory)
    let data = try (self.process.memoryFolder ?? self.process.folder).makeFolder("data")
    if !members.isEmpty {
      try self.process.folder.write("data/myid", "\(number)\n")
    }
    self.file = configuration.file(port: port, data: data, members: members)
  }

  deinit {
    FreePorts.giveBack(self.ports)
  }

  /// Starts a server and waits until it answers.
  ///
  /// - Parameter configuration: How it is set up.
  /// - Returns: The server, which runs until it is stopped or nobody refers to it any more.
  /// - Throws: ``ServerError``, which says what to install or shows the end of the server's log; `CancellationError`.
  public static func start(_ configuration: ZooKeeperConfiguration = .init()) async throws -> ZooKeeperServer {
    try await withFreshPorts(1) { ports in
      try await ZooKeeperServer(configuration, port: ports[0]).started()
    }
  }

  /// The address for clients, as `host:port`.
  public var connectString: String { "127.0.0.1:\(self.port)" }

  package func launch() throws { try self.launch(settings: [:]) }

  /// As above, with other settings.
  ///
  /// - Parameter settings: Lines for the server's configuration file that replace those it was made with, for this start alone.
  /// - Throws: ``ServerError`` if the program cannot be run.
  package func launch(settings: [String: String]) throws {
    let folder = self.process.folder.path
    let changes = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }
    try self.process.folder.write("zoo.cfg", self.file + changes.joined())
    try self.process.launch(self.configuration.command(configuration: folder + "/zoo.cfg", folder: folder))
  }

  package func waitUntilReady() async throws {
    try await self.process.waitUntilReady(within: self.configuration.startLimit) {
      await self.isReady()
    }
  }

  private func isReady() async -> Bool {
    guard (try? await self.fourLetterWord("ruok", within: .seconds(1))) == "imok" else { return false }
    return (try? await self.mode(within: .seconds(1))) != nil
  }
}

/// Runs a start with free ports, and once more with others when somebody was faster to take one.
///
/// Whatever the start makes owns the ports, and gives them back when it goes. They are not given back here as well: in between
/// they may have been taken by others.
func withFreshPorts<Server>(_ count: Int, start: ([Int]) async throws -> Server) async throws -> Server {
  for _ in 1..<5 {
    let ports = try FreePorts.take(count)
    do {
      return try await start(ports)
    } catch {
      guard let error = error as? ServerError, error.code == .addressInUse else { throw error }
    }
  }
  return try await start(FreePorts.take(count))
}
