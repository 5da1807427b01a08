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

@Suite("A command that a signal ends", .timeLimit(.minutes(2)))
struct EndBySignalServerTests {
  private let scratch: Scratch

  init() throws {
    self.scratch = try Scratch()
  }

  @Test("ends of that signal, so that Ctrl-C also ends the shell's loop around it")
  func loop() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedRedis.url("signals/loop")
    let loop =
      "for i in 1 2 3; do \"$0\" run \"$1\" -- sh -c 'echo up >>\"$SAID\"; exec sleep 30'; echo next >>\"$SAID\"; done"
    let bash = try ChildProcess.spawn(
      ["bash", "-c", loop, Latchkey.path, url],
      settings: self.scratch.settings,
      group: .own
    )
    #expect(try await eventually { self.scratch.lines.contains("up") })
    // As a terminal does: to the shell and to what it waits for.
    bash.signal(SIGINT, group: true)
    let ended = try await eventually { !isAlive(bash.pid) || self.scratch.lines.count > 1 }
    #expect(ended)
    #expect(self.scratch.lines == ["up"])
    bash.signal(SIGKILL, group: true)
    #expect(await bash.wait() == .killed(by: SIGINT))
  }

  @Test(
    "ends of it in every subcommand, when everything is cleaned up",
    arguments: [
      ["serve", "redis", "--json"], ["inspect", "--watch", "--json", "URL"], ["contend", "--hold", "1h", "URL"],
      ["run", "URL", "--", "sleep", "1000"], ["bench", "--no-local", "--duration", "1h", "URL"],
    ]
  )
  func subcommands(arguments: [String]) async throws {
    let url = try await SharedRedis.url("signals/\(arguments[0])")
    let scratch = self.scratch
    defer { scratch.remove() }
    let command = try Latchkey(arguments.map { $0 == "URL" ? url : $0 }, settings: scratch.settings)
    // When it has begun: what it holds, serves or shows.
    let server = try await SharedRedis.server
    let works = try await eventually {
      switch arguments[0] {
      case "serve": !scratch.entries.isEmpty
      case "inspect": true
      case "bench": try await !server.command("KEYS", "signals/bench*").isEmpty
      default: try await server.command("GET", "signals/\(arguments[0])") != [nil]
      }
    }
    #expect(works)
    if arguments[0] == "inspect" {
      var lines = command.outputLines.makeAsyncIterator()
      _ = await lines.next()
    }
    command.process.signal(SIGINT)
    let outcome = await command.outcome()
    #expect(outcome.end == .killed(by: SIGINT), "\(outcome.errorText)")
    #expect(scratch.entries == [])
  }

  @Test("of the one that ended the command under the lock", arguments: [SIGTERM, SIGKILL, SIGSEGV])
  func ofTheCommand(number: Int32) async throws {
    defer { self.scratch.remove() }
    let url = try await SharedRedis.url("signals/command\(number)")
    let outcome = try await Latchkey.call("run", url, "--", "sh", "-c", "kill -\(number) $$")
    #expect(outcome.end == .killed(by: number))
    #expect(try await SharedRedis.server.command("GET", "signals/command\(number)") == [nil])
  }

  @Test("but a status above 128 of the command stays a status")
  func status() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedRedis.url("signals/status")
    #expect(try await Latchkey.call("run", url, "--", "sh", "-c", "exit 130").end == .exited(130))
  }

  @Test("ends of it although latchkey itself is the one who waits")
  func waiting() async throws {
    defer { self.scratch.remove() }
    let url = try await SharedRedis.url("signals/waiting")
    let server = try await SharedRedis.server
    try await server.command("SET", "signals/waiting", "another", "PX", "600000")
    let waiter = try Latchkey(["run", url, "--", "true"])
    // It has asked when it listens for the release.
    #expect(try await eventually { try await server.command("PUBSUB", "CHANNELS", "*signals/waiting*") != [] })
    waiter.process.signal(SIGTERM)
    #expect(await waiter.outcome().end == .killed(by: SIGTERM))
  }
}
