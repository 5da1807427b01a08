internal import ArgumentParser
internal import Latchkey
internal import LatchkeyProcesses

/// `latchkey inspect`: who holds a lock, and who waits for it.
struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show who holds a lock and who waits for it.",
    discussion: """
      Only reads. It sees everybody who keeps to the layout of the backend: this command and the library, Curator, kazoo and \
      go-zookeeper at ZooKeeper, redis-py and redsync at Redis, "etcdctl lock" and Go programs at etcd. Redis keeps no queue, so \
      there is only a holder, and how many listen for its release; of Redlock it shows what each server answers.

      Host, process and label are what the contender has left; ages are as good as the clocks of servers and this machine agree; \
      what is "left" is how long the server waits for another sign of life.

      EXAMPLES
        Who holds it?
          latchkey inspect zookeeper://zk1:2181,zk2:2181/app/orders
        Follow it, on a terminal in place, until Ctrl-C:
          latchkey inspect --watch etcd://e1:2379/orders
        The holder's host, for a script:
          latchkey inspect --json redis://r1/orders | jq -r .holder.host

      EXIT STATUS
        0      the lock is held, or free, or nobody has ever used it
        64     wrong usage
        69     the servers cannot be reached, or refuse this user
        128+n  ended by signal n, as --watch is: 130 after Ctrl-C
      """
  )

  @Argument(help: "The lock, such as zookeeper://zk1:2181,zk2:2181/app/orders.")
  var url: String

  @Flag(name: .shortAndLong, help: "Look again and again, until Ctrl-C.")
  var watch = false

  @Option(
    help: ArgumentHelp("With --watch: the time between two looks (default: 1s).", valueName: "duration"),
    transform: durationOption
  )
  var interval: Duration?

  @Flag(help: "Print a JSON object; with --watch, one on each line.")
  var json = false

  @OptionGroup(title: "Connection")
  var connection: ConnectionOptions

  /// How many of those that wait are shown where the table must not outgrow the terminal.
  private static let rowsInPlace = 15

  func validate() throws {
    guard let interval else { return }
    guard self.watch else { throw ValidationError("--interval is the time between two looks: add --watch") }
    guard interval >= .milliseconds(10) else { throw ValidationError("--interval must be at least 10ms") }
  }

  func run() async throws {
    let url = try self.connection.apply(to: LockURL(self.url))
    let backend = try Backends.lookable(for: url)
    let interruption = try Interruption()
    try await interruption.run {
      try await backend.withInspector(at: url) { inspector in try await self.show(inspector, url.name) }
    }
  }

  private func show(_ inspector: any LockInspector, _ name: LockName) async throws {
    guard self.watch else { return try self.print(try await inspector.inspect(name)) }
    var view = WatchView(style: !self.json && Console.outputIsTerminal ? TextStyle.of(Descriptors.output, .auto) : nil)
    // Servers that were never there end it; later outages are shown and ridden out.
    try self.draw(try await inspector.inspect(name), &view)
    while true {
      try await Task.sleep(for: self.interval ?? .seconds(1))
      let report: LockReport
      do throws(LockError) {
        report = try await inspector.inspect(name)
      } catch {
        guard error.code == .unreachable else { throw error }
        _ = try Self.emit(view.outage(error.description, at: .now))
        continue
      }
      try self.draw(report, &view)
    }
  }

  private func draw(_ report: LockReport, _ view: inout WatchView) throws {
    if try Self.emit(view.table(LockTable(report: report, limit: Self.rowsInPlace).lines)) { return }
    try self.print(report)
    // An empty line between blocks of text.
    if !self.json { try Console.output("") }
  }

  /// - Returns: Whether something was drawn in place.
  private static func emit(_ output: WatchView.Output?) throws -> Bool {
    if case .note(let sentence) = output { Console.note(sentence) }
    guard case .frame(let frame) = output else { return false }
    try Console.outputRaw(frame)
    return true
  }

  private func print(_ report: LockReport) throws {
    try Console.output(
      self.json ? try JSON.encode(LockObject(report)) : LockTable(report: report).lines.joined(separator: "\n")
    )
  }
}
