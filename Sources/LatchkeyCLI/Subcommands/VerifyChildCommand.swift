internal import ArgumentParser
internal import Latchkey
internal import LatchkeyTesting

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// One client process of `verify`; see ``VerifyOrder`` for what it hears and ``ClientEvent`` for what it says.
struct VerifyChildCommand: AsyncParsableCommand {
  static let name = "verify-child"

  static let configuration = CommandConfiguration(
    commandName: name,
    abstract: "One client process of verify; started by verify itself.",
    shouldDisplay: false
  )

  func run() async throws {
    Console.shareLastLine()
    var orders = Descriptors.lines(of: STDIN_FILENO).makeAsyncIterator()
    guard let line = await orders.next() else { return }
    let plan = try JSON.decode(VerifyPlan.self, from: line)
    RedisServer.trust(runIDs: plan.freshServers)
    let outlet = VerifyOutlet()
    let url = try LockURL(plan.url)
    let (started, start) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingOldest(1))
    let work = Task {
      try await Backends.backend(for: url).withLocks(at: url, tick: plan.tick) { locks in
        outlet.say(.ready)
        for await mayStart in started where mayStart { await Self.work(plan, locks.lock(url.name), outlet) }
      }
    }
    let listener = Task { [orders] in
      var orders = orders
      while let order = await orders.next(), order != VerifyOrder.stop {
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
