import ArgumentParser
import LatchkeyProcesses
import Testing

@testable import LatchkeyCLI

@Suite("Wrong usage", .timeLimit(.minutes(2)))
struct UsageServerTests {
  @Test(
    "is answered in one line that says what to do, with status 64",
    arguments: [
      (["contend", "zk://h/x"], "write for example zookeeper://"),
      (["contend", "--processes", "2"], "use the URL of a server"),
      (["contend", "channel:x", "--processes", "2"], "use the URL of a server"),
      (["contend", "--wait", "3"], "has no unit; write a duration such as 500ms"),
      (["contend", "--wait", "soon"], "is not a duration; write a duration such as 500ms"),
      (["contend", "--workers", "0"], "must be from 1"),
      (["contend", "--count", "-1"], "must be from 1"), (["contend", "--hold", "-1s"], "write a duration such as"),
      (["contend", "--label", ""], "--label is empty"), (["contend", "--serve", "etcd:2"], "etcd, etcd:3 or etcd:5"),
      (["contend", "--try", "--wait", "1s"], "leave out --wait"),
      (["contend", "--no-lock", "--try"], "leave out --try"),
      (["contend", "--nonsense"], "see `latchkey contend --help`"),
      (["contend", "local:x", "--serve", "zookeeper"], "leave out either"),
      (["contend", "--serve", "mysql"], "no such servers"),
      (["contend", "--serve", "zookeeper:0"], "write a number of servers"),
      (["contend", "--session-timeout", "0s"], "must be above zero"),
      (["contend", "--password-file", "/nonexistent"], "check its path"),
      (["contend", "rediss://h/x", "--ca-file", "/nonexistent"], "--ca-file: cannot read /nonexistent"),
      (["contend", "etcds://h/x?ca=/nonexistent"], "--ca-file: cannot read /nonexistent"),
      (["contend", "rediss://h/x", "--ca-file", "/etc/passwd"], "name a PEM file"),
      (["contend", "etcds://h/x", "--ca-file", "/etc/passwd"], "name a PEM file"),
      (["contend", "rediss://h/x", "--cert-file", "/etc/passwd"], "give both"),
      (["contend", "redis://h/x", "--ca-file", "/etc/passwd"], "write rediss://"),
      (["run", "zookeeper://h/x", "--ca-file", "/etc/passwd", "--", "true"], "has no TLS"),
      (["contend", "redis://h/x", "--server-name", "name"], "write rediss://"),
      (["contend", "redlocks://a,b,c/x", "--server-name", "a,b"], "one name for all servers, or 3"),
      (["contend", "rediss://h/x", "--server-name", "10.0.0.1"], "and no address"),
      (["contend", "redis://h:65536/x"], "no port, a number from 1 to 65535"),
      (["contend", "--color", "blue"], "see `latchkey contend --help`"),
      (["run", "redis://h/x", "--"], "write -- between"), (["run", "redis://h/x", "echo"], "write -- between"),
      (["completions", "tcsh"], "see `latchkey completions --help`"),
      (["run", "local:x", "--", "true"], "would not protect"),
      (["run", "channel:x", "--", "true"], "would not protect"),
      (["run", "zookeeper://h/x"], "write -- between"), (["run"], "see `latchkey run --help`"),
      (["run", "zookeeper://h", "--", "true"], "write for example zookeeper://"),
      (["bench", "zk://h/x"], "write for example zookeeper://"),
      (["bench", "--serve", "mysql"], "no such servers"), (["bench", "--serve", "zookeeper:0"], "write a number"),
      (["bench", "--no-local"], "add --serve"), (["bench", "--repetitions", "0"], "must be from 1"),
      (["bench", "--duration", "1ms"], "must be from 10ms"),
      (["bench", "--quick", "--duration", "1s"], "leave out either"),
      (["bench", "--workload", "nonsense"], "see `latchkey bench --help`"),
      (["bench", "--report", "/nonexistent/x.html"], "name a file in a folder of yours"),
      (["bench", "--report", ""], "name a file in a folder of yours"), (["bench", "--report", "/tmp"], "is a folder"),
      (["verify", "--serve", "redis", "--history", ""], "name a file in a folder of yours"),
      (["verify", "--serve", "redis", "--faults", ""], "write some of kill,pause"),
      (["verify", "--serve", "redis", "--faults", "kill,"], "write some of kill,pause"),
      (["verify", "--serve", "redis", "--seed", "-1"], "see `latchkey verify --help`"),
      (["serve"], "see `latchkey serve --help`"), (["serve", "mysql"], "no such servers"),
      (["choose", "--have", "mysql"], "write one of: zookeeper"),
      (["choose", "--nonsense"], "see `latchkey choose --help`"),
      (["inspect", "local:x"], "use the URL of a server"), (["break", "channel:x"], "use the URL of a server"),
      (["check", "local:x"], "use the URL of a server"), (["inspect", "zk://h/x"], "write for example zookeeper://"),
      (["inspect", "redis://h/x", "--interval", "1s"], "add --watch"),
      (["inspect", "redis://h/x", "--watch", "--interval", "1ms"], "at least 10ms"),
      (["break", "redis://h/x"], "add --yes"), (["check", "redis://"], "the host is missing"),
      (["nonsense"], "see `latchkey --help`"), (["nonsense", "--help"], "write one of: contend, bench, run"),
    ]
  )
  func usage(arguments: [String], remedy: String) async throws {
    let outcome = await (try Latchkey(arguments)).outcome()
    #expect(outcome.status == 64)
    #expect(outcome.output == [])
    #expect(outcome.errors.count == 1)
    #expect(outcome.errorText.hasPrefix("latchkey: "))
    #expect(outcome.errorText.contains(remedy), "\(outcome.errorText)")
  }

