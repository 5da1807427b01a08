import LatchkeyTesting

extension Mutation {
  /// What is broken.
  enum Kind: Sendable {
    case lock
    case readWriteLock
    case semaphore
  }

  var kind: Kind {
    switch self {
    case .readersExcludeReaders, .writerJoinsReaders, .readersJoinWriter, .releaseFreesAllReaders,
      .expiredReadersStay, .readTokensLag, .abandonedWritersBlock, .readersOvertakeWriters, .halvesAreTwoLocks,
      .downgradeLetsWritersIn, .downgradeKeepsReadersOut, .downgradeKeepsView, .downgradeTokenIsNew,
      .foreignLeaseIsKept, .upgradeIgnoresReaders, .upgradeIgnoresWriters, .failedUpgradeKeepsReadersOut,
      .failedUpgradeDropsLease:
      .readWriteLock
    case .admitsOneMore, .admitsOneLess, .countsRequests, .releaseFreesOnePermit, .permitsCarryTokens,
      .expiredPermitsStay, .lateReleaseAddsPermits, .acceptsTooMany, .abandonedRequestsBlock, .smallOvertakesLarge,
      .watchesOneHolder, .raisedLimitIsUnnoticed, .loweredLimitRevokes, .sameLimitFreesPermits,
      .requestsBeyondLimitBlock:
      .semaphore
    default: .lock
    }
  }

  /// The checks that are meant for what is broken.
  var checks: [LockConformance.Check] {
    switch self.kind {
    case .lock: LockConformance.checks
    case .readWriteLock: LockConformance.readWriteChecks
    case .semaphore: LockConformance.semaphoreChecks
    }
  }

  /// What is broken, at a server of its own.
  var subject: LockSubject {
    switch self.kind {
    case .lock: .simulated(self, isFenced: self != .inventsTokens)
    case .readWriteLock: .simulatedReadWriteLock(self)
    case .semaphore: .simulatedSemaphore(self)
    }
  }
}
