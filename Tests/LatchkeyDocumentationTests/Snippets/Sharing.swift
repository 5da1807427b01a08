import Latchkey

// The code of the article *Sharing a lock*.

enum Sharing {
  static func downgrade(_ catalogue: some DowngradableReadWriteLock, _ store: PriceStore) async throws -> Int {
    // snippet: sharing downgrade
    let write = try await catalogue.writing.acquire(within: .seconds(5))
    try await store.reload()
    let read = try await catalogue.downgrade(write)
    let total = try await store.price(of: "tea") + store.price(of: "milk")
    try await read.release()
    // end
    return total
  }

  static func upgrade(_ catalogue: some UpgradableReadWriteLock, _ store: PriceStore) async throws {
    // snippet: sharing upgrade
    let read = try await catalogue.reading.acquire()
    switch try await catalogue.tryUpgrade(read) {
    case .upgraded(let write):
      try await store.reload()
      try await write.release()
    case .busy(let read):
      // Let go, and wait for the writing half: what was read may have changed by then.
      try await read.release()
      try await catalogue.writing.withLock { _ in try await store.reload() }
    }
    // end
  }

  static func several(_ pool: some DistributedSemaphore, _ report: String) async throws -> Bool {
    // snippet: sharing several permits
    let done: Void? = try await pool.withPermitsIfAvailable(3) { _ in try await render(report) }
    // end
    return done != nil
  }

  static func limit(_ locks: LocalLocks) async throws {
    // snippet: sharing limit
    let exports = locks.semaphore("exports", limit: .shared(seed: 2))
    try await exports.setLimit(4)
    // end
  }

  private static func render(_ report: String) async throws {}
}
