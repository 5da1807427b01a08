internal import ArgumentParser
internal import LatchkeyProcesses
internal import Logging

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// `latchkey`.
@main
struct LatchkeyCommand: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "latchkey",
    abstract: "Distributed locks from the command line.",
    discussion: """
      A lock is named by a URL:
        local:orders                              in this process
        channel:orders                            the same, a channel try-lock
        zookeeper://zk1:2181,zk2:2181/app/orders  the directory /app/orders
        redis://r1:6379/orders                    the key "orders"
        redlock://r1,r2,r3/orders                 the key on a majority of servers
        etcd://e1:2379,e2:2379/orders             what "etcdctl lock orders" locks
      With TLS: rediss://, redlocks:// and etcds://; --ca-file names an authority
      of your own.
      A user and a password may stand before the hosts, as in user:secret@zk1;
      better in LATCHKEY_PASSWORD or --password-file. Options follow a "?":
      chroot=/path, ttl=10s (session timeout), timeout=5s (to connect), label=me.

      EXAMPLES
        See a lock keep eight workers apart, without any server:
          latchkey contend
        See what happens without it:
          latchkey contend --no-lock
        Run a command on one machine at a time:
          latchkey run zookeeper://zk1:2181/reports -- ./nightly-report
        Measure some backends side by side, with pictures:
          latchkey bench --serve zookeeper --report bench.html
        Inject faults into throw-away servers, and check that the lock held:
          latchkey verify --serve zookeeper:3
        Start throw-away servers to try things on:
          latchkey serve zookeeper:3
        See who holds a lock, and free one that is stuck:
          latchkey inspect zookeeper://zk1:2181/reports
          latchkey break zookeeper://zk1:2181/reports
        Look for what makes locks unsafe on your servers:
          latchkey check redis://r1:6379
        Find the backend that fits:
          latchkey choose --across-processes --fencing
        Complete its words with the tab key:
          source <(latchkey completions bash)

      \(CommonHelp.exitStatus)

      \(CommonHelp.environment)

      \(CommonHelp.files)
      """,
    version: version,
    subcommands: [
      ContendCommand.self, BenchCommand.self, RunCommand.self, VerifyCommand.self, ServeCommand.self,
      ChooseCommand.self, InspectCommand.self, BreakCommand.self, CheckCommand.self,
      CompletionsCommand.self,
      ContendChildCommand.self, VerifyChildCommand.self,
    ]
  )

  static func main() async {
    InheritedDescriptors.note()
    // A reader that has gone, as in `latchkey … | head -1`, is an error of the write, not the end of the process: servers and
    // folders are to be removed first.
    // Where it is ignored, as a program may have left it that started us, nobody learns how a child has ended.
    _ = signal(SIGCHLD, SIG_DFL)
    _ = signal(SIGPIPE, SIG_IGN)
    LoggingSystem.bootstrap { _ in CommandLog(sink: .console) }
    do {
      let command = try self.parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        var command = command
        try command.run()
      }
    } catch {
      self.end(with: error)
    }
  }

  /// Prints what an error has to say, in one line, and ends the process with its status.
  private static func end(with error: any Error) -> Never {
    switch error {
    case let failure as CommandFailure: self.end(failure)
    case _ where self.unknownCommand != nil:
      let known = self.shownCommands.joined(separator: ", ")
      self.end(
        CommandFailure(
          .usage,
          "there is no command \"\(self.unknownCommand ?? "")\"; write one of: \(known); see `\(self.helpCall)`"
        )
      )
    case let error where self.exitCode(for: error) == .success:
      // Help and version.
      Descriptors.write(self.fullMessage(for: error) + "\n", to: STDOUT_FILENO)
      endProcess(with: 0)
    case let error where self.exitCode(for: error) == .validationFailure:
      let message = self.message(for: error).split(separator: "\n").joined(separator: " ")
      self.end(
        CommandFailure(.usage, "\(message.last == "." ? message.dropLast() : message[...]); see `\(self.helpCall)`")
      )
    default: self.end(CommandFailure(error))
    }
  }

  private static func end(_ failure: CommandFailure) -> Never {
    if let message = failure.message { Console.note(message) }
    if let signal = failure.signal { endProcess(by: signal) }
    endProcess(with: failure.code)
  }

  /// The call that explains the subcommand that was meant.
  private static var helpCall: String {
    guard let name = CommandLine.arguments.dropFirst().first, self.shownCommands.contains(name) else {
      return "latchkey --help"
    }
    return "latchkey \(name) --help"
  }

  /// The commands that people may use.
  private static var shownCommands: [String] {
    self.configuration.subcommands.filter { $0.configuration.shouldDisplay }
      .compactMap { $0.configuration.commandName }
  }

  /// What stands in the place of a command and is none.
  private static var unknownCommand: String? {
    guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), word != "help" else { return nil }
    return self.configuration.subcommands.contains { $0.configuration.commandName == word } ? nil : word
  }
}
