/// What one server answered to a request for the lock.
package enum Vote: Hashable, Sendable {
  /// Our key stands there.
  case yes
  /// Our key stands there, but the server may have forgotten another's: it has started too recently to be believed.
  case untrusted
  /// The server is one that has voted already, under another of its names.
  case duplicate
  /// Another's key stands there; for how long at most, where it has a TTL.
  case no(remaining: Duration?)
  /// There is no answer, or none that tells.
  case failed(VoteFailure)

  /// Whether it counts, for or against.
  var isVote: Bool {
    switch self {
    case .yes, .no: true
    case .untrusted, .duplicate, .failed: false
    }
  }
}

/// Why a request has no answer, reduced to what a ballot decides by.
package enum VoteFailure: Hashable, Sendable {
  /// The request was not carried out: it was never sent, or the server could not or would not do it.
  case notDone
  /// The request may have been carried out, or may be yet.
  case inDoubt
}

/// How a ballot came out.
package enum BallotDecision: Hashable, Sendable {
  /// A quorum said yes, and there is time left.
  case granted
  /// A quorum said yes, but so late that the TTL is used up.
  case late
  /// Others hold too many keys; for how long at most, where that is known.
  case busy(remaining: Duration?)
  /// Too few servers answered.
  case unavailable
}

/// What happens to a ballot.
package enum BallotEvent: Hashable, Sendable {
  /// The lock is wanted; what is planted from now on is good until the deadline.
  case ask(deadline: ContinuousClock.Instant)
  /// A server has answered a request, or will not.
  case voted(node: Int, Vote)
  /// Those who have not answered by now are not waited for.
  case timedOut
  /// What the ballot planted is not wanted, or no longer.
  case release
  /// A server has answered a release, or will not.
  case released(node: Int, ReleaseReply)
  /// The time has come to send a release again.
  case retry(node: Int)
}

/// What a ballot wants done. Whoever performs an action reports the outcome as an event.
package enum BallotAction: Hashable, Sendable {
  /// Ask a server to plant our key.
  case request(node: Int)
  /// Tell how the ballot came out. Once for each time it was asked.
  case decide(BallotDecision)
  /// Ask a server to delete our key.
  case release(node: Int)
  /// Come back to a release after a while.
  case retryLater(node: Int, after: Duration)
  /// Let the caller of the release go on; how many clients were told of it at one server.
  case settle(told: Int, ReleaseResult)
}

/// What one server answered to a release.
package enum ReleaseReply: Hashable, Sendable {
  /// Our key was there and is deleted; how many subscribers were notified.
  case freed(told: Int)
  /// There was no key of ours.
  case gone
  /// The outcome is unknown, or it may succeed if it is sent again.
  case failed
  /// It was not carried out, and will not be if it is sent again.
  case refused
}

/// What is known of a release when its caller goes on.
package enum ReleaseResult: Hashable, Sendable {
  /// A quorum has forgotten us.
  case released
  /// What a quorum had granted was not there any more when it was released for the first time.
  case lost
  /// Too few servers have confirmed it: the keys stand until they are deleted or run out.
  case pending
}
