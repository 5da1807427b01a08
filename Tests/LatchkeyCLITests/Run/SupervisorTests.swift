import Latchkey
import LatchkeyPrimitives
import LatchkeyProcesses
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("A command under a lease", .timeLimit(.minutes(1)))
struct SupervisorTests {
  private let scratch: Scratch

  init() throws {
    self.scratch = try Scratch()
  }

  /// A shell script that may say things into the file `$SAID`.
  private func supervisor(
    _ script: String,
    signals: RunSignals = RunSignals(),
    grace: Duration = .seconds(10)
  ) -> Supervisor {
    Supervisor(
      command: ["/bin/sh", "-c", script].map(\.utf8CString),
      settings: self.scratch.settings,
      grace: grace,
      signals: signals
    )
  }

  private func hears(_ line: String) async throws -> Bool { try await eventually { self.scratch.lines.contains(line) } }

  @Test(
    "its own end is the end, with its own status",
    arguments: [("exit 0", Int32(0)), ("exit 7", 7), ("kill -KILL $$", 137)]
  )
  func status(script: String, status: Int32) async throws {
    defer { self.scratch.remove() }
    let lease = try FakeLease(remaining: .seconds(60))
    guard case .ended(let change, _) = try await self.supervisor(script).run(under: lease.held) else {
      Issue.record("the lock was not lost")
      return
    }
    #expect(change.status == status)
  }

  @Test("is ended with TERM when the lock is lost, with all that it has started")
  func loss() async throws {
    defer { self.scratch.remove() }
    let lease = try FakeLease(remaining: .seconds(60))
    let script = "sleep 1000 & echo $! >>$SAID; trap 'echo term >>$SAID; exit 0' TERM; echo up >>$SAID; wait"
    let run = Task { try await self.supervisor(script).run(under: lease.held) }
    #expect(try await self.hears("up"))
    lease.lose()
    guard case .lost = try await run.value else {
      Issue.record("the loss was not told")
      return
    }
    #expect(self.scratch.lines.contains("term"))
    let helper = try #require(Int32(self.scratch.lines[0]))
    #expect(try await eventually { !isAlive(helper) })
  }

  @Test("is ended at its lease's deadline, without anybody telling")
  func deadline() async throws {
    defer { self.scratch.remove() }
    let lease = try FakeLease(remaining: .milliseconds(200))
    // What notices a passed deadline is the backend's timer; here the test is that timer.
    let timer = Task {
      try await Task.sleep(until: lease.term.deadline)
      lease.term.expire()
    }
    guard case .lost = try await self.supervisor("sleep 1000").run(under: lease.held) else {
      Issue.record("the loss was not told")
      return
    }
    try await timer.value
  }

  @Test("is killed after the grace if it does not heed TERM")
  func grace() async throws {
    defer { self.scratch.remove() }
    let lease = try FakeLease(remaining: .seconds(60))
    let script = "trap '' TERM; echo up >>$SAID; while :; do sleep 0.05; done"
    let run = Task { try await self.supervisor(script, grace: .milliseconds(200)).run(under: lease.held) }
    #expect(try await self.hears("up"))
    lease.lose()
    guard case .lost = try await run.value else {
      Issue.record("the loss was not told")
      return
    }
  }

  @Test("is ended on loss even if it has been stopped")
  func stopped() async throws {
    defer { self.scratch.remove() }
    let lease = try FakeLease(remaining: .seconds(60))
    let run = Task { try await self.supervisor("echo $$ >>$SAID; kill -STOP $$").run(under: lease.held) }
    #expect(try await eventually { self.scratch.lines.count == 1 })
    lease.lose()
    guard case .lost = try await run.value else {
      Issue.record("the loss was not told")
      return
    }
  }

  @Test("gets the signals that are sent to latchkey", arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])
  func signals(number: Int32) async throws {
    defer { self.scratch.remove() }
    let lease = try FakeLease(remaining: .seconds(60))
    let signals = RunSignals()
    let script = "trap 'exit 42' \(number); echo up >>$SAID; while :; do sleep 0.02; done"
    let run = Task { try await self.supervisor(script, signals: signals).run(under: lease.held) }
    #expect(try await self.hears("up"))
    signals.note(number)
    guard case .ended(let change, _) = try await run.value else {
      Issue.record("the lock was not lost")
      return
    }
    #expect(change == .exited(42))
  }

  @Test("gets a signal that came between the grant and its start")
  func lateSignal() async throws {
    defer { self.scratch.remove() }
    let lease = try FakeLease(remaining: .seconds(60))
    let signals = RunSignals()
    signals.note(SIGTERM)
    guard case .ended(let change, _) = try await self.supervisor("sleep 1000", signals: signals).run(under: lease.held)
    else {
      Issue.record("the lock was not lost")
      return
    }
    #expect(change == .killed(by: SIGTERM))
  }

  @Test(
    "does not start if it is not there, or is no program",
    arguments: [("/nonexistent", ENOENT), ("/etc/passwd", EACCES)]
  )
  func notFound(program: String, code: Int32) async throws {
    defer { self.scratch.remove() }
    let lease = try FakeLease(remaining: .seconds(60))
    let supervisor = Supervisor(command: [program.utf8CString], settings: [:], grace: .zero, signals: RunSignals())
    let error = await #expect(throws: SystemError.self) { try await supervisor.run(under: lease.held) }
    #expect(error?.code == code)
  }
}
