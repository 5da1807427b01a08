import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("What a lock asks of its session", .serialized, .timeLimit(.minutes(2)))
struct SessionProofServerTests {
  /// Counts the heartbeats that a client sends.
  private final class Beats: Sendable {
    private let counts = Locked((quorum: 0, sync: 0))

    var quorum: Int { self.counts.withLock { $0.quorum } }
    var sync: Int { self.counts.withLock { $0.sync } }

    func count(_ client: TestClient) async {
      for proxy in client.proxies {
        _ = await proxy.onFrame { frame in
          self.counts.withLock { counts in
            switch frame.zooKeeperOperation {
            case .delete where String(decoding: frame.bytes, as: UTF8.self).contains("_latchkey_heartbeat"):
              counts.quorum += 1
            case .sync: counts.sync += 1
            default: break
            }
          }
          return .pass
        }
      }
    }
  }

  @Test("a majority answers the heartbeats while a lock is held or waited for, and a single server while none is")
  func quorum() async throws {
    let servers = try await TestServers.shared.value
    let holder = try await TestClient.open(servers)
    let waiter = try await TestClient.open(servers)
    let (holding, waiting) = (Beats(), Beats())
    await holding.count(holder)
    await waiting.count(waiter)
    let name = try uniqueName()
    try await eventuallyTrue(within: .seconds(10)) { holding.sync >= 3 && waiting.sync >= 3 }
    #expect(holding.quorum == 0 && waiting.quorum == 0)

    let lease = try await holder.lock(name).acquire(within: .seconds(10))
    let task = Task { try await waiter.lock(name).acquire(within: .seconds(60)).release() }
    try await eventuallyTrue(within: .seconds(10)) { holding.quorum >= 5 && waiting.quorum >= 5 }
    try await lease.release()
    try await task.value

    // One may be on its way.
    let (held, awaited) = (holding.quorum, waiting.quorum)
    let (syncs, others) = (holding.sync, waiting.sync)
    try await eventuallyTrue(within: .seconds(10)) { holding.sync >= syncs + 4 && waiting.sync >= others + 4 }
    #expect(holding.quorum <= held + 1 && waiting.quorum <= awaited + 1)
    await holder.close()
    await waiter.close()
  }

  @Test("stand-alone servers that are no ensemble grant nothing: the error says what is wrong with them")
  func standalone() async throws {
    let servers = try await TestServers.shared.value
    var configuration = ZooKeeperClient.Configuration(servers: [servers.members[0].connectString, "127.0.0.1:1"])
    configuration.tick = TestServers.tick
    let client = try ZooKeeperClient(configuration)
    let lock = ZooKeeperLocks(client: client).lock(try uniqueName())
    let waiting = Task { await failure(of: lock, within: .seconds(30)) }
    await #expect(throws: ZooKeeperError.self) { try await client.run() }
    for error in [await waiting.value, await failure(of: lock, within: .zero), await failure(of: lock, within: nil)] {
      #expect(
        error?.code == .invalidConfiguration && error.map { "\($0)".contains("stand-alone") } == true,
        "\(error.map { "\($0)" } ?? "")"
      )
    }
  }

  @Test("a client that is not running is not mistaken for servers that cannot be reached")
  func notRunning() async throws {
    var configuration = ZooKeeperClient.Configuration(servers: ["127.0.0.1:1"])
    configuration.connectTimeout = .milliseconds(200)
    let client = try ZooKeeperClient(configuration)
    let error = await failure(of: ZooKeeperLocks(client: client).lock(try uniqueName()), within: .seconds(1))
    #expect(error?.code == .unreachable)
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains("not running") && text.contains("service group") && !text.contains("check"), "\(text)")
    await client.close()
  }
}
