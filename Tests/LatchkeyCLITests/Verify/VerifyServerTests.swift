import Latchkey
import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("latchkey verify", .serialized, .timeLimit(.minutes(5)))
struct VerifyServerTests {
  #if Redis
  @Test("finds every promise of a Redis lock kept under faults, and removes all that it started")
  func redis() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let page = folder.file("page.html")
    let outcome = await
      (try Latchkey(
        ["verify", "--serve", "redis", "--ttl", "1s", "--duration", "5s", "--seed", "11", "--json", "--report", page]
      )).outcome()
    #expect(outcome.status == 0, "\(outcome.output) \(outcome.errorText)")
    let report = try JSON.decode(VerifyReport.self, from: try #require(outcome.output.first))
    #expect(report.verdict == .passed || report.verdict == .explained)
    #expect(report.violations == [])
    #expect(report.grants > 0 && report.writesAccepted > 0)
    #expect(report.faults.contains { $0.bitten > 0 })
    let html = try #require(contents(of: page))
    #expect(html.contains("id=\"timeline\"") && !html.contains("<script") && !html.contains("src="))
  }

  @Test("a client that ignores deadlines is found out, and the command that repeats the run is told")
  func sabotage() async throws {
    try await withRedis { server in
      let url = "redis://127.0.0.1:\(server.port)/sabotage"
      let outcome = try await Latchkey(
        ["verify", url, "--ttl", "1s", "--faults", "pause", "--duration", "4s", "--seed", "3", "--workers", "1"]
          + ["--sabotage", "ignore-deadline"]
      ).outcome()
      #expect(outcome.status == 1)
      #expect(
        outcome.output.contains { $0.hasPrefix("VIOLATION") && $0.contains("isHeld was true after its deadline") }
      )
      #expect(
        outcome.output.last
          == "repeat with latchkey verify '\(url)?ttl=1s' --faults pause --seed 3 --duration 4s --processes 4 --workers 1 "
          + "--sabotage ignore-deadline"
      )
    }
  }

  @Test("what can never work on servers of one's own is refused before anything is harmed, and the default can work")
  func impossible() async throws {
    let url = try await SharedZooKeeper.url("verified")
    let outcome = try await Latchkey(["verify", url, "--ttl", "1s", "--duration", "20s"]).outcome()
    #expect(outcome.status == 64)
    #expect(outcome.output == [])
    #expect(outcome.errorText.contains("four ticks"))
    let gone = try await Latchkey(["verify", "redis://127.0.0.1:1/x"]).outcome()
    #expect(gone.status == 69)
    #expect(gone.output == [])
    let zookeeper = try LockURL("zookeeper://h/x")
    #expect(VerifyCommand.timeToLive(at: zookeeper, tick: nil) == .seconds(8))
    #expect(VerifyCommand.timeToLive(at: zookeeper, tick: .seconds(3)) == .seconds(12))
    #expect(VerifyCommand.timeToLive(at: try LockURL("zookeeper://h/x?ttl=20s"), tick: nil) == .seconds(20))
    #expect(VerifyCommand.timeToLive(at: try LockURL("redis://h/x"), tick: nil) == .seconds(4))
  }

  @Test("a resource that takes stale writes from a client that was stopped is found out")
  func staleWrites() async throws {
    try await withRedis { server in
      let outcome = try await Latchkey(
        ["verify", "redis://127.0.0.1:\(server.port)/stale", "--ttl", "1s", "--faults", "pause", "--duration", "4s"]
          + ["--seed", "3", "--sabotage", "accept-stale", "--json"]
      ).outcome()
      #expect(outcome.status == 1)
      let report = try JSON.decode(VerifyReport.self, from: try #require(outcome.output.first))
      #expect(report.verdict == .violated)
      #expect(report.violations.contains { $0.kind == "staleWrite" })
    }
  }

  @Test("a run in which no fault had an effect is no success, and an interrupted one cleans up and tells what it has")
  func interrupted() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["verify", "--serve", "redis", "--duration", "10m", "--faults", "expire"],
      settings: ["TMPDIR": folder.path]
    )
    try await eventuallyHeard(command, "expire holder")
    command.process.signal(SIGINT)
    let outcome = await command.outcome()
    #expect(outcome.status == 130, "\(outcome.errorText)")
    #expect(outcome.output.contains { $0.contains("(interrupted)") }, "\(outcome.output)")
    #expect(outcome.output.contains { $0.hasPrefix("not judged  whether every client") }, "\(outcome.output)")
    #expect(entries(of: folder.path) == [])
    // A client is stopped for longer than its TTL, which is longer than this run.
    let toothless = try await withRedis { server in
      try await Latchkey.call(
        "verify",
        "redis://127.0.0.1:\(server.port)/toothless",
        "--ttl",
        "1s",
        "--duration",
        "1s",
        "--faults",
        "pause"
      )
    }
    #expect(toothless.status == 1)
    #expect(toothless.errorText.contains("no fault had an effect"), "\(toothless.errorText)")
  }

  @Test("a client whose alarm never rings, so that it tells a loss only when it is asked, is found out")
  func silentLoss() async throws {
    try await withRedis { server in
      let outcome = try await Latchkey(
        ["verify", "redis://127.0.0.1:\(server.port)/silent", "--ttl", "1s", "--faults", "cut", "--duration", "8s"]
          + ["--seed", "3", "--sabotage", "silent-loss", "--json"]
      ).outcome()
      #expect(outcome.status == 1)
      let report = try JSON.decode(VerifyReport.self, from: try #require(outcome.output.first))
      #expect(report.verdict == .violated)
      #expect(Set(report.violations.map(\.kind)) == ["lossNotTold"], "\(report.violations)")
    }
  }

  @Test(
    "interrupted while it waits for the locks to recover, it judges what was recorded, and accuses nobody of what it did not see"
  )
  func interruptedLate() async throws {
    try await withRedis { server in
      let command = try Latchkey(
        ["verify", "redis://127.0.0.1:\(server.port)/late", "--ttl", "2s", "--faults", "pause", "--duration", "6s"]
          + ["--seed", "3", "--sabotage", "ignore-deadline"]
      )
      try await eventuallyHeard(command, "the faults are over")
      command.process.signal(SIGINT)
      let outcome = await command.outcome()
      #expect(outcome.status == 1, "\(outcome.errorText)")
      #expect(outcome.output.contains { $0.contains("isHeld was true after its deadline") }, "\(outcome.output)")
      #expect(outcome.output.contains { $0.hasPrefix("not judged  whether every client") }, "\(outcome.output)")
      #expect(!outcome.output.contains { $0.contains("got no lock") }, "\(outcome.output)")
    }
  }

  private func eventuallyHeard(_ command: Latchkey, _ text: String) async throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    while !command.errorsSoFar.contains(where: { $0.contains(text) }) {
      try #require(ContinuousClock.now < deadline, "\(command.errorsSoFar)")
      try await Task.sleep(for: .milliseconds(10))
    }
  }
  #endif

  #if ZooKeeper
  @Test("finds every promise of a ZooKeeper lock kept under faults")
  func zooKeeper() async throws {
    let outcome = try await Latchkey.call("verify", "--serve", "zookeeper", "--duration", "6s", "--seed", "5", "--json")
    #expect(outcome.status == 0, "\(outcome.output) \(outcome.errorText)")
    let report = try JSON.decode(VerifyReport.self, from: try #require(outcome.output.first))
    #expect(report.violations == [])
    #expect(report.grants > 0 && report.hasTokens)
  }
  #endif

  @Test(
    "refuses what cannot be done, with the reason",
    arguments: [
      ["verify"], ["verify", "local:x"], ["verify", "rediss://10.0.0.1/x"],
      ["verify", "redis://h/x", "--faults", "expire"],
      ["verify", "--serve", "redis", "--faults", "partition"], ["verify", "--serve", "redis", "--faults", "flood"],
      ["verify", "--serve", "redis", "redis://h/x"],
    ]
  )
  func usage(arguments: [String]) async throws {
    let outcome = await (try Latchkey(arguments)).outcome()
    #expect(outcome.status == 64)
    #expect(outcome.errors.count == 1, "\(outcome.errorText)")
  }
}
