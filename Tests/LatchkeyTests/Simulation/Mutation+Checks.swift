extension Mutation {
  /// The promise that this mutation breaks.
  var promise: Int {
    switch self {
    case .grantsToTwo, .ignoresNames: 1
    case .isHeldAfterRelease, .isHeldByName, .neverRenews, .isHeldFollowsTimer, .isHeldRevives: 2
    case .releaseToldAsLoss, .endingToldAtOnce, .lossNeverTold, .deadlineTooLate, .expiryUnnoticed,
      .waiterDiesWithSession, .deletionUnnoticed, .lateReleaseFreesAnyone, .lateReleaseIsSilent,
      .releaseOfNothingIsSilent:
      3
    case .tokensPerSession, .tokensRepeat, .tokensRestartWhenUnused, .tokensRestartWithServer, .noTokens,
      .inventsTokens, .untypedTokens:
      4
    case .triesAreReentrant, .triesFailAfterOthers, .triesSayBusyWhenBroken, .timedOutSaysNothing, .timedOutHidesHolder,
      .silenceIsTimedOut:
      5
    case .ignoresEarlyCancellation, .ignoresCancellation, .cancellationIsBackendFailure, .cancelledLeaveNodes,
      .cancelledOfflineLeaveNodes, .crossedGrantIsDropped:
      6
    case .retriesUnderNewName, .retriedReleaseFreesAnyone: 7
    case .releaseDoesNothing, .releaseIsCancelled, .droppedLeaseIsKept, .endedViewFreesAnyone,
      .offlineReleaseIsForgotten:
      8
    case .servesNewestFirst, .lineIsShuffled, .servesReturnersFirst: 9
    case .zeroWaits, .budgetEndsEarly, .budgetPerStep, .budgetNeverEnds, .timedOutLeaveNodes, .longBudgetIsNone: 10
    case .backendIsNeverEqual, .halvesAreTwoLocks: 11
    case .readersExcludeReaders, .writerJoinsReaders, .readersJoinWriter, .downgradeLetsWritersIn,
      .downgradeKeepsReadersOut, .upgradeIgnoresReaders, .upgradeIgnoresWriters, .failedUpgradeKeepsReadersOut,
      .failedUpgradeDropsLease, .admitsOneMore, .admitsOneLess, .countsRequests:
      1
    case .downgradeKeepsView: 2
    case .expiredReadersStay, .expiredPermitsStay, .lateReleaseAddsPermits: 3
    case .readTokensLag, .downgradeTokenIsNew, .permitsCarryTokens: 4
    case .foreignLeaseIsKept, .acceptsTooMany: 5
    case .abandonedWritersBlock, .abandonedRequestsBlock: 6
    case .releaseFreesAllReaders, .releaseFreesOnePermit: 8
    case .readersOvertakeWriters, .smallOvertakesLarge, .watchesOneHolder, .raisedLimitIsUnnoticed,
      .loweredLimitRevokes, .sameLimitFreesPermits, .requestsBeyondLimitBlock:
      9
    }
  }

  /// The beginnings of the checks that must fail. The checks of the same promise that are not named here, nor in
  /// `mayFail`, must pass.
  var mustFail: [String] {
    switch self {
    case .grantsToTwo: ["never two leases", "a counter that"]
    case .ignoresNames: ["locks of different names"]
    case .isHeldAfterRelease: ["isHeld is true while"]
    case .isHeldByName: ["isHeld of a released lease"]
    case .neverRenews: ["a deadline lies ahead"]
    case .isHeldFollowsTimer, .isHeldRevives: ["isHeld is false from"]
    case .releaseToldAsLoss: ["lost completes with nil"]
    case .endingToldAtOnce: ["lost does not complete"]
    case .lossNeverTold: ["lost completes by the deadline", "withLock cancels its body", "a body's own error"]
    case .deadlineTooLate: ["the next grant comes"]
    case .expiryUnnoticed: ["an expired session", "the body of withLock is cancelled when the session"]
    case .waiterDiesWithSession: ["a waiter whose session"]
    case .deletionUnnoticed: ["a lock that is deleted", "the body of withLock is cancelled when the lock"]
    case .lateReleaseFreesAnyone: ["releasing a lost lease"]
    case .lateReleaseIsSilent: ["releasing a lost lease", "withLock throws lockLost after"]
    case .releaseOfNothingIsSilent: ["a release that finds its lock deleted", "withLock throws lockLost if its lock"]
    case .tokensPerSession: ["tokens grow with every grant", "the token of a lost lease"]
    case .tokensRepeat: ["tokens grow when the lock is granted through", "tokens grow when the lock is handed"]
    case .tokensRestartWhenUnused: ["tokens grow when all clients"]
    case .tokensRestartWithServer: ["tokens grow when the servers"]
    case .noTokens: ["tokens grow with every grant"]
    case .inventsTokens: ["a lock that cannot promise"]
    case .untypedTokens: ["a lock that promises tokens"]
    case .triesAreReentrant: ["tryAcquire gives nil while the same"]
    case .triesFailAfterOthers: ["tryAcquire never gives nil"]
    case .triesSayBusyWhenBroken: ["tryAcquire throws"]
    case .timedOutSaysNothing: ["timedOut says"]
    case .timedOutHidesHolder: ["timedOut names"]
    case .silenceIsTimedOut: ["acquire with a budget on a free"]
    case .ignoresEarlyCancellation: ["a task that is cancelled before"]
    case .ignoresCancellation: ["a cancelled waiter gets", "cancelled waiters do not change"]
    case .cancellationIsBackendFailure: ["a cancelled waiter gets", "withLock turns"]
    case .cancelledLeaveNodes: ["cancelled waiters leave nothing", "cancelled at any moment"]
    case .cancelledOfflineLeaveNodes: ["a waiter that is cancelled while it is cut off"]
    case .crossedGrantIsDropped: ["when grant and cancellation cross"]
    case .retriesUnderNewName: ["an acquire whose reply", "a waiter whose place"]
    case .retriedReleaseFreesAnyone: ["a release whose reply"]
    case .releaseDoesNothing:
      ["a released lock goes", "withLock returns", "withLock rethrows", "a lease may be released"]
    case .releaseIsCancelled: ["a lease is released even if", "a body whose task"]
    case .droppedLeaseIsKept: ["a lease that is dropped"]
    case .endedViewFreesAnyone: ["the view of an ended"]
    case .offlineReleaseIsForgotten: ["a release while the connection"]
    case .servesNewestFirst: ["waiters of different clients"]
    case .lineIsShuffled: ["waiters of one client", "a thousand waiters"]
    case .servesReturnersFirst: ["whoever releases"]
    case .zeroWaits: ["a budget of zero"]
    case .budgetEndsEarly: ["a wait ends"]
    case .budgetPerStep: ["the budget is one"]
    case .budgetNeverEnds: ["a budget of zero", "a wait ends"]
    case .timedOutLeaveNodes: ["a waiter that timed out"]
    case .longBudgetIsNone: ["the longest budget"]
    case .backendIsNeverEqual: ["withLock inside the body", "an inner withLock"]
    case .readersExcludeReaders: ["readers hold the lock together"]
    case .writerJoinsReaders: ["a writer is alone"]
    case .readersJoinWriter: ["a writer is alone"]
    case .releaseFreesAllReaders: ["the release of one reader"]
    case .expiredReadersStay: ["an expired reader"]
    case .readTokensLag: ["a writer's token", "tokens grow from writer"]
    case .abandonedWritersBlock: ["a writer that is cancelled"]
    case .readersOvertakeWriters: ["a reader does not overtake", "a stream of readers"]
    case .halvesAreTwoLocks: ["either half throws"]
    case .downgradeLetsWritersIn: ["a downgraded writer lets", "a writer that waits right behind"]
    case .downgradeKeepsReadersOut: ["a downgraded writer lets"]
    case .downgradeKeepsView: ["the view of a writer"]
    case .downgradeTokenIsNew: ["the token of a downgraded"]
    case .foreignLeaseIsKept: ["downgrade refuses"]
    case .upgradeIgnoresReaders: ["a reader beside another", "two readers that upgrade"]
    case .upgradeIgnoresWriters: ["a reader that a writer waits for"]
    case .failedUpgradeKeepsReadersOut, .failedUpgradeDropsLease: ["a reader beside another"]
    case .admitsOneMore, .admitsOneLess: ["as many holders"]
    case .countsRequests: ["requests for one permit and for several"]
    case .releaseFreesOnePermit: ["a release gives back"]
    case .permitsCarryTokens: ["permits carry no token"]
    case .expiredPermitsStay: ["the permits of an expired"]
    case .lateReleaseAddsPermits: ["the release of lost permits"]
    case .acceptsTooMany: ["more permits than"]
    case .abandonedRequestsBlock: ["a request for two that is cancelled"]
    case .smallOvertakesLarge: ["a request for one permit does not", "a stream of requests"]
    case .watchesOneHolder: ["whichever holder leaves"]
    case .raisedLimitIsUnnoticed: ["a raised limit"]
    case .loweredLimitRevokes: ["a lowered limit"]
    case .sameLimitFreesPermits: ["to set the same limit"]
    case .requestsBeyondLimitBlock: ["a request beyond"]
    }
  }

  /// The beginnings of further checks that trip over the same fault, always or sometimes; "" is every check.
  var mayFail: [String] {
    switch self {
    case .isHeldAfterRelease: ["isHeld of a released lease"]
    case .endingToldAtOnce:
      ["lost completes by", "an expired session", "a lock that is deleted", "withLock", "a body", "the body"]
    case .lossNeverTold: ["an expired session", "a lock that is deleted", "the body"]
    case .deadlineTooLate: ["releasing a lost lease", "lost completes by"]
    case .expiryUnnoticed: ["a lock that is deleted", "the body of withLock is cancelled when the lock"]
    case .lateReleaseIsSilent: ["a release that finds its lock deleted", "withLock throws lockLost if its lock"]
    case .tokensPerSession, .tokensRepeat, .noTokens: ["tokens grow", "the token of a lost lease"]
    case .tokensRestartWhenUnused: ["tokens grow when the servers"]
    case .triesFailAfterOthers: ["tryAcquire gives nil while another"]
    case .timedOutSaysNothing: ["timedOut names"]
    case .ignoresCancellation, .cancellationIsBackendFailure, .cancelledLeaveNodes: [""]
    case .crossedGrantIsDropped: ["cancelled at any moment"]
    case .releaseDoesNothing: ["a body", "a lease", "the view", "a release"]
    case .servesNewestFirst: ["whoever releases"]
    case .servesReturnersFirst: ["waiters of different clients"]
    case .budgetNeverEnds: ["a waiter that timed out", "the budget is one"]
    case .readersExcludeReaders, .readersJoinWriter, .writerJoinsReaders: [""]
    case .upgradeIgnoresReaders, .failedUpgradeKeepsReadersOut, .failedUpgradeDropsLease, .upgradeIgnoresWriters:
      ["a reader", "two readers"]
    case .downgradeLetsWritersIn, .downgradeKeepsReadersOut: ["a reader that is alone"]
    case .expiredReadersStay: ["readers get in when", "a reader"]
    case .admitsOneMore, .admitsOneLess, .countsRequests, .abandonedRequestsBlock: [""]
    case .expiredPermitsStay: ["the release of lost permits"]
    case .releaseFreesOnePermit: ["withPermits returns"]
    case .raisedLimitIsUnnoticed: ["a request beyond"]
    case .watchesOneHolder: [""]
    case .sameLimitFreesPermits: ["a lowered limit", "a request beyond"]
    case .readersOvertakeWriters: ["readers and writers of different"]
    case .readTokensLag: ["the token of a lost writer"]
    default: []
    }
  }
}
