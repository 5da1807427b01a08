import Testing

/// A way in which a lock can be broken: each is caught by the conformance check that is meant for it.
enum Mutation: String, Sendable, CaseIterable, CustomTestStringConvertible {
  // Exclusion
  case grantsToTwo, ignoresNames
  // isHeld
  case isHeldAfterRelease, isHeldByName, neverRenews, isHeldFollowsTimer, isHeldRevives
  // Loss
  case releaseToldAsLoss, endingToldAtOnce, lossNeverTold, deadlineTooLate, expiryUnnoticed, waiterDiesWithSession
  case deletionUnnoticed, lateReleaseFreesAnyone, lateReleaseIsSilent, releaseOfNothingIsSilent
  // Tokens
  case tokensPerSession, tokensRepeat, tokensRestartWhenUnused, tokensRestartWithServer, noTokens, inventsTokens,
    untypedTokens
  // Busy, broken, late
  case triesAreReentrant, triesFailAfterOthers, triesSayBusyWhenBroken, timedOutSaysNothing, timedOutHidesHolder
  case silenceIsTimedOut
  // Cancellation
  case ignoresEarlyCancellation, ignoresCancellation, cancellationIsBackendFailure, cancelledLeaveNodes
  case cancelledOfflineLeaveNodes, crossedGrantIsDropped
  // Lost replies
  case retriesUnderNewName, retriedReleaseFreesAnyone
  // Release
  case releaseDoesNothing, releaseIsCancelled, droppedLeaseIsKept, endedViewFreesAnyone, offlineReleaseIsForgotten
  // Fairness
  case servesNewestFirst, lineIsShuffled, servesReturnersFirst
  // Time-outs
  case zeroWaits, budgetEndsEarly, budgetPerStep, budgetNeverEnds, timedOutLeaveNodes, longBudgetIsNone
  // Deadlock
  case backendIsNeverEqual
  // Read-write locks
  case readersExcludeReaders, writerJoinsReaders, readersJoinWriter, releaseFreesAllReaders
  case expiredReadersStay, readTokensLag, abandonedWritersBlock, readersOvertakeWriters, halvesAreTwoLocks
  case downgradeLetsWritersIn, downgradeKeepsReadersOut, downgradeKeepsView, downgradeTokenIsNew, foreignLeaseIsKept
  case upgradeIgnoresReaders, upgradeIgnoresWriters, failedUpgradeKeepsReadersOut, failedUpgradeDropsLease
  // Semaphores
  case admitsOneMore, admitsOneLess, countsRequests, releaseFreesOnePermit, permitsCarryTokens
  case expiredPermitsStay, lateReleaseAddsPermits, acceptsTooMany, abandonedRequestsBlock
  case smallOvertakesLarge, watchesOneHolder
  case raisedLimitIsUnnoticed, loweredLimitRevokes, sameLimitFreesPermits, requestsBeyondLimitBlock

  var testDescription: String { self.rawValue }
}
