internal import ArgumentParser
internal import Latchkey
internal import LatchkeyProcesses

/// `latchkey break`: frees a lock whose holder is stuck.
struct BreakCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "break",
    abstract: "Free a lock that is stuck, after showing who holds it.",
    discussion: """
      Shows who holds the lock, asks, and then removes exactly the holder that was shown: if the lock has changed hands \
      meanwhile, nothing is touched. The next waiter then gets the lock.

      The holder that is removed is not stopped. A program that uses Latchkey notices the loss: at once at ZooKeeper and etcd, \
      where it watches its own node or key; at its next extension at Redis, within a third of the TTL, or at its release. \
      "latchkey run" then ends its command. Until then, and for ever with another library, it may go on as if it held the lock: \
      only a resource that checks fencing tokens refuses what it writes. So make sure first that it is really dead.

      A key that no lock would leave there (without a lease at etcd; without a time to live and with a value of no known form \
      at Redis) may be data, and is removed with --force alone.

      EXAMPLES
        See who it is, and decide:
          latchkey break zookeeper://zk1:2181,zk2:2181/app/orders
        From a script, which has made sure of it:
          latchkey break --yes redis://r1/orders

      EXIT STATUS
        0      the lock was freed, or nobody held it
        1      you have said no; or what was shown does not look like a lock, and
               there is no --force
        64     wrong usage, or there is no terminal to ask on and no --yes
        69     the servers cannot be reached, or refuse this user
        75     the lock has changed hands since it was shown: nothing was done
        128+n  ended by signal n
      """
  )

  @Argument(help: "The lock, such as zookeeper://zk1:2181,zk2:2181/app/orders.")
  var url: String

  @Flag(name: .shortAndLong, help: "Do not ask.")
  var yes = false

  @Flag(help: "Remove the key even if it does not look like a lock's.")
  var force = false

  @Flag(
    help:
      "Print a JSON object: outcome (freed, free, declined, changed, doubtful) and lock, as \"inspect --json\" shows it."
  )
  var json = false

  @OptionGroup(title: "Connection")
  var connection: ConnectionOptions

  enum Outcome: String, Encodable, Sendable {
    case freed, free, declined, changed, doubtful
  }

  private struct Result: Encodable, Sendable {
    let outcome: Outcome
    let lock: LockObject
  }

  func run() async throws {
    let url = try self.connection.apply(to: LockURL(self.url))
    let backend = try Backends.lookable(for: url)
    if let problem = Self.reserved(url) { throw CommandFailure(.usage, problem) }
    guard self.yes || Console.inputIsTerminal else {
      throw CommandFailure(
        .usage,
        "there is no terminal to ask on; look with `latchkey inspect`, then add --yes to break the lock without a question"
      )
    }
    let interruption = try Interruption()
    let outcome = try await interruption.run {
      try await backend.withInspector(at: url) { inspector in try await self.breakLock(inspector, url.name) }
    }
    switch outcome {
    case .freed, .free: return
    case .declined: throw CommandFailure(.failed, self.json ? nil : "nothing was done")
    case .changed:
      throw CommandFailure(
        .busy,
        "the lock has changed hands since it was shown, so nothing was done; look again with `latchkey inspect`"
      )
    case .doubtful:
      throw CommandFailure(
        .failed,
        "nothing was removed: this may not be a lock; to remove it all the same, add --force"
      )
    }
  }

  /// Why a name cannot be a lock's: at Redis it may be the key in which a lock counts its tokens.
  private static func reserved(_ url: LockURL) -> String? {
    let suffix = ":latchkey"
    let kinds = [LockURL.Scheme.redis.backendKind, LockURL.Scheme.redlock.backendKind]
    guard kinds.contains(url.scheme.backendKind),
      url.name.rawValue.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    else { return nil }
    return "keys that end with \"\(suffix)\" count the tokens of locks, which must never go back; name the lock itself"
  }

  private func breakLock(_ inspector: any LockInspector, _ name: LockName) async throws -> Outcome {
    let report = try await inspector.inspect(name)
    // What people decide by is no result where the result is for a machine.
    let table = LockTable(report: report).lines.joined(separator: "\n")
    if self.json { Console.show(table) } else { try Console.output(table) }
    let outcome = try await self.outcome(report, inspector)
    switch outcome {
    case .freed: try self.tell("freed: \(report.holder?.description ?? "the holder") does not hold the lock any more")
    case .free: try self.tell("nobody holds the lock: there is nothing to break")
    case .declined, .changed, .doubtful: break
    }
    if self.json { try Console.output(try JSON.encode(Result(outcome: outcome, lock: LockObject(report)))) }
    return outcome
  }

  private func outcome(_ report: LockReport, _ inspector: any LockInspector) async throws -> Outcome {
    guard let holder = report.holder else { return .free }
    guard self.force || holder.caveat == nil else { return .doubtful }
    if !self.yes {
      Console.ask("take the lock from \(holder)? It is not stopped by that. [y/N]")
      var answers = Descriptors.lines(of: Descriptors.input).makeAsyncIterator()
      let answer = await answers.next()?.lowercased()
      try Task.checkCancellation()
      guard answer == "y" || answer == "yes" else { return .declined }
    }
    return try await inspector.remove(holder, from: report.name) ? .freed : .changed
  }

  private func tell(_ text: String) throws {
    if !self.json { try Console.output(text) }
  }
}
