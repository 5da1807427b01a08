import Foundation
import Latchkey

// The code of the article *Fencing*.

// snippet: fence actor
actor Account {
  private var fence = FenceState()
  private(set) var balance = 0

  func set(_ balance: Int, fencedBy token: FencingToken) throws {
    try self.fence.admit(token)
    self.balance = balance
  }
}
// end

// snippet: fence gate
/// A file, and beside it what its gate has seen: both survive a restart.
struct GuardedFile {
  let file: URL
  private let gate: FenceGate

  init(_ file: URL) throws {
    let seen = file.appendingPathExtension("fence")
    let hasBeenWritten = FileManager.default.fileExists(atPath: seen.path)
    let state =
      hasBeenWritten ? try JSONDecoder().decode(FenceState.self, from: Data(contentsOf: seen)) : FenceState()
    self.file = file
    self.gate = FenceGate(state) { state in try JSONEncoder().encode(state).write(to: seen, options: .atomic) }
  }

  func write(_ text: String, fencedBy token: FencingToken) throws {
    try self.gate.admit(token) { try Data(text.utf8).write(to: self.file, options: .atomic) }
  }
}
// end

// snippet: fence async
/// Only this process writes to the store, so the check may be made here.
struct GuardedStore<Store: OrderStore>: Sendable {
  let store: Store
  private let gate = AsyncFenceGate()

  init(_ store: Store) {
    self.store = store
  }

  func put(_ order: String, fencedBy token: FencingToken) async throws {
    try await self.gate.admit(token) { try await self.store.put(order) }
  }
}
// end

protocol OrderStore: Sendable {
  func put(_ order: String) async throws
}

// snippet: fence required
/// Takes a lock that has tokens: one that has none does not compile.
func settle(_ account: Account, under lock: some FencedLock) async throws {
  try await lock.withLock { held, token in
    let balance = await account.balance
    try await account.set(balance + 1, fencedBy: token)
  }
}
// end

enum FencingSQL {
  /// The statements of the article, as they are run.
  static let table = """
    -- snippet: sql table
    CREATE TABLE orders (
      id    INTEGER PRIMARY KEY,
      state TEXT NOT NULL,
      fence INTEGER NOT NULL  -- the token of the last write
    )
    -- end
    """

  static let write = """
    -- snippet: sql write
    INSERT INTO orders (id, state, fence) VALUES (:id, :state, :token)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, fence = excluded.fence
    WHERE orders.fence <= excluded.fence
    -- end
    """
}
