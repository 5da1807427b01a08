internal import ArgumentParser
internal import Latchkey
internal import LatchkeyTesting

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// One process of `contend --processes`; see ``ContendMessage`` for what it hears and says.
struct ContendChildCommand: AsyncParsableCommand {
  static let name = "contend-child"

  static let configuration = CommandConfiguration(
    commandName: name,
    abstract: "One process of contend; started by contend itself.",
    shouldDisplay: false
  )

  func run() async throws {
    Console.shareLastLine()
    var orders = Descriptors.lines(of: STDIN_FILENO).makeAsyncIterator()
    guard let line = await orders.next() else { return }
    let plan = try JSON.decode(ContendPlan.self, from: line)
    RedisServer.trust(runIDs: plan.freshServers)
    let start = StartOrder()
    let work = Task { try await Contention(plan).run { await Self.waitForGo(start) } }
    let listener = Task { [orders] in
      var orders = orders
      while let order = await orders.next(), order == ContendMessage.go { start.give(true) }
      // Told to stop, or the parent is dead.
      start.give(false)
      work.cancel()
    }
    defer { listener.cancel() }
    do {
      try Self.say(.tally(try await work.value))
    } catch {
      let failure = CommandFailure(error)
      try Self.say(.failed(message: failure.message ?? "\(error)", code: failure.code))
    }
  }

  private static func waitForGo(_ start: StartOrder) async -> Bool {
    do {
      try self.say(.ready)
    } catch {
      return false
    }
    return await start.wait()
  }

  private static func say(_ answer: ContendMessage.Answer) throws {
    try Console.output(try JSON.encode(answer))
  }
}

/// The order to start, given once.
private final class StartOrder: Sendable {
  private let stream: AsyncStream<Bool>
  private let continuation: AsyncStream<Bool>.Continuation

  init() {
    (self.stream, self.continuation) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingOldest(1))
  }

  func give(_ mayStart: Bool) {
    self.continuation.yield(mayStart)
    self.continuation.finish()
  }

  func wait() async -> Bool {
    for await mayStart in self.stream { return mayStart }
    return false
  }
}
