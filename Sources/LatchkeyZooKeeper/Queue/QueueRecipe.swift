internal import Latchkey

/// What a set of queues is for: who stands in them, and by which rules.
struct QueueRecipe: Sendable {
  let rule: @Sendable (Want) -> GrantRule
  /// Tells the nodes of these queues from those of other queues of the same client.
  let mark = ContenderIdentity.newMark()
  /// What is wrong with a directory in which contenders stand whom a rule calls foreign; nil if the rules name none.
  let mixedDirectory: String?
  /// Where the queues stand below the directory of their name; nil if in that itself.
  let subdirectory: String?
  /// Called when a queue's contender has to wait: with the name, and with the number of those before it.
  let whenBehind: (@Sendable (LockName, Int) -> Void)?

  init(
    _ rule: @escaping @Sendable (Want) -> GrantRule,
    mixedDirectory: String? = nil,
    subdirectory: String? = nil,
    whenBehind: (@Sendable (LockName, Int) -> Void)? = nil
  ) {
    self.rule = rule
    self.mixedDirectory = mixedDirectory
    self.subdirectory = subdirectory
    self.whenBehind = whenBehind
  }

  static func lock() -> QueueRecipe {
    QueueRecipe(
      { _ in .mutex },
      mixedDirectory:
        "nodes of a read-write lock are in it, which a plain lock does not exclude reliably; give the two different names"
    )
  }

  static func readWriteLock() -> QueueRecipe {
    QueueRecipe(
      { $0 == .shared ? .reading : .writing },
      mixedDirectory:
        "nodes of a plain lock are in it, which a read-write lock does not exclude reliably; give the two different names"
    )
  }

  /// The queue of those who want permits of a semaphore: a lock.
  static func semaphore(whenBehind: @escaping @Sendable (LockName, Int) -> Void) -> QueueRecipe {
    QueueRecipe({ _ in .mutex }, subdirectory: SemaphorePath.queue, whenBehind: whenBehind)
  }

  static func election(_ layout: ZooKeeperElection.Layout) -> QueueRecipe {
    QueueRecipe { _ in .candidate(layout) }
  }

  /// The error about a directory in which contenders of another recipe stand.
  func mixed(_ name: LockName, _ directory: String) -> LockError {
    let message = "the directory \(directory) is used by two kinds of lock"
    return LockError(
      .invalidConfiguration,
      name: name,
      message: self.mixedDirectory.map { "\(message): \($0)" } ?? message
    )
  }
}
