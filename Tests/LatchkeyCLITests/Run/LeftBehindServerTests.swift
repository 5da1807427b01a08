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

@Suite("Processes that outlive the command, or latchkey", .timeLimit(.minutes(2)))
struct LeftBehindServerTests {
  private let scratch: Scratch

  init() throws {
    self.scratch = try Scratch()
  }

  private func start(_ url: String, options: [String] = [], path: String? = nil, _ script: String) throws -> Latchkey {
    var settings = self.scratch.settings
    if let path { settings["PATH"] = path }
    return try Latchkey(["run"] + options + [url, "--", "/bin/sh", "-c", script], settings: settings)
  }

  @Test("are named when the command has ended: they run without the lock")
  func leftBehind() async throws {
    defer { self.scratch.remove() }
    let script = "exec >/dev/null 2>&1; sleep 1000 & echo $! >>$SAID; sleep 1000 & echo $! >>$SAID; exit 5"
    let outcome = await (try self.start(try await SharedRedis.url("left/behind"), script)).outcome()
    let helpers = self.scratch.lines.compactMap { Int32($0) }
    #expect(helpers.count == 2 && helpers.allSatisfy(isAlive))
    #expect(outcome.status == 5)
    #expect(outcome.errors.count == 1)
    #expect(outcome.errorText.contains("2 processes of the command still run without the lock"), "\(outcome.errorText)")
    for helper in helpers {
      #expect(outcome.errorText.contains("sleep (\(helper))"))
      kill(helper, SIGKILL)
    }
  }

  @Test("are not spoken of when there are none")
  func none() async throws {
    defer { self.scratch.remove() }
    let script = "sleep 0.05 & sleep 0.05 & wait; exit 5"
    let outcome = await (try self.start(try await SharedRedis.url("left/none"), script)).outcome()
    #expect(outcome.status == 5 && outcome.errors == [])
  }

  @Test("are ended by a watchdog that heeds no signal meant for latchkey, and that nobody takes for latchkey")
  func watchdog() async throws {
    defer { self.scratch.remove() }
    let holder = try self.start(
      try await SharedRedis.url("left/watchdog"),
      options: ["--grace", "1s"],
      "trap '' TERM HUP INT; trap 'echo told >>$SAID' USR1; echo $$ >>$SAID; while :; do sleep 0.1; done",
    )
    let command = try await self.scratch.guardedCommand(of: holder)
    let watchdogs = children(of: holder.process.pid).filter { $0 != command }
    #expect(watchdogs.count == 1)
    let watchdog = try #require(watchdogs.first)
    let arguments = try #require(contents(of: "/proc/\(watchdog)/cmdline"))
    #expect(!arguments.contains("latchkey"), "\(arguments)")
    for number in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] { kill(watchdog, number) }
    holder.process.signal(SIGKILL)
    // Nobody else ends it: it heeds no TERM.
    #expect(try await eventually { !isAlive(command) })
    #expect(await holder.outcome().status == 137)
    #expect(try await eventually { self.scratch.entries == ["said"] })
  }

  @Test("are ended by a watchdog that needs nothing from PATH")
  func path() async throws {
    defer { self.scratch.remove() }
    let holder = try self.start(
      try await SharedRedis.url("left/path"),
      options: ["--grace", "1s"],
      path: "/nonexistent",
      "trap '' TERM; trap 'echo told >>$SAID' USR1; echo $$ >>$SAID; while :; do /bin/sleep 0.1; done"
    )
    let command = try await self.scratch.guardedCommand(of: holder)
    holder.process.signal(SIGKILL)
    #expect(try await eventually { !isAlive(command) })
    _ = await holder.outcome()
    #expect(try await eventually { self.scratch.entries == ["said"] })
  }

  // MARK: As the first process of a container

  /// Whether this user may make a name space of processes.
  private static let canBeFirst: Bool = {
    #if os(Linux)
    guard getuid() == 0 else { return false }
    let probe = try? ChildProcess.spawn(["unshare", "--pid", "--fork", "--mount-proc", "true"])
    guard let probe else { return false }
    var status: Int32 = -1
    while waitpid(probe.pid, &status, 0) < 0, errno == EINTR {}
    return status == 0
    #else
    return false
    #endif
  }()

  private func startAsFirst(_ url: String, options: [String], _ script: String) throws -> ChildProcess {
    try ChildProcess.spawn(
      ["unshare", "--pid", "--fork", "--mount-proc", Latchkey.path, "run"] + options + [
        url, "--", "/bin/sh", "-c", script,
      ],
      settings: self.scratch.settings
    )
  }

  @Test("are reaped by latchkey if it is the first process", .enabled(if: canBeFirst))
  func reaped() async throws {
    defer { self.scratch.remove() }
    let script = """
      for i in 1 2 3 4 5 6 7 8; do sh -c 'sleep 0.05 & exit 0'; done; tries=0
      while grep -qsx sleep /proc/[0-9]*/comm && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
      echo "$tries" >>$SAID; exit 3
      """
    let process = try self.startAsFirst(try await SharedRedis.url("left/reaped"), options: [], script)
    #expect(await process.wait() == .exited(3))
    #expect(self.scratch.lines.count == 1 && self.scratch.lines != ["100"], "\(self.scratch.lines)")
  }

  @Test("are not waited for after a loss if they are dead and not reaped", .enabled(if: canBeFirst))
  func zombies() async throws {
    defer { self.scratch.remove() }
    let script = "for i in 1 2 3; do sh -c 'sleep 0.05 & exit 0'; done; echo up >>$SAID; exec sleep 1000"
    let options = ["--ttl", "1s", "--grace", "1h"]
    let process = try self.startAsFirst(try await SharedRedis.url("left/zombies"), options: options, script)
    #expect(try await eventually { self.scratch.lines == ["up"] })
    try await SharedRedis.server.command("DEL", "left/zombies")
    #expect(await process.wait() == .exited(122))
  }
}
