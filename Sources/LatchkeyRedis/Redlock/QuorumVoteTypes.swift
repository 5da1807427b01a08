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
  case failed(RequestFailure)

  /// Whether it counts, for or against.
  var isVote: Bool {
    switch self {
    case .yes, .no: true
    case .untrusted, .duplicate, .failed: false
    }
  }

  /// What it means for our key at that server.
  var keyReply: KeyReply {
    switch self {
    case .yes, .untrusted, .duplicate: .planted
    case .no: .othersStands
    case .failed(let failure): .failed(failure)
    }
  }
}

/// How a vote came out.
package enum QuorumVoteDecision: Hashable, Sendable {
  /// A quorum said yes, and there is time left.
  case granted
  /// A quorum said yes, but so late that the TTL is used up.
  case late
  /// Others hold too many keys; for how long at most, where that is known.
  case busy(remaining: Duration?)
  /// Too few servers answered.
  case unavailable
}

/// What happens to a vote.
package enum QuorumVoteEvent: Hashable, Sendable {
  /// The lock is wanted; what is planted from now on is good until the deadline.
  case ask(deadline: ContinuousClock.Instant)
  /// A server has answered a request, or will not.
  case voted(node: Int, Vote)
  /// Those who have not answered by now are not waited for.
  case timedOut
  /// What the vote planted is not wanted, or no longer.
  case release
  /// A server has answered a release, or will not.
  case released(node: Int, ReleaseReply)
  /// The time has come to send a release again.
  case retry(node: Int)
}

/// What a vote wants done. The shell performs each action and reports the outcome as an event.
package enum QuorumVoteAction: Hashable, Sendable {
  /// Ask a server to plant our key.
  case request(node: Int)
  /// Report how the vote came out. Once for each time it was asked.
  case decide(QuorumVoteDecision)
  /// Ask a server to delete our key.
  case release(node: Int)
  /// Come back to a release after a while.
  case retryLater(node: Int, after: Duration)
  /// Let the caller of the release go on; how many subscribers were notified at one server.
  case settle(notified: Int, ReleaseResult)
}
