#if Etcd
import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

@Suite("latchkey on etcd", .timeLimit(.minutes(3)))
struct EtcdCommandServerTests {
  @Test("starts servers of its own when asked to, loses no update between processes", arguments: ["etcd", "etcd:3"])
  func serve(servers: String) async throws {
    let outcome = await
      (try Latchkey(
        ["contend", "--serve", servers, "--processes", "2", "--workers", "2", "--count", "10", "--json"]
      )).outcome()
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let report = try outcome.report()
    #expect(report.finalCount == 40 && report.expectedCount == 40)
    #expect(report.backend == "etcd")
    #expect(report.tokensIncreasing == true)
  }

  @Test("waits while the servers have no leader, though the wait began then")
  func outage() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    try await withEtcd { server in
      let plan = ContendPlan(
        mode: .lock,
        url: "etcd://\(server.endpoint)/outage",
        workers: 2,
        count: 5,
        processes: 1,
        hold: .zero,
        board: "\(folder.path)/board"
      )
      let contention = try Contention(plan)
      let tally = try await contention.run {
        #expect(throws: Never.self) {
          try server.pause()
          Task {
            // Longer than a wait bears silent servers otherwise.
            try await Task.sleep(for: .seconds(3))
            try server.resume()
          }
        }
        return true
      }
      #expect(tally.errors == 0, "\(tally.firstError ?? "")")
      #expect(contention.board.counter == 10)
    }
  }

  @Test("says that nobody is there, with status 69")
  func unreachable() async throws {
    let outcome = try await Latchkey.call("contend", "etcd://127.0.0.1:1/x?timeout=300ms", "--quiet")
    #expect(outcome.status == 69)
    #expect(outcome.errorText.contains("127.0.0.1:1"), "\(outcome.errorText)")
  }

  @Test("runs a command under the lock, one at a time, and the next one may at once")
  func run() async throws {
    try await withEtcd { server in
      let url = "etcd://\(server.endpoint)/jobs/nightly?ttl=3s"
      let first = try Latchkey(["run", url, "--", "sh", "-c", "echo token $LATCHKEY_TOKEN; cat"])
      // A try writes nothing and has no place in the queue: it is busy from the moment in which the first holds.
      #expect(
        try await eventually(within: .seconds(20), every: .milliseconds(50)) {
          try await Latchkey.call("run", "--try", url, "--", "true").status == 124
        }
      )
      let outcome = await first.outcome()
      #expect(outcome.status == 0)
      #expect(outcome.output.first?.hasPrefix("token ") == true)
      #expect(try await Latchkey.call("run", "--try", url, "--", "true").status == 0)
    }
  }
}
#endif
