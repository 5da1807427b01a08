import CoreMetrics
import Latchkey
import LatchkeyZooKeeper
import Logging
import ServiceLifecycle

/// Writes invoices, a batch each time it has the lock, until it is told to stop.
struct Clerk: Service {
  let lock: ZooKeeperLock
  let ledger: Ledger
  let settings: Settings
  let logger: Logger

  func run() async throws {
    // What waits for the lock or for the next invoice is cancelled at the shutdown, and gives back what it has on its way out.
    do {
      try await cancelWhenGracefulShutdown {
        while !Task.isCancelled { try await self.turn() }
      }
    } catch is CancellationError {
      self.logger.info("told to stop")
    }
  }

  private func turn() async throws {
    do {
      try await self.lock.withLock { held, token in
        self.logger.info("writing invoices")
        for _ in 0..<self.settings.batch {
          let number = try self.ledger.append(by: self.settings.instance, fencedBy: token)
          Counter(label: "invoices.written").increment()
          self.logger.debug("invoice written", metadata: ["invoice": "\(number)"])
          try await Task.sleep(for: self.settings.pause)
        }
      }
    } catch {
      try await self.recover(from: error)
    }
  }

  /// What need not end the service: somebody else may go on, and we come back.
  private func recover(from error: any Error) async throws {
    if error is StaleToken {
      self.logger.warning("the ledger refused us: somebody has had the lock since", metadata: ["error": "\(error)"])
    } else if let lockError = error as? LockError, [.lockLost, .unreachable].contains(lockError.code) {
      self.logger.warning("the turn was cut short", metadata: ["error": "\(error)"])
      try await Task.sleep(for: .seconds(1))
    } else {
      throw error
    }
  }
}
