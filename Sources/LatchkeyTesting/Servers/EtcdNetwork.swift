internal import Latchkey
internal import LatchkeyPrimitives

/// Stands between the members of an ``EtcdCluster``: a proxy in front of each member's peer port.
///
/// All members must agree on each other's addresses, so there is one proxy for all that connect to a member. Who connects is
/// read from what etcd's peers say of themselves at the beginning of each connection.
public final class EtcdNetwork: Sendable {
  /// The proxy in front of each member, in the members' order.
  package let proxies: [FaultProxy]

  private let clientPorts: [Int]
  /// Who has made the connections of each proxy, by etcd's number for the member in hexadecimal.
  private let callers: Locked<[[Int: String]]>
  private let rules = Locked<[FaultProxy.Rule]>([])

  private init(proxies: [FaultProxy], clientPorts: [Int]) {
    self.proxies = proxies
    self.clientPorts = clientPorts
    self.callers = Locked(proxies.map { _ in [:] })
  }

  static func start(between members: [EtcdConfiguration.Member]) async throws -> EtcdNetwork {
    var proxies: [FaultProxy] = []
    for member in members { proxies.append(try await FaultProxy.start(to: member.peerPort)) }
    let network = EtcdNetwork(proxies: proxies, clientPorts: members.map(\.clientPort))
    for (place, proxy) in proxies.enumerated() {
      _ = await proxy.watch(.clientToServer) { [weak network] frame in
        network?.note(frame, at: place)
        return false
      }
    }
    return network
  }

  /// Cuts a member off from the others, silently, until ``heal()``; what was sent meanwhile is delivered then, late.
  ///
  /// - Parameters:
  ///   - place: Its place in the cluster, from 0. It must run.
  ///   - direction: What is held back: what the member sends (`clientToServer`), what it is sent (`serverToClient`), or both.
  /// - Throws: ``ServerError`` when the member does not say who it is.
  public func isolate(_ place: Int, _ direction: FaultProxy.Direction = .both) async throws(ServerError) {
    let number = try await self.number(of: place)
    await self.proxies[place].hold(direction.reversed)
    for other in self.proxies.indices where other != place {
      let rule = await self.proxies[other].onFrame { [weak self] frame in
        guard let self, direction.contains(frame.direction) else { return .pass }
        return self.callers.withLock { $0[other][frame.connection] } == number ? .hold : .pass
      }
      self.rules.withLock { $0.append(rule) }
    }
  }

  /// Ends what ``isolate(_:_:)`` began.
  public func heal() async {
    let rules = self.rules.withLock { rules in
      defer { rules = [] }
      return rules
    }
    for rule in rules { await rule.remove() }
    for proxy in self.proxies { await proxy.heal() }
  }

  /// How many bytes wait in the proxies, or were lost in them.
  package var lostBytes: Int {
    get async { await self.proxies.lostBytes }
  }

  func stop() async {
    for proxy in self.proxies { await proxy.stop() }
  }

  /// Remembers who has made a connection.
  private func note(_ frame: FaultProxy.Frame, at place: Int) {
    self.callers.withLock { callers in
      guard callers[place][frame.connection] == nil else { return }
      let text = String(decoding: frame.bytes.prefix(2048), as: UTF8.self)
      let mark = "X-Server-From: "
      for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix(mark) {
        callers[place][frame.connection] = String(line.dropFirst(mark.count))
      }
    }
  }

  /// The number by which etcd knows a member, in hexadecimal.
  private func number(of place: Int) async throws(ServerError) -> String {
    struct Answer: Decodable {
      struct Member: Decodable {
        var ID: String
        var peerURLs: [String]
      }
      var members: [Member]
    }
    let answer: Answer = try await askEtcd("cluster/member/list", "{}", port: self.clientPorts[place])
    let port = self.proxies[place].port
    guard let member = answer.members.first(where: { $0.peerURLs.contains { $0.hasSuffix(":\(port)") } }),
      let number = UInt64(member.ID)
    else {
      throw ServerError(.noAnswer, "The etcd member at port \(self.clientPorts[place]) does not list itself.")
    }
    return String(number, radix: 16)
  }
}
