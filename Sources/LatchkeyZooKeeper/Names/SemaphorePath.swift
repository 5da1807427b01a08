internal import Latchkey

/// Where a semaphore has its nodes: in Curator's directories below that of its name.
struct SemaphorePath: Sendable {
  /// The directory in which those who wait stand in line.
  static let queue = "locks"

  /// The directory of the permits.
  let leases: String
  /// The directory of the queue.
  let queue: String
  /// The node of the limit; nil if the limit is fixed.
  let limit: String?

  init(_ name: LockName, root: String, _ limit: ZooKeeperSemaphore.Limit) {
    self.init(in: LockPath.directory(of: name, under: root), limit: limit)
  }

  /// - Parameter limit: Where the limit is from; nil if nobody needs to know.
  init(in directory: String, limit: ZooKeeperSemaphore.Limit?) {
    self.leases = "\(directory)/leases"
    self.queue = "\(directory)/\(Self.queue)"
    self.limit =
      switch limit {
      case .fixed, nil: nil
      // No part of a name is written like this, so no lock has its directory there.
      case .shared(_, let path): path ?? "\(directory)/%limit"
      }
  }
}
