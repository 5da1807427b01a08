import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("latchkey inspect and break", .timeLimit(.minutes(3)))
struct InspectServerTests {
  /// Holds a lock on the shared ZooKeeper server until its input ends, and waits until it does.
  private func hold(_ url: String, label: String) async throws -> Latchkey {
    let holder = try Latchkey(
      ["run"] + SharedZooKeeper.timing + ["--label", label, url, "--", "sh", "-c", "echo held; cat"]
    )
    var lines = holder.outputLines.makeAsyncIterator()
    let said = await lines.next()
    try #require(said == "held")
    return holder
  }

  @Test("a lock that nobody has ever used is free, with status 0")
  func free() async throws {
    let outcome = try await Latchkey.call("inspect", try await SharedZooKeeper.url("inspect/unused"))
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(outcome.output.count == 1 && outcome.output[0].hasSuffix(": free"))
  }

  @Test("servers that are not there are one line and status 69", arguments: ["inspect", "break", "check"])
  func unreachable(command: String) async throws {
    for scheme in ["zookeeper", "redis", "redlock", "etcd"] {
      let hosts = scheme == "redlock" ? "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3" : "127.0.0.1:1"
      let arguments = [command, "\(scheme)://\(hosts)/x?timeout=300ms"] + (command == "break" ? ["--yes"] : [])
      let outcome = await (try Latchkey(arguments)).outcome()
      #expect(outcome.status == 69 && outcome.output.isEmpty)
      #expect(outcome.errors.count == 1 && outcome.errorText.contains("check"), "\(outcome.errorText)")
    }
  }

  @Test("is watched until Ctrl-C, one object a line, from one holder to none")
  func watch() async throws {
    let url = try await SharedZooKeeper.url("inspect/watched")
    let holder = try await self.hold(url, label: "seen")
    let watcher = try Latchkey(["inspect", "--watch", "--interval", "50ms", "--json", url])
    var objects: [String] = []
    for await line in watcher.outputLines {
      objects.append(line)
      if objects.count == 2 { close(holder.input) }
      if line.contains(#""isHeld":false"#) { break }
    }
    #expect(objects.count > 2)
    #expect(objects[0].contains(#""label":"seen""#) && objects[0].contains(#""isHeld":true"#))
    kill(watcher.process.pid, SIGINT)
    #expect(await watcher.process.wait().status == 130)
    #expect(await holder.process.wait().status == 0)
  }

  @Test("breaks nothing where nobody holds the lock, with status 0")
  func nothing() async throws {
    let url = try await SharedZooKeeper.url("break/unused")
    let outcome = try await Latchkey.call("break", "--yes", url)
    #expect(outcome.status == 0 && outcome.output.last?.contains("nothing to break") == true)
    let object = try await Latchkey.call("break", "--yes", "--json", url)
    #expect(object.status == 0 && object.output.count == 1)
    #expect(object.output[0].contains(#""outcome":"free""#))
  }

  @Test("frees the lock from the holder that it shows: the holder is told, and who waits goes on")
  func frees() async throws {
    let url = try await SharedZooKeeper.url("break/stuck")
    let holder = try await self.hold(url, label: "stuck")
    let waiter = try Latchkey(["run"] + SharedZooKeeper.timing + [url, "--", "true"])
    #expect(
      try await eventually(within: .seconds(20), every: .milliseconds(50)) {
        try await Latchkey.call("inspect", url).output[0].hasSuffix("1 waits")
      }
    )
    // Nobody can be asked: that is wrong usage, and nothing happens.
    #expect(try await Latchkey.call("break", url).status == 64)
    let outcome = try await Latchkey.call("break", "--yes", url)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(outcome.output.contains { $0.hasPrefix("holder") && $0.contains("stuck") })
    #expect(outcome.output.last?.hasPrefix("freed: ") == true)
    #expect(await waiter.outcome().status == 0)
    #expect(await holder.process.wait().status == RunStatus.lockLost)
    close(holder.input)
  }

  @Test("asks on a terminal, and does nothing on a no", arguments: ["n\n", "\n", "\u{4}"])
  func asks(answer: String) async throws {
    let url = try await SharedZooKeeper.url("break/asked")
    let holder = try await self.hold(url, label: "alive")
    let outcome = try await self.breakOnTerminal(url) { Descriptors.write(answer, to: $0) }
    #expect(outcome.status == 1)
    let text = outcome.output.joined()
    #expect(text.contains("take the lock from") && text.contains("alive") && text.contains("nothing was done"))
    close(holder.input)
    #expect(await holder.process.wait().status == 0)
  }

  @Test("frees it on a yes")
  func confirmed() async throws {
    let url = try await SharedZooKeeper.url("break/confirmed")
    let holder = try await self.hold(url, label: "stuck")
    let outcome = try await self.breakOnTerminal(url) { Descriptors.write("y\n", to: $0) }
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(await holder.process.wait().status == RunStatus.lockLost)
    close(holder.input)
  }

  @Test("does nothing if the lock has changed hands while it asked, with status 75")
  func changed() async throws {
    let url = try await SharedZooKeeper.url("break/changing")
    let first = try await self.hold(url, label: "first")
    var next: Latchkey?
    let outcome = try await self.breakOnTerminal(url) { keyboard in
      close(first.input)
      _ = await first.process.wait()
      next = try await self.hold(url, label: "next")
      Descriptors.write("y\n", to: keyboard)
    }
    #expect(outcome.status == 75, "\(outcome.output)")
    #expect(outcome.output.joined().contains("changed hands"))
    let survivor = try #require(next)
    close(survivor.input)
    #expect(await survivor.process.wait().status == 0)
  }

  /// Starts `break` on a terminal, and calls the body with its keyboard when it has shown the holder.
  private func breakOnTerminal(_ url: String, _ body: (Int32) async throws -> Void) async throws -> Latchkey.Outcome {
    let command = try Latchkey(["break", url], onTerminal: true)
    // The question that follows ends without a line break.
    var seen = false
    for await line in command.outputLines where line.hasPrefix("holder") {
      seen = true
      break
    }
    #expect(seen)
    try await body(command.input)
    return await command.outcome()
  }
}
