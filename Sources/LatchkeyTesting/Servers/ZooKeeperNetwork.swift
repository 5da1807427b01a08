/// Stands between the members of a ``ZooKeeperEnsemble``: one proxy for each member's way to each other member's quorum port.
///
/// Followers connect to their leader there, and everything that makes an ensemble one goes over it: proposals,
/// acknowledgements, and which sessions live. Votes do not: elections go on undisturbed, so a member that is cut off looks for
/// a leader, finds one by the votes, and cannot follow it; a leader that is cut off may win every election, and lead nobody,
/// until it is back.
public final class ZooKeeperNetwork: Sendable {
  /// The proxy through which one member reaches another, by the places of the two in the ensemble.
  private let proxies: [[FaultProxy?]]

  private init(proxies: [[FaultProxy?]]) {
    self.proxies = proxies
  }

  static func start(between members: [ZooKeeperConfiguration.Member]) async throws -> ZooKeeperNetwork {
    var proxies: [[FaultProxy?]] = []
    for from in members.indices {
      var row: [FaultProxy?] = []
      for to in members.indices {
        row.append(from == to ? nil : try await FaultProxy.start(to: members[to].quorumPort))
      }
      proxies.append(row)
    }
    return ZooKeeperNetwork(proxies: proxies)
  }

  /// The members with the ports at which one of them finds the others.
  func members(
    _ members: [ZooKeeperConfiguration.Member],
    seenFrom place: Int
  ) -> [ZooKeeperConfiguration.Member] {
    members.enumerated().map { index, member in
      var member = member
      if let proxy = self.proxies[place][index] { member.quorumPort = proxy.port }
      return member
    }
  }

  /// The proxy through which a member reaches another when that leads.
  ///
  /// - Parameters:
  ///   - from: The place of the member that connects, from 0.
  ///   - to: The place of the member that is connected to.
  package func proxy(from: Int, to: Int) -> FaultProxy? { self.proxies[from][to] }

  /// Cuts a member off from the others, silently, until ``heal()``; it still answers its own clients until it notices.
  ///
  /// - Parameters:
  ///   - place: Its place in the ensemble, from 0.
  ///   - direction: What is lost: what the member sends (`clientToServer`), what it is sent (`serverToClient`), or both.
  public func isolate(_ place: Int, _ direction: FaultProxy.Direction = .both) async {
    for other in self.proxies.indices where other != place {
      await self.proxies[place][other]?.cut(direction)
      await self.proxies[other][place]?.cut(direction.reversed)
    }
  }

  /// Ends what ``isolate(_:_:)`` began.
  public func heal() async {
    for proxy in self.all { await proxy.heal() }
  }

  /// How many bytes have been sent and not delivered since the start.
  package var lostBytes: Int {
    get async { await self.all.lostBytes }
  }

  func stop() async {
    for proxy in self.all { await proxy.stop() }
  }

  private var all: [FaultProxy] { self.proxies.joined().compactMap { $0 } }
}

/// What stands between the members of several servers.
package protocol MemberNetwork: Sendable {
  func isolate(_ place: Int, _ direction: FaultProxy.Direction) async throws
  func heal() async
  var lostBytes: Int { get async }
}

extension ZooKeeperNetwork: MemberNetwork {}
extension EtcdNetwork: MemberNetwork {}

extension FaultProxy.Direction {
  /// The other way round; both ways stay both.
  var reversed: FaultProxy.Direction {
    switch self {
    case .clientToServer: .serverToClient
    case .serverToClient: .clientToServer
    default: self
    }
  }
}

extension [FaultProxy] {
  /// How many bytes have arrived at the proxies and not gone on: lost, or on their way.
  package var lostBytes: Int {
    get async {
      var sum = 0
      for proxy in self {
        let counters = await proxy.counters
        sum += counters.arrivedFromClients.bytes - counters.passedToServers.bytes
        sum += counters.arrivedFromServers.bytes - counters.passedToClients.bytes
      }
      return sum
    }
  }
}
