package import Latchkey

/// Our node in a lock's directory.
package struct NodeQueueNode: Hashable, Sendable {
  /// The last part of its path.
  package var name: String
  /// The transaction that created it, or the node whose place it has taken: the fencing token.
  package var czxid: Int64
  /// How often the place was granted again.
  package var minor: UInt64
  /// The session that owns it, by the client's own numbering.
  package var session: UInt64

  package init(name: String, czxid: Int64, minor: UInt64 = 0, session: UInt64) {
    self.name = name
    self.czxid = czxid
    self.minor = minor
    self.session = session
  }
}

/// What stands in the queue for a lease whose node is being replaced.
package struct NodeQueueForm: Hashable, Sendable {
  package var name: String
  /// What its name has before its number.
  package var marker: String
  /// The transaction that created it; 0 where nobody asked.
  package var czxid: Int64
  /// Whether a list that is newer than the node shows no other contender.
  package var isAlone: Bool

  package init(name: String, marker: String, czxid: Int64 = 0, isAlone: Bool = false) {
    self.name = name
    self.marker = marker
    self.czxid = czxid
    self.isAlone = isAlone
  }
}

/// Who stands in the queue, as one list of the directory told.
package struct NodeQueueView: Hashable, Sendable {
  /// How many contenders stand before our node; nil if our node is not among them.
  package var ownIndex: Int?
  /// How many of those block it.
  package var blockers: Int
  /// The last of the blockers.
  package var blocker: String?
  /// What the blocker's name has before its number.
  package var marker: String?
  /// The contender that holds the lock.
  package var first: String?
  /// A contender for a lock of another kind.
  package var foreign: String?
  /// How many contenders there are.
  package var count: Int
  /// Names that carry the identifier of our attempt, lowest first: for recovery.
  package var matches: [String]
  /// Names that carry the mark of this queue, whatever the attempt.
  package var ours: [String]
  /// All contenders, if sequence numbers have wrapped or are about to, so that names no longer tell the order.
  package var unordered: [String]?

  package init(
    ownIndex: Int? = nil,
    blockers: Int? = nil,
    blocker: String? = nil,
    marker: String? = nil,
    first: String? = nil,
    foreign: String? = nil,
    count: Int = 0,
    matches: [String] = [],
    ours: [String] = [],
    unordered: [String]? = nil
  ) {
    self.ownIndex = ownIndex
    self.blockers = blockers ?? ownIndex ?? 0
    self.blocker = blocker
    self.marker = marker
    self.first = first
    self.foreign = foreign
    self.count = count
    self.matches = matches
    self.ours = ours
    self.unordered = unordered
  }
}

/// Why a request has no result, reduced to what the queue decides by.
package enum NodeQueueFailure: Error, Hashable, Sendable {
  /// The directory, or the node, is not there.
  case noNode
  /// The connection went away, or the answer did: the request may have been carried out.
  case inDoubt
  /// The session is over, and with it all its nodes.
  case sessionOver
  /// The servers refused the request because of their load: it was not carried out, and may be later.
  case throttled
  /// Asking again will not help.
  case permanent(LockFailure)
}

/// What a contender waits behind: told to callers whose wait runs out.
package struct NodeQueuePlace: Hashable, Sendable {
  /// How many contenders block us.
  package var ahead: Int
  package var first: String?
  /// The node whose deletion is waited for.
  package var blocker: String?
  /// What its name has before its number.
  package var marker: String?
}

/// What is made again a while after the servers refused it because of their load.
package enum NodeQueuePause: Hashable, Sendable {
  /// The request that an attempt waits for.
  case attempt(UInt64)
  case delete(NodeQueueNode)
  case search(identifier: String, session: UInt64)
  /// The look at a node that no attempt knows.
  case stranger(String, session: UInt64)
  /// The replacement of a node by which we hold the lock.
  case conversion(NodeQueueNode)
}

