import Latchkey
import LatchkeyRedis
import LatchkeyZooKeeper
import ZooKeeper

// The code of the article *Getting started*. What stands between `snippet` and `end` is what the article shows.

struct Invoice: Sendable, Hashable {
  let number: Int
}

/// Where the invoices are: it refuses what an earlier holder of the lock sends.
actor Ledger {
  private var fence = FenceState()
  private(set) var unsent: [Invoice]
  private(set) var sent: [Invoice] = []

  init(_ numbers: ClosedRange<Int>) {
    self.unsent = numbers.map(Invoice.init)
  }

  func send(_ invoice: Invoice, fencedBy token: FencingToken) throws {
    try self.fence.admit(token)
    self.unsent.removeAll { $0 == invoice }
    self.sent.append(invoice)
  }
}

// snippet: send invoices
/// Sends all invoices, under a lock that keeps everybody else from sending them meanwhile.
func sendInvoices(of ledger: Ledger, under lock: any FencedLock) async throws {
  try await lock.withLock(within: .seconds(5)) { held, token in
    for invoice in await ledger.unsent {
      try held.ensureHeld()
      try await ledger.send(invoice, fencedBy: token)
    }
  }
}
// end

// snippet: mutex
func inOneProcess(_ ledger: Ledger) async throws {
  let lock = LocalLocks.shared.lock("invoices")
  try await sendInvoices(of: ledger, under: lock)
}
// end

// snippet: zookeeper
func onZooKeeper(_ servers: String, _ ledger: Ledger) async throws {
  let configuration = ZooKeeperClient.Configuration(connectString: servers)
  try await ZooKeeperClient.withClient(configuration) { client in
    let locks = ZooKeeperLocks(client: client)
    try await sendInvoices(of: ledger, under: locks.lock("invoices"))
  }
}
// end

// snippet: redis
func onRedis(_ host: String, port: Int, _ ledger: Ledger) async throws {
  let connection = try await RedisConnection.connect(RedisConnection.Configuration(host: host, port: port))
  let locks = try RedisLocks(executor: connection)
  try await sendInvoices(of: ledger, under: locks.lock("invoices"))
  await connection.close()
}
// end

// snippet: try
/// Somebody else sends them: that is as good.
func sendInvoicesUnlessSomebodyDoes(of ledger: Ledger, under lock: any FencedLock) async throws -> Bool {
  let done: Void? = try await lock.withLockIfAvailable { held, token in
    for invoice in await ledger.unsent { try await ledger.send(invoice, fencedBy: token) }
  }
  return done != nil
}
// end

// snippet: lease
/// A lease may be kept, and given back elsewhere. It cannot be copied, so it is given back once.
actor Worker {
  private var lease: Lease?

  func start(under lock: any DistributedLock) async throws {
    self.lease = try await lock.acquire(within: .seconds(5))
  }

  func stop() async throws {
    guard let lease = self.lease.take() else { return }
    try await lease.release()
  }
}
// end

// snippet: errors
func explain(_ lock: any DistributedLock) async -> String {
  do {
    return try await lock.withLock(within: .seconds(1)) { held in "done under \(held.token?.description ?? "no token")"
    }
  } catch let error as LockError where error.code == .timedOut {
    return "\(error.wait?.holder ?? "somebody else") has it, and \(error.wait?.place ?? 1) stand before us; try later"
  } catch LockError.Code.unreachable {
    return "the servers do not answer: nobody knows who has it"
  } catch LockError.Code.lockLost {
    return "we had it and lost it: look at what is done before doing it again"
  } catch {
    return "\(error)"
  }
}
// end
