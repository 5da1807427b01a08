/// Several throw-away ZooKeeper servers, three unless asked otherwise, that form one ensemble.
public final class ZooKeeperEnsemble: Sendable {
  /// The members in the order of their numbers, which start at 1.
  public let members: [ZooKeeperServer]

  /// What stands between the members; nil unless the start was told to put it there.
  public let network: ZooKeeperNetwork?

  private init(members: [ZooKeeperServer], network: ZooKeeperNetwork?) {
    self.members = members
    self.network = network
  }

  /// Starts the members side by side and waits until all of them answer and one leads.
  ///
  /// - Parameters:
  ///   - configuration: How they are set up.
  ///   - count: How many.
  ///   - hasNetwork: Whether followers reach their leader through proxies, so that ``network`` can cut one off.
  /// - Throws: ``ServerError``, which says what to install or shows the end of a server's log; `CancellationError`.
  public static func start(
    _ configuration: ZooKeeperConfiguration = .init(),
    count: Int = 3,
    hasNetwork: Bool = false
  ) async throws -> ZooKeeperEnsemble {
    try await withFreshPorts(3 * count) { ports in
      let members = (1...count).map { number in
        let first = 3 * (number - 1)
        return ZooKeeperConfiguration.Member(
          number: number,
          quorumPort: ports[first + 1],
          electionPort: ports[first + 2]
        )
      }
      let network = hasNetwork ? try await ZooKeeperNetwork.start(between: members) : nil
      let servers = try members.enumerated().map { index, member in
        try ZooKeeperServer(
          configuration,
          number: member.number,
          port: ports[3 * index],
          members: network?.members(members, seenFrom: index) ?? members
        )
      }
      let ensemble = ZooKeeperEnsemble(members: servers, network: network)
      do {
        for server in servers { try server.launch() }
        try await ensemble.waitUntilReady()
      } catch {
        await ensemble.stop()
        throw error
      }
      return ensemble
    }
  }

  /// The addresses of all members for clients, as `host:port,host:port,…`.
  public var connectString: String {
    self.members.map(\.connectString).joined(separator: ",")
  }

  /// Waits until every member answers and knows its leader; a member that does not run is an error.
  package func waitUntilReady() async throws {
    for member in self.members { try await member.waitUntilReady() }
  }

  /// The member that leads.
  ///
  /// - Parameter limit: How long to wait for one; members that are down or paused are passed over.
  /// - Throws: ``ServerError`` when there is none within the limit; `CancellationError`.
  public func leader(within limit: Duration = .seconds(30)) async throws -> ZooKeeperServer {
    try await LatchkeyTesting.leader(of: "ZooKeeper ensemble", within: limit) {
      await self.members(in: .leader).first
    }
  }

  /// The members that follow a leader at this moment.
  package func followers() async -> [ZooKeeperServer] {
    await self.members(in: .follower)
  }

  /// Ends all members in good order and removes their folders.
  public func stop() async {
    await withTaskGroup(of: Void.self) { group in
      for member in self.members { group.addTask { await member.stop() } }
    }
    await self.network?.stop()
  }

  private func members(in mode: ZooKeeperServer.Mode) async -> [ZooKeeperServer] {
    let modes = await withTaskGroup(of: (Int, ZooKeeperServer.Mode?).self) { group in
      for (index, member) in self.members.enumerated() where member.processID != nil {
        group.addTask { (index, try? await member.mode(within: .seconds(1))) }
      }
      var modes: [Int: ZooKeeperServer.Mode?] = [:]
      for await (index, mode) in group { modes[index] = mode }
      return modes
    }
    return self.members.enumerated().filter { modes[$0.offset] == mode }.map(\.element)
  }
}