/// What happens to the queue of one lock within one client.
package enum NodeQueueEvent: Sendable {
  /// A session is connected: a new one, or the old one again.
  case connected(session: UInt64)
  /// The connection is down; the session may live.
  case suspended
  /// A session is over.
  case ended(session: UInt64)
  /// No session will come any more.
  case closed(LockFailure)
  /// Create and list have been answered.
  case entered(
    attempt: UInt64,
    create: Result<NodeQueueNode, NodeQueueFailure>,
    view: Result<NodeQueueView, NodeQueueFailure>
  )
  /// The directory was made, or not.
  case directoryMade(attempt: UInt64, Result<Void, NodeQueueFailure>)
  /// A list has been answered.
  case listed(attempt: UInt64, Result<NodeQueueView, NodeQueueFailure>)
  /// A node found by recovery was looked at: nil if it is not ours.
  case inspected(attempt: UInt64, Result<NodeQueueNode?, NodeQueueFailure>)
  /// Contenders with their creation transactions, oldest first.
  case ordered(attempt: UInt64, Result<[NodeQueueNode], NodeQueueFailure>)
  /// The watch on a blocker of that name was set, or not.
  case blockerWatched(attempt: UInt64, name: String, Result<Void, NodeQueueFailure>)
  /// A blocker of that name was deleted.
  case blockerGone(attempt: UInt64, name: String)
  /// Our own node was deleted.
  case ownGone(NodeQueueNode)
  /// The watch of that number on our own node was set, or not.
  case ownWatched(NodeQueueNode, watch: UInt64, Result<Void, NodeQueueFailure>)
  /// A node by which we hold the lock was to be replaced, or was looked for after that: what stands now; nil if nothing of ours does.
  case formed(NodeQueueNode, Result<NodeQueueForm?, NodeQueueFailure>)
  /// A node that no attempt knows was looked at: nil if it is another session's.
  case strangerSeen(String, session: UInt64, Result<NodeQueueNode?, NodeQueueFailure>)
  /// The session is proven again to live for a while.
  case termLive(session: UInt64)
  /// The session cannot be proven to live at all.
  case unprovable(session: UInt64, LockFailure)
  /// A delete has been answered.
  case deleted(NodeQueueNode, Result<Void, NodeQueueFailure>)
  /// A search for what an abandoned create may have left has been answered.
  case searched(identifier: String, session: UInt64, Result<NodeQueueView, NodeQueueFailure>)
  /// It has been waited long enough after a refusal.
  case pauseOver(NodeQueuePause)
}

package typealias NodeQueueAction = ContentionAction<NodeQueue>

/// What the queue asks of the servers. The backend sends each request and reports the outcome as an event.
package enum NodeQueueRequest: Hashable, Sendable {
  /// Create our node and list the directory, in one flight.
  case enter(attempt: UInt64, identifier: String, rule: GrantRule, session: UInt64)
  case makeDirectory(attempt: UInt64, session: UInt64)
  /// List the directory, after a `sync` if the answer must not be stale.
  case list(attempt: UInt64, own: String?, identifier: String, rule: GrantRule, sync: Bool, session: UInt64)
  /// Read owner and creation transaction of a node that recovery found.
  case inspect(attempt: UInt64, name: String, session: UInt64)
  /// Read the creation transactions of all contenders.
  case order(attempt: UInt64, names: [String], session: UInt64)
  case watchBlocker(attempt: UInt64, name: String, session: UInt64)
  case watchOwn(NodeQueueNode, watch: UInt64)
  /// Watch our own node from the next heartbeat on: a short hold ends before, and then costs no read.
  case watchOwnLater(NodeQueueNode, watch: UInt64)
  /// Forget the watches of what waits: on the blocker, and on our own node.
  case forgetWatches
  /// Forget the watch on a node by which we hold the lock, or have held it.
  case forgetOwnWatch(NodeQueueNode)
  /// Replace what stands for a node that we hold by a node of another rule and the same number, in one transaction; where that
  /// one holds the lock alone, list the directory and read the new node in the same flight.
  case convert(NodeQueueNode, standing: String, to: GrantRule)
  /// Find out in which form a node stands that was to be replaced, after a `sync`.
  case findForm(NodeQueueNode, standing: String, identifier: String, to: GrantRule)
  case awaitLiveTerm(session: UInt64)
  /// The lock is not ours yet; for those whose wait may run out.
  case behind(NodeQueuePlace)
  case delete(NodeQueueNode)
  /// Find and delete what an abandoned create may have left.
  case search(identifier: String, session: UInt64)
  /// Ask who owns a node that carries our mark and that no attempt knows.
  case lookAtStranger(String, session: UInt64)
  /// Wait a while, and then say so: the servers have too much to do.
  case pause(NodeQueuePause)
  case warnAboutWrap
}
