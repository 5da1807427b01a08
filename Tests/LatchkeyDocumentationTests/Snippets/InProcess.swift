import Latchkey

// The code of the article *Locks within a process*.

enum InProcess {
  static func mutex() async throws -> Int {
    // snippet: in-process mutex
    let mutex = LocalMutex("totals")
    let total = try await mutex.withLock(within: .seconds(1)) { _ in
      // Tasks come here one at a time, in the order in which they asked, also while this one is suspended.
      try await Totals.shared.recount()
    }
    // end
    return total
  }

  static func channel() async throws -> Bool {
    // snippet: in-process channel
    let refresh = ChannelTryLock("refresh")
    let done: Void? = try await refresh.withLockIfAvailable { _ in try await Totals.shared.refresh() }
    // end
    return done != nil
  }

  static func named() async throws -> Bool {
    // snippet: in-process names
    let here = LocalLocks.shared.lock("orders/42")
    let there = LocalLocks.shared.lock("orders/42")
    let both = try await here.withLock { _ in try await there.tryAcquire() != nil }
    // end
    return both
  }
}

actor Totals {
  static let shared = Totals()
  private var count = 0

  func recount() async throws -> Int {
    self.count += 1
    return self.count
  }

  func refresh() async throws { self.count = 0 }
}
