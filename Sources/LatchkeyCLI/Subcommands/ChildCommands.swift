internal import ArgumentParser
internal import Latchkey
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// The order with which a child process begins its work, and those that follow; nil if the parent has gone.
private func order<Plan: ChildPlan>(_ type: Plan.Type) async throws -> (Plan, AsyncStream<String>)? {
  Console.shareLastLine()
  let orders = Descriptors.lines(of: Descriptors.input)
  guard let line = await orders.first(where: { _ in true }) else { return nil }
  let plan = try JSON.decode(type, from: line)
  RedisServer.trust(runIDs: plan.freshServers)
  return (plan, orders)
}

/// One process of `contend --processes`; see ``ContendMessage`` for what it hears and says.
struct ContendChildCommand: AsyncParsableCommand {
  static let name = "contend-child"

  static let configuration = CommandConfiguration(
    commandName: name,
    abstract: "One process of contend; started by contend itself.",
    shouldDisplay: false
  )

  func run() async throws {
    guard let (plan, orders) = try await order(ContendPlan.self) else { return }
    let (started, start) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingOldest(1))
    let work = Task { try await Contention(plan).run { await Self.waitForGo(started) } }
    let listener = Task {
      for await order in orders {
        guard order == ContendMessage.go else { break }
        start.yield(true)
      }
      // Told to stop, or the parent is dead.
      start.finish()
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

  private static func waitForGo(_ started: AsyncStream<Bool>) async -> Bool {
    do {
      try self.say(.ready)
    } catch {
      return false
    }
    for await mayStart in started { return mayStart }
    return false
  }

  private static func say(_ answer: ContendMessage.Answer) throws {
    try Console.output(try JSON.encode(answer))
  }
}

/// One client process of `verify`; see ``VerifyOrder`` for what it hears and ``ClientEvent`` for what it says.
struct VerifyChildCommand: AsyncParsableCommand {
  static let name = "verify-child"

  static let configuration = CommandConfiguration(
    commandName: name,
    abstract: "One client process of verify; started by verify itself.",
    shouldDisplay: false
  )

  func run() async throws {
    guard let (plan, orders) = try await order(VerifyPlan.self) else { return }
    let outlet = VerifyOutlet()
    let url = try LockURL(plan.url)
    let (started, start) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingOldest(1))
    let work = Task {
      try await Backends.backend(for: url).withLocks(at: url, tick: plan.tick) { locks in
        outlet.say(.ready)
        for await mayStart in started where mayStart { await Self.work(plan, locks.lock(url.name), outlet) }
      }
    }
    let listener = Task {
      for await order in orders {
        if order == VerifyOrder.stop { break }
        if order == VerifyOrder.go {
          start.yield(true)
          start.finish()
        } else if let (worker, accepted) = VerifyOrder.answer(order) {
          outlet.answer(worker: worker, accepted: accepted)
        } else if let (duration, isWatched) = VerifyOrder.lingering(order) {
          outlet.linger(duration, isWatched: isWatched)
        }
      }
      // Told to stop, or the parent is dead.
      start.finish()
      work.cancel()
      outlet.close()
    }
    defer { listener.cancel() }
    PulseWatch(outlet: outlet).start()
    do {
      try await work.value
    } catch is CancellationError {
      // Told to stop before it was connected.
    }
    outlet.say(.done)
  }

  private static func work(_ plan: VerifyPlan, _ lock: any DistributedLock, _ outlet: VerifyOutlet) async {
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<plan.workers {
        group.addTask {
          var worker = VerifyWorker(plan: plan, number: number, lock: lock, outlet: outlet)
          await worker.run()
        }
      }
    }
  }
}
