import Latchkey
import LatchkeyProcesses
import LatchkeyTesting
import Logging
import Testing

@testable import LatchkeyCLI
import LatchkeyPrimitives

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("What the command says while it runs", .timeLimit(.minutes(2)))
struct CommandLogServerTests {
  @Test("a record of a library is a sentence about the lock, without time, level and module")
  func sentence() {
    let said = Locked<[String]>([])
    let sink = CommandLog.Sink { sentence in said.withLock { $0.append(sentence) } }
    var logger = Logger(label: "redis") { _ in CommandLog(sink: sink) }
    logger[metadataKey: "lock.backend"] = "redis"
    logger.warning("locks cannot be granted", metadata: ["lock.name": "orders", "error": "refused", "lock.token": "7"])
    logger.info("nobody wants to know")
    logger.error("an endpoint is of another cluster", metadata: ["etcd.endpoint": "h:1"])
    #expect(
      said.withLock { $0 } == [
        "lock \"orders\": locks cannot be granted: refused", "an endpoint is of another cluster (etcd.endpoint h:1)",
      ]
    )
  }

  @Test("what the command reports itself is left out")
  func leftOut() {
    let said = Locked<[String]>([])
    let sink = CommandLog.Sink { sentence in said.withLock { $0.append(sentence) } }
    let logger = Logger(label: "redis") { _ in CommandLog(sink: sink) }
    sink.leaveOut("the lock was lost")
    logger.warning("the lock was lost", metadata: ["lock.name": "orders"])
    logger.warning("a renewal was refused", metadata: ["lock.name": "orders"])
    sink.leaveOutLocks()
    logger.warning("a release was refused", metadata: ["lock.name": "orders"])
    logger.warning("a connection was lost")
    #expect(said.withLock { $0 } == ["lock \"orders\": a renewal was refused", "a connection was lost"])
  }

  @Test("a sentence is said once, whatever its numbers and its lock, until it has been gone for a while")
  func repetitions() {
    var repetitions = Repetitions()
    let start = ContinuousClock.now
    func isNew(_ sentence: String, after seconds: Int) -> Bool {
      repetitions.isNew(sentence, at: start + .seconds(seconds))
    }
    #expect(isNew("no vote for 31 s", after: 0))
    #expect(isNew("connection refused", after: 0))
    for second in stride(from: 10, through: 300, by: 10) {
      #expect(!isNew("no vote for \(310 - second) s", after: second))
    }
    #expect(isNew("connection refused", after: 300))
    #expect(isNew("no vote for 1 s", after: 400))
  }

  @Test("the last line of a terminal makes room for what is printed, and stands below it again")
  func lastLine() {
    var line = LastLine()
    #expect(line.inserting("note\n") == "note\n")
    let drawn = line.replace(with: "[##  ] 50%")
    #expect(drawn == "\r\u{1B}[K[##  ] 50%")
    #expect(line.inserting("note\n") == "\r\u{1B}[Knote\n[##  ] 50%")
    _ = line.replace(with: "")
    #expect(line.inserting("note\n") == "note\n")
    line.isShared = true
    #expect(line.inserting("note\n") == "\r\u{1B}[Knote\n")
  }

  @Test("an outage under a waiting run is told in sentences")
  func outage() async throws {
    try await withRedis { server in
      try await server.command("SET", "x", "another", "PX", "600000")
      let waiter = try Latchkey(["run", "--wait", "60s", "redis://\(server.connectString)/x", "--", "true"])
      // It has asked when it listens for the release.
      #expect(try await eventually { try await server.command("PUBSUB", "CHANNELS") != [] })
      await server.kill()
      #expect(try await eventually(within: .seconds(30)) { !waiter.errorsSoFar.isEmpty })
      waiter.process.signal(SIGTERM)
      let outcome = await waiter.outcome()
      // The connection that broke and the one that was refused are two reasons; each is said once.
      #expect(Set(outcome.errors).count == outcome.errors.count, "\(outcome.errors)")
      #expect(
        outcome.errors.allSatisfy { $0.hasPrefix("latchkey: ") && !$0.contains("lock.backend") },
        "\(outcome.errors)"
      )
    }
  }

  @Test("a watched lock's outage is one line in place above the last table")
  func watchedInPlace() {
    var view = WatchView(style: TextStyle(isColored: true, isUnicode: true))
    let start = ContinuousClock.now
    _ = view.table(["held", "by me"])
    guard case .frame(let first) = view.outage("refused", at: start),
      case .frame(let later) = view.outage("refused", at: start + .seconds(3))
    else {
      Issue.record("no frame")
      return
    }
    #expect(first.contains("no answer for 0 ms: refused") && first.contains("by me"))
    #expect(later.contains("no answer for 3 s: refused") && later.contains("\u{1B}[3A"))
    guard case .frame(let good) = view.table(["free"]) else {
      Issue.record("no frame")
      return
    }
    #expect(good.contains("\u{1B}[3A") && !good.contains("no answer"))
  }

  @Test("elsewhere it is a sentence, once until it is another one, and one when the servers are back")
  func watchedInLines() {
    var view = WatchView(style: nil)
    let now = ContinuousClock.now
    let outputs = [
      view.table(["held"]), view.outage("refused", at: now), view.outage("refused", at: now),
      view.outage("silent", at: now), view.table(["held"]), view.table(["held"]),
    ]
    #expect(outputs == [nil, .note("refused"), nil, .note("silent"), .note("the servers answer again"), nil])
  }
}
