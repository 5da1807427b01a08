package import Latchkey

/// The nodes by which a caller has its permits: one for each, made in one transaction.
package struct PermitClaim: Hashable, Sendable {
  /// The last parts of their paths, lowest number first.
  package var names: [String]
  /// The session that owns them, by the client's own numbering.
  package var session: UInt64

  package init(names: [String], session: UInt64) {
    self.names = names
    self.session = session
  }
}

/// What a flight has shown of a semaphore.
package struct SemaphoreView: Hashable, Sendable {
  /// All children of the directory of permits, whoever made them.
  package var leases: [String]
  /// Whether nobody stands in the queue; a contender that heads it does not ask.
  package var isQueueFree: Bool
  /// The limit, read behind the list.
  package var limit: LimitReading

  package init(leases: [String], isQueueFree: Bool = true, limit: LimitReading = .fixed) {
    self.leases = leases
    self.isQueueFree = isQueueFree
    self.limit = limit
  }
}

/// What is known of a semaphore's limit.
package enum LimitReading: Hashable, Sendable {
  /// It is the same at all times, so nobody reads it.
  case fixed
  case value(Int)
  /// Its node is not there.
  case missing
}

/// Who stands before a contender for permits: told to callers whose wait runs out.
package struct SemaphorePlace: Hashable, Sendable {
  /// How many permits and contenders come before it.
  package var ahead: Int
  /// The first of the nodes by which permits are held.
  package var first: String?

  package init(ahead: Int, first: String?) {
    self.ahead = ahead
    self.first = first
  }
}

/// What is made again a while after the servers refused it because of their load.
package enum SemaphorePause: Hashable, Sendable {
  /// What an attempt begins with.
  case attempt(UInt64)
  /// The look at permits and limit by a contender that waits for them.
  case look(UInt64)
  case delete(PermitClaim)
  case search(identifier: String, session: UInt64)
  /// The look at a node that no attempt knows.
  case stranger(String, session: UInt64)
}

/// What happens to a semaphore within one client.
package enum SemaphoreEvent: Sendable {
  /// A session is connected: a new one, or the old one again.
  case connected(session: UInt64)
  /// The connection is down; the session may live.
  case suspended
  /// A session is over.
  case ended(session: UInt64)
  /// No session will come any more.
  case closed(LockFailure)
  /// The flight with the creates, the lists and the limit has been answered.
  case entered(
    attempt: UInt64,
    create: Result<PermitClaim, NodeQueueFailure>,
    view: Result<SemaphoreView, NodeQueueFailure>
  )
  /// The directories and the limit's node were made, or not.
  case placeMade(attempt: UInt64, Result<Void, NodeQueueFailure>)
  /// A list of the permits has been answered.
  case listed(attempt: UInt64, Result<[String], NodeQueueFailure>)
  /// The limit has been read; nil if its node is not there.
  case limitRead(attempt: UInt64, Result<Int?, NodeQueueFailure>)
  /// Permits have come or gone since the last list.
  case leasesChanged(attempt: UInt64)
  /// The limit has changed since it was read.
  case limitChanged(attempt: UInt64)
  /// We stand in the queue behind others.
  case queued(ticket: UInt64, ahead: Int)
  /// We head the queue.
  case headed(ticket: UInt64)
  /// Our place at the head of the queue is lost.
  case unheaded(ticket: UInt64)
  /// We cannot stand in the queue.
  case queueFailed(ticket: UInt64, LockFailure)
  /// One of our nodes was deleted.
  case ownGone(PermitClaim)
  /// The watches of that number on our own nodes were set, or not.
  case ownWatched(PermitClaim, watch: UInt64, Result<Void, NodeQueueFailure>)
  /// A node that no attempt knows was looked at: nil if it is another session's.
  case strangerSeen(String, session: UInt64, Result<PermitClaim?, NodeQueueFailure>)
  /// The session is proven again to live for a while.
  case termLive(session: UInt64)
  /// The session cannot be proven to live at all.
  case unprovable(session: UInt64, LockFailure)
  /// The deletes of a claim's nodes have been answered.
  case deleted(PermitClaim, Result<Void, NodeQueueFailure>)
  /// A search for what an abandoned create may have left has been answered.
  case searched(identifier: String, session: UInt64, Result<[String], NodeQueueFailure>)
  /// It has been waited long enough after a refusal.
  case pauseOver(SemaphorePause)
}

package typealias SemaphoreAction = ContentionAction<SemaphoreMachine>

/// What the semaphore asks of the servers. The backend sends each request and reports the outcome as an event.
package enum SemaphoreRequest: Hashable, Sendable {
  /// Create a node for each permit, list the permits, and read the limit, in this order in one flight. Who heads the queue watches
  /// what is listed and read; who does not lists the queue as well.
  case enter(attempt: UInt64, identifier: String, permits: Int, isHead: Bool, session: UInt64)
  /// Make the directories, and the limit's node where it is missing.
  case makePlace(attempt: UInt64, session: UInt64)
  /// List the permits, and watch them.
  case list(attempt: UInt64, session: UInt64)
  /// Read the limit, and watch it.
  case readLimit(attempt: UInt64, session: UInt64)
  /// Forget the watches on permits and limit.
  case forgetWatches
  /// Forget the watch on permits alone.
  case forgetLookout
  /// Get into the queue, and stay there until told to leave.
  case enterQueue(ticket: UInt64)
  case leaveQueue(ticket: UInt64)
  /// Watch our own nodes from the next heartbeat on: a short hold ends before, and then costs no read.
  case watchOwnLater(PermitClaim, watch: UInt64)
  case forgetOwnWatch(PermitClaim)
  case awaitLiveTerm(session: UInt64)
  /// The permits are not ours yet; for those whose wait may run out.
  case behind(SemaphorePlace)
  case delete(PermitClaim)
  /// Find and delete what an abandoned create may have left.
  case search(identifier: String, session: UInt64)
  /// Ask who owns a node that carries our mark and that no attempt knows.
  case lookAtStranger(String, session: UInt64)
  /// Wait a while, and then say so: the servers have too much to do.
  case pause(SemaphorePause)
}
