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
    case .backendIsNeverEqual: 11
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
    default: []
    }
  }
}
