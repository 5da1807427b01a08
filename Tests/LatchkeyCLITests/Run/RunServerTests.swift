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

@Suite("latchkey run", .timeLimit(.minutes(2)))
struct RunServerTests {
  private let scratch: Scratch

  init() throws {
    self.scratch = try Scratch()
  }

  /// Starts a shell script under a lock. It may say things into `$SAID`; latchkey makes its files in this test's folder.
  private func start(_ url: String, options: [String] = [], _ script: String) throws -> Latchkey {
    try Latchkey(
      ["run"] + SharedZooKeeper.timing + options + [url, "--", "/bin/sh", "-c", script],
      settings: self.scratch.settings.merging(["LATCHKEY_PASSWORD": nil]) { old, _ in old }
    )
  }

  /// Runs a shell script without latchkey.
  private func shell(_ script: String) throws -> ChildProcess {
    try ChildProcess.spawn(["/bin/sh", "-c", script], settings: self.scratch.settings)
  }

  private func hears(_ line: String) async throws -> Bool { try await eventually { self.scratch.lines.contains(line) } }

  @Test("the command knows the lock's name, token and deadline, and no password")
  func environment() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("app/environment%20x")
    let script = """
      echo "$LATCHKEY_NAME"; echo "$LATCHKEY_TOKEN"; cat "$LATCHKEY_DEADLINE_FILE"; cut -d' ' -f1 /proc/uptime
      stat -c %a "$LATCHKEY_DEADLINE_FILE"; echo "${LATCHKEY_PASSWORD-none}"; ls /proc/self/fd | tr '\\n' ' '
      """
    let outcome = await (try self.start(url, script)).outcome()
    #expect(outcome.status == 0, "\(outcome.errorText)")
    try #require(outcome.output.count == 7)
    #expect(outcome.output[0] == "app/environment x")
    #expect((UInt64(outcome.output[1]) ?? 0) > 0)
    let (deadline, uptime) = (Double(outcome.output[2]) ?? 0, Double(outcome.output[3]) ?? 0)
    #expect(deadline > uptime && deadline < uptime + 2)
    #expect(outcome.output[4] == "600")
    #expect(outcome.output[5] == "none")
    // What this test process passes on to any child, such as `ls` itself with the folder it reads, is no leak of latchkey's.
    let direct = try self.shell("ls /proc/self/fd | tr '\\n' ' ' >$SAID")
    #expect(await direct.wait() == .exited(0))
    let inherited = Set((self.scratch.lines.first ?? "").split(separator: " "))
    #expect(Set(outcome.output[6].split(separator: " ")).subtracting(inherited).count <= 1)
    unlink(self.scratch.said)
    #expect(self.scratch.entries == [])
  }

  @Test("the deadline file moves on while the lock is held")
  func deadlineMoves() async throws {
    defer { self.scratch.remove() }
    let script = """
      first=$(cat "$LATCHKEY_DEADLINE_FILE")
      while [ "$(cat "$LATCHKEY_DEADLINE_FILE")" = "$first" ]; do sleep 0.05; done
      """
    let outcome = await (try self.start(try await SharedZooKeeper.url("moves"), script)).outcome()
    #expect(outcome.status == 0)
  }

  @Test(
    "its exit status is the command's, or what env(1) says",
    arguments: [
      ("/bin/sh -c 'exit 7'", Int32(7)), ("/bin/sh -c 'kill -KILL $$'", 137), ("/nonexistent", 127),
      ("no-such-command-anywhere", 127), ("/etc/passwd", 126), ("/", 126),
    ]
  )
  func status(command: String, status: Int32) async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("status\(status)-\(command.utf8.count)")
    let parts = command.split(separator: "'")
    let words = parts[0].split(separator: " ").map(String.init) + parts.dropFirst().map(String.init)
    let outcome = await (try Latchkey(["run"] + SharedZooKeeper.timing + [url, "--"] + words)).outcome()
    #expect(outcome.status == status)
    #expect(outcome.errors.count == (status == 126 || status == 127 ? 1 : 0))
  }

  @Test("the command reads latchkey's standard input")
  func input() async throws {
    defer { self.scratch.remove() }
    let command = try self.start(try await SharedZooKeeper.url("input"), "cat")
    Descriptors.write("hello\n", to: command.input)
    #expect(await command.outcome().output == ["hello"])
  }

  @Test(
    "only one command runs at a time; the wait ends with status 124 and says who holds the lock",
    arguments: ["--try", "--wait=150ms"]
  )
  func exclusion(option: String) async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("exclusion\(option)")
    let holder = try self.start(url, options: ["--label", "first"], "echo up >>$SAID; cat")
    #expect(try await self.hears("up"))
    let second = await (try self.start(url, options: [option], "echo second >>$SAID")).outcome()
    #expect(second.status == 124)
    #expect(second.errors.count == 1)
    // A single try asks only whether the lock is free; a wait knows whom it waits for.
    #expect(second.errorText.contains(option == "--try" ? "1 contender ahead" : "first"), "\(second.errorText)")
    // And it has waited for nothing, whereas a wait tells its length with the digits that mean something.
    let time = #/waited \d+\.\d{1,3} seconds/#
    #expect(second.errorText.contains("whole wait") == (option != "--try"))
    #expect(second.errorText.contains("waited") == (option != "--try"))
    #expect(second.errorText.contains(time) == (option != "--try"), "\(second.errorText)")
    #expect(await holder.outcome().status == 0)
    let third = await (try self.start(url, options: [option], "true")).outcome()
    #expect(third.status == 0)
    #expect(self.scratch.lines == ["up"])
  }

  @Test("a signal ends the wait and leaves nothing behind")
  func signalWhileWaiting() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("waiting")
    let holder = try self.start(url, "echo up >>$SAID; cat")
    #expect(try await self.hears("up"))
    let waiter = try self.start(url, "echo second >>$SAID")
    let waits = try await eventually(within: .seconds(30)) {
      let look = await (try Latchkey(["inspect", "--json", url] + SharedZooKeeper.timing)).outcome()
      return look.output.joined().contains(#""place":1"#)
    }
    #expect(waits)
    waiter.process.signal(SIGTERM)
    #expect(await waiter.outcome().status == 143)
    _ = await holder.outcome()
    #expect(await (try self.start(url, options: ["--try"], "true")).outcome().status == 0)
    #expect(self.scratch.lines == ["up"])
  }

  @Test(
    "a signal reaches the command, and the lock is free as soon as it has ended",
    arguments: [SIGTERM, SIGINT, SIGHUP]
  )
  func signalWhileRunning(number: Int32) async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("running\(number)")
    let holder = try self.start(
      url,
      "trap 'echo got >>$SAID; exit 3' \(number); echo up >>$SAID; while :; do sleep 0.02; done"
    )
    #expect(try await self.hears("up"))
    holder.process.signal(number)
    #expect(await holder.outcome().status == 3)
    #expect(self.scratch.lines == ["up", "got"])
    #expect(await (try self.start(url, options: ["--try"], "true")).outcome().status == 0)
    #expect(self.scratch.entries == ["said"])
  }

  @Test("the command is ended if latchkey is killed outright")
  func killed() async throws {
    defer { self.scratch.remove() }
    let holder = try self.start(
      try await SharedZooKeeper.url("killed"),
      options: ["--grace", "1s"],
      "trap '' TERM; trap 'echo told >>$SAID' USR1; echo $$ >>$SAID; while :; do sleep 0.1; done"
    )
    let command = try await self.scratch.guardedCommand(of: holder)
    holder.process.signal(SIGKILL)
    #expect(try await eventually { !isAlive(command) })
    #expect(await holder.outcome().status == 137)
    #expect(try await eventually { self.scratch.entries == ["said"] })
  }

  @Test("the command is ended with status 122 when latchkey wakes up after the deadline")
  func wokenTooLate() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("woken")
    let holder = try self.start(
      url,
      "trap 'echo term >>$SAID; exit 0' TERM; echo up >>$SAID; while :; do sleep 0.02; done"
    )
    #expect(try await self.hears("up"))
    holder.process.signal(SIGSTOP)
    // When somebody else gets the lock, the session of the stopped process is surely over.
    #expect(await (try self.start(url, "echo other >>$SAID")).outcome().status == 0)
    #expect(self.scratch.lines == ["up", "other"])
    holder.process.signal(SIGCONT)
    let outcome = await holder.outcome()
    #expect(outcome.status == 122)
    #expect(outcome.errorText.contains("was lost: "))
    #expect(self.scratch.lines == ["up", "other", "term"])
  }

  @Test("a command that ends while latchkey sleeps past the deadline did not end under the lock: status 122")
  func endedUnprotected() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("unprotected")
    let script = "echo up >>$SAID; while ! grep -q other $SAID; do sleep 0.02; done; echo ended >>$SAID"
    let holder = try self.start(url, script)
    #expect(try await self.hears("up"))
    holder.process.signal(SIGSTOP)
    #expect(await (try self.start(url, "echo other >>$SAID")).outcome().status == 0)
    #expect(try await self.hears("ended"))
    holder.process.signal(SIGCONT)
    let outcome = await holder.outcome()
    #expect(outcome.status == 122)
    #expect(outcome.errorText.contains("was lost: "))
  }

  @Test("the command's status is known although whoever started latchkey ignores the end of children")
  func childrenIgnored() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("ignored")
    let script = "trap '' CHLD; exec \"$1\" run \"$2\" -- /bin/sh -c 'exit 3'"
    let process = try ChildProcess.spawn(["/bin/sh", "-c", script, "sh", Latchkey.path, url])
    #expect(await process.wait() == .exited(3))
  }

  @Test("the longest grace there is is one")
  func longestGrace() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedZooKeeper.url("grace")
    #expect(await (try self.start(url, options: ["--grace", "9223372036.8s"], "exit 4")).outcome().status == 4)
  }

  @Test(
    "the command is ended with status 122 when the server ends the session, or falls silent",
    arguments: [true, false]
  )
  func lost(expires: Bool) async throws {
    defer { self.scratch.remove() }
    try await withZooKeeper { server in
      let holder = try self.start("zookeeper://\(server.connectString)/lost", "echo up >>$SAID; sleep 30")
      #expect(try await self.hears("up"))
      if expires {
        // The server sometimes hangs up on the one who takes a session over, so ask until it has happened.
        let hasEnded = try await eventually(every: .milliseconds(100)) {
          for session in try await server.connectedSessions() { try? await server.expireSession(session) }
          return !isAlive(holder.process.pid)
        }
        #expect(hasEnded)
      } else {
        try server.pause()
      }
      let outcome = await holder.outcome()
      #expect(outcome.status == 122)
      #expect(outcome.errorText.contains("was lost: "), "\(outcome.errorText)")
      if !expires { try server.resume() }
    }
  }

  @Test("servers that cannot be reached are status 125")
  func unreachable() async throws {
    defer { self.scratch.remove() }
    let outcome = await (try self.start("zookeeper://127.0.0.1:1/x?timeout=300ms", "echo up >>$SAID")).outcome()
    #expect(outcome.status == 125)
    #expect(outcome.errors.count == 1)
    #expect(outcome.errorText.contains("check the addresses"), "\(outcome.errorText)")
    #expect(self.scratch.lines == [])
  }
}
