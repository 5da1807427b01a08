import Testing

@testable import LatchkeyCLI

@Suite("latchkey choose", .timeLimit(.minutes(2)))
struct ChooseTests {
  private struct Answer: Decodable {
    var backend: String
    var fits: Bool
    var objections: [String]
    var isBuiltIn: Bool
    var fencing: String?
    var latencyMicroseconds: WorkloadReport.Latency?
  }

  @Test("prints the table at once, and measures nothing by itself")
  func table() async throws {
    let outcome = try await Latchkey.call("choose")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    let text = outcome.output.joined(separator: "\n")
    for word in ["zookeeper", "redlock", "fencing token", "holder paused", "not measured", "One process: mutex"] {
      #expect(text.contains(word), "\(word)")
    }
  }

  @Test("says what fits, and why the others do not")
  func needs() async throws {
    let outcome = try await Latchkey.call("choose", "--across-processes", "--fencing", "--survive-minority")
    #expect(outcome.status == 0)
    #expect(outcome.output.filter { $0.hasPrefix("fits: ") }.count == 2)
    #expect(outcome.output.contains { $0.hasPrefix("not redlock: it has no fencing token") })
  }

  @Test("ends with status 1 when nothing fits")
  func nothing() async throws {
    let outcome = try await Latchkey.call("choose", "--across-processes", "--no-extra-servers")
    #expect(outcome.status == 1)
    #expect(outcome.output.contains { $0.hasPrefix("Nothing fits") })
  }

  @Test("prints JSON with what was measured, and null for what was not")
  func json() async throws {
    let outcome = try await Latchkey.call("choose", "--json", "--measure", "--fair")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(outcome.output.count == 1)
    let answers = try JSON.decode([Answer].self, from: outcome.output[0])
    #expect(answers.map(\.backend) == BackendFacts.all.map(\.backend))
    for answer in answers {
      let isLocal = ["mutex", "channel"].contains(answer.backend)
      #expect((answer.latencyMicroseconds != nil) == isLocal)
      #expect(answer.fits == answer.objections.isEmpty)
      #expect(!isLocal || answer.isBuiltIn)
    }
    #expect(outcome.output[0].contains("\"latencyMicroseconds\":null"))
  }

  @Test("tells when a server that it was to measure is not there, after the table")
  func unreachable() async throws {
    let outcome = try await Latchkey.call("choose", "zookeeper://127.0.0.1:1/x?timeout=300ms")
    #expect(outcome.status == 69)
    #expect(outcome.output.contains { $0.hasPrefix("fencing token") })
    #expect(outcome.errorText.contains("check the addresses"))
  }
}
