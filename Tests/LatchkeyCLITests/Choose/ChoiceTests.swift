import Latchkey
import Testing

@testable import LatchkeyCLI

@Suite("Which backend fits")
struct ChoiceTests {
  private func fitting(_ needs: Set<Need>, having have: Set<String> = []) -> [String] {
    Choice.all(for: needs, having: have).filter(\.fits).map(\.facts.backend)
  }

  @Test("every kind of backend that a URL can name is there, once")
  func complete() {
    let kinds = Set(LockURL.Scheme.allCases.map(\.backendKind))
    #expect(BackendFacts.all.map(\.backend).count == kinds.count)
    #expect(Set(BackendFacts.all.map(\.backend)) == kinds)
  }

  @Test(
    "needs leave the backends that meet all of them",
    arguments: [
      ([], ["mutex", "channel", "zookeeper", "etcd", "redis", "redlock"]),
      ([.acrossProcesses], ["zookeeper", "etcd", "redis", "redlock"]),
      ([.fencing], ["mutex", "channel", "zookeeper", "etcd", "redis"]),
      ([.fair], ["mutex", "channel", "zookeeper", "etcd"]),
      ([.acrossProcesses, .surviveMinority], ["zookeeper", "etcd", "redlock"]),
      ([.acrossProcesses, .surviveRestart], ["zookeeper", "etcd", "redlock"]),
      ([.acrossProcesses, .clockJumps], ["zookeeper", "etcd"]),
      ([.acrossProcesses, .fencing, .surviveMinority], ["zookeeper", "etcd"]),
      ([.noExtraServers], ["mutex", "channel"]),
      ([.acrossProcesses, .noExtraServers], []),
    ] as [(Set<Need>, [String])]
  )
  func needs(needs: Set<Need>, backends: [String]) {
    #expect(self.fitting(needs) == backends)
  }

  @Test("servers that run already are no extra servers, and one Redis is no quorum")
  func having() {
    #expect(self.fitting([.acrossProcesses, .noExtraServers], having: ["redis"]) == ["redis"])
    #expect(self.fitting([.acrossProcesses, .noExtraServers], having: ["redlock", "etcd"]) == ["etcd", "redlock"])
  }

  @Test("what does not fit has a reason for each need that it fails")
  func reasons() throws {
    let choices = Choice.all(for: Set(Need.allCases), having: [])
    let redis = try #require(choices.first { $0.facts.backend == "redis" })
    #expect(redis.objections.count == 5)
    for choice in choices { #expect(!choice.fits && choice.objections.allSatisfy { !$0.isEmpty }) }
  }

  @Test("a backend without tokens never relies on them")
  func consistency() {
    for facts in BackendFacts.all where facts.fencing == nil {
      for safety in [facts.pause, facts.crash, facts.partition, facts.clockJump] {
        #expect(safety.verdict != .token && safety.verdict != .twice)
      }
    }
  }

  @Test("the table has a column for each backend and says what was not measured")
  func table() {
    let choices = Choice.all(for: [], having: [])
    let text = ChoiceTable(
      choices: choices,
      needs: [],
      latencies: ["mutex": .init(p50: 0.25, p90: 1, p99: 1.5, max: 2)]
    ).text
    let lines = text.split(separator: "\n")
    #expect(lines[0].split(separator: " ").map(String.init) == choices.map(\.facts.backend))
    let latency = lines.first { $0.hasPrefix("acquire here, p50") }
    #expect(latency?.contains("0.25 µs") == true)
    #expect(latency?.ranges(of: "not measured").count == 5)
    #expect(text.contains("not measured here: channel, zookeeper, etcd, redis, redlock"))
    #expect(lines.allSatisfy { $0.count <= 120 })
  }
}
