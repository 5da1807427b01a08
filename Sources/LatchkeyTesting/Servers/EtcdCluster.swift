/// Several throw-away etcd servers, three unless asked otherwise, that form one cluster.
public final class EtcdCluster: Sendable {
  /// The members in the order of their numbers.
  public let members: [EtcdServer]

  /// What stands between the members; nil unless the start was told to put it there.
  public let network: EtcdNetwork?

  private init(members: [EtcdServer], network: EtcdNetwork?) {
    self.members = members
    self.network = network
  }

  /// Starts the members side by side and waits until all of them answer and one leads.
  ///
  /// - Parameters:
  ///   - configuration: How they are set up.
  ///   - count: How many.
  ///   - hasNetwork: Whether they reach each other through proxies, so that ``network`` can cut one off from the others.
  /// - Throws: ``ServerError``, which says what to install or shows the end of a server's log; `CancellationError`.
  public static func start(
    _ configuration: EtcdConfiguration = .init(),
    count: Int = 3,
    hasNetwork: Bool = false
  ) async throws -> EtcdCluster {
    try await withFreshPorts(3 * count) { ports in
      var members = (0..<count).map { index in
        EtcdConfiguration.Member(number: index + 1, ports: ports[(3 * index)..<(3 * index + 3)])
      }
      let network = hasNetwork ? try await EtcdNetwork.start(between: members) : nil
      if let network {
        for place in members.indices { members[place].advertisedPeerPort = network.proxies[place].port }
      }
      let cluster = EtcdCluster(
        members: try members.map { try EtcdServer(configuration, member: $0, members: members) },
        network: network
      )
      do {
        for server in cluster.members { try server.launch() }
        try await cluster.waitUntilReady()
      } catch {
        await cluster.stop()
        throw error
      }
      return cluster
    }
  }

  /// The addresses of all members for clients, each as `host:port`.
  public var endpoints: [String] { self.members.map(\.endpoint) }

  /// Waits until every member answers and knows its leader; a member that does not run is an error.
  package func waitUntilReady() async throws {
    for member in self.members { try await member.waitUntilReady() }
  }

  /// The member that leads.
  ///
  /// - Parameter limit: How long to wait for one; members that are down or paused are passed over.
  /// - Throws: ``ServerError`` when there is none within the limit; `CancellationError`.
  public func leader(within limit: Duration = .seconds(30)) async throws -> EtcdServer {
    try await LatchkeyTesting.leader(of: "etcd cluster", within: limit) {
      for member in self.members where member.processID != nil {
        if (try? await member.isLeader(within: .seconds(1))) == true { return member }
      }
      return nil
    }
  }

  /// Ends all members in good order and removes their folders.
  public func stop() async {
    await withTaskGroup(of: Void.self) { group in
      for member in self.members { group.addTask { await member.stop() } }
    }
    await self.network?.stop()
  }
}
