import LatchkeyTesting
import Testing

/// The servers that a suite shares: started once, and ended with the test process.
struct TestServers: Sendable {
  let members: [ZooKeeperServer]

  /// The servers' tick; sessions of three seconds then last fifteen ticks.
  static let tick = Duration.milliseconds(200)

  /// One server for the conformance suite, which stops and starts it.
  static let conformance = Task { try await TestServers.startOne() }
  /// Three servers for the conformance suite.
  static let conformanceEnsemble = Task { try await TestServers.startThree() }
  /// One server for everything that leaves it running.
  static let shared = Task { try await TestServers.startOne() }

  static func startOne() async throws -> TestServers {
    TestServers(members: [try await ZooKeeperServer.start(ZooKeeperConfiguration { $0.tick = Self.tick })])
  }

  static func startThree() async throws -> TestServers {
    let ensemble = try await ZooKeeperEnsemble.start(ZooKeeperConfiguration { $0.tick = Self.tick })
    return TestServers(members: ensemble.members)
  }

  /// How many packets the first server has received, and how many transactions there have been.
  func numbers() async throws -> (packets: Int, transactions: Int) {
    let report = try await self.members[0].mntr()
    let status = try await self.members[0].fourLetterWord("srvr")
    let zxid = status.split(separator: "\n").first { $0.hasPrefix("Zxid: 0x") }?.dropFirst("Zxid: 0x".count)
    return (
      try #require(report["zk_packets_received"].flatMap(Int.init)),
      try #require(zxid.flatMap { Int($0, radix: 16) })
    )
  }

  /// Any server that answers.
  func member() async throws -> ZooKeeperServer {
    for member in self.members where (try? await member.mode(within: .seconds(2))) != nil { return member }
    return self.members[0]
  }
}