  @Test(
    "help and version go to standard output",
    arguments: [
      ["--help"], ["contend", "--help"], ["run", "-h"], ["bench", "--help"], ["serve", "--help"], ["choose", "--help"],
      ["inspect", "--help"], ["break", "--help"], ["check", "--help"],
      ["completions", "--help"],
      ["--version"],
    ]
  )
  func help(arguments: [String]) async throws {
    let outcome = await (try Latchkey(arguments)).outcome()
    #expect(outcome.status == 0)
    #expect(!outcome.output.isEmpty && outcome.errors.isEmpty)
    #expect(!outcome.output.contains { $0.contains("contend-child") })
  }

  @Test("that only the backend can see is answered like any other, without a result", arguments: ["1", "2"])
  func seenByBackend(processes: String) async throws {
    // The servers' tick is said to be 2 s, of which four make 8 s.
    let url = try await SharedZooKeeper.url("misuse\(processes)")
    for more in [[], ["--json"]] {
      let arguments = ["contend", url, "--session-timeout", "1s", "--count", "10", "--processes", processes, "--quiet"]
      let outcome = await (try Latchkey(arguments + more)).outcome()
      #expect(outcome.status == 64)
      #expect(outcome.output == [])
      #expect(outcome.errors.count == 1)
      #expect(outcome.errorText.contains("four ticks"), "\(outcome.errorText)")
    }
    let command = try await Latchkey.call("run", "--session-timeout", "1s", url, "--", "true")
    #expect(command.status == 64)
    #expect(command.errorText.contains("four ticks"), "\(command.errorText)")
  }

  @Test("a machine that refuses a temporary folder is no failed check")
  func noFolder() async throws {
    let settings = ["TMPDIR": "/nonexistent"]
    let outcome = try await Latchkey.call(
      "contend",
      "--no-lock",
      "--count",
      "2",
      "--processes",
      "2",
      settings: settings
    )
    #expect(outcome.status == 69)
    #expect(outcome.output == [])
    #expect(outcome.errorText.contains("/nonexistent"), "\(outcome.errorText)")
  }

  @Test("a password file holds one line that is not empty", arguments: ["", "\n", "one\ntwo\n", "one\n\n"])
  func passwordFile(text: String) async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let file = folder.file("password")
    try ReportFile.write(text, to: file)
    let outcome = try await Latchkey.call("inspect", "redis://127.0.0.1:1/x", "--password-file", file)
    #expect(outcome.status == 64)
    #expect(outcome.errorText.contains(text.count > 2 ? "more than one line" : "is empty"), "\(outcome.errorText)")
    #expect(!outcome.errorText.contains("two"))
  }

  @Test("no line of a help that stands as it is, is too long for 80 columns")
  func width() {
    let commands: [any ParsableCommand.Type] = [LatchkeyCommand.self] + LatchkeyCommand.configuration.subcommands
    for command in commands.map({ $0.configuration }) {
      for line in command.discussion.split(separator: "\n") where line.first == " " {
        #expect(line.count < 80, "\(command.commandName ?? ""): \(line)")
      }
    }
  }

  @Test("a password is not shown in any error")
  func secrets() async throws {
    for url in ["redis://u:hunter2@h:x/a", "redis://u:hunter2@h/a", "zookeeper://u:hunter2@h/a?x=1"] {
      let outcome = try await Latchkey.call("contend", url, settings: ["LATCHKEY_PASSWORD": "hunter2"])
      #expect(outcome.status != 0)
      #expect(!outcome.errorText.contains("hunter2"))
    }
  }

  @Test("a configuration that no lock can be had with is wrong usage, though only the servers know it")
  func configuration() async throws {
    let url = try await SharedZooKeeper.url("usage/configuration")
    let twice = url.replacing("zookeeper://", with: "zookeeper://127.0.0.1:1,")
    for (url, words) in [("\(url)?chroot=/nowhere", "the chroot \"/nowhere\" does not exist"), (twice, "stand-alone")] {
      for command in [["run", "--try", url, "--", "true"], ["inspect", url]] {
        let outcome = await (try Latchkey(command)).outcome()
        #expect(outcome.status == 64, "\(command[0]): \(outcome.errorText)")
        #expect(outcome.errors.count == 1 && outcome.errorText.contains(words), "\(outcome.errorText)")
      }
    }
  }
}
