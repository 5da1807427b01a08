#if Etcd
package import Latchkey

/// Our key in a lock's queue.
package struct KeyQueueNode: Hashable, Sendable {
  package var key: [UInt8]
  /// Which of the session's keys in this queue it is.
  package var slot: UInt64
  /// The revision that created it: its place in the queue, and the fencing token.
  package var revision: Int64
  /// The session whose lease it is bound to, by the client's own numbering.
  package var session: UInt64

  /// Stands for whatever revision a key may have come back with.
  package static let anyRevision: Int64 = 0

  package init(key: [UInt8], slot: UInt64, revision: Int64, session: UInt64) {
    self.key = key
    self.slot = slot
    self.revision = revision
    self.session = session
  }
}

/// What stands before our key, by one read of the queue.
package struct KeyQueueView: Hashable, Sendable {
  /// The contender right before our key; nil if there is none.
  package var predecessor: [UInt8]?
  /// Whether the predecessor is the first in the queue.
  package var isNext: Bool
  /// How many stand before our key, where the read tells.
  package var ahead: Int?
  /// Who holds the lock, where the read tells.
  package var holder: String?
  /// The revision of the store that was read; 0 if it is not known.
  package var revision: Int64

  package init(
    predecessor: [UInt8]? = nil,
    isNext: Bool = false,
    ahead: Int? = nil,
    holder: String? = nil,
    revision: Int64 = 0
  ) {
    self.predecessor = predecessor
    self.isNext = isNext
    self.ahead = ahead
    self.holder = holder
    self.revision = revision
  }
}

/// What came of an attempt to enter the queue.
package enum KeyQueueEntry: Hashable, Sendable {
  case entered(KeyQueueNode, KeyQueueView)
  /// Somebody is in the queue, and the attempt was to enter an empty one only.
  case busy(KeyQueueView)
  /// It was created by an earlier request whose answer was lost, and has been deleted since.
  case gone
}

/// Where our key stands, or that it is gone.
package enum KeyQueueCheck: Hashable, Sendable {
  case standing(KeyQueueView)
  case gone
}

/// Why a request has no result. What got no answer is asked again until it has one, so it is not among these.
package enum KeyQueueFailure: Error, Hashable, Sendable {
  /// The session is over, and with it all its keys.
  case sessionOver
  /// The servers rejected the request before they carried out any part of it, and asking again will not help.
  case rejected(LockFailure)
  /// The servers answered with an error, which does not prove that nothing was written.
  case failed(LockFailure)
}

/// What happens to the queue of one lock within one client.
package enum KeyQueueEvent: Sendable {
  case sessionBegan(UInt64)
  case sessionEnded(UInt64)
  /// No session will come any more.
  case closed(LockFailure)
  /// The attempt to enter was answered.
  ///
  /// - `node`: the key that it meant to create, with its revision where the servers have shown that it stands; nil if nothing was
  ///   sent.
  /// - `copies`: how many copies of the request may still be carried out, whatever the answer was: each can create the key.
  case entered(attempt: UInt64, Result<KeyQueueEntry, KeyQueueFailure>, node: KeyQueueNode?, copies: Int)
  /// Our place was read.
  case checked(attempt: UInt64, Result<KeyQueueCheck, KeyQueueFailure>)
  /// The watch on the predecessor is set. It tells what was deleted since our place was read if it has no gap; otherwise not
  /// what was deleted before it was set.
  case predecessorWatched(attempt: UInt64, key: [UInt8], isGapless: Bool)
  case predecessorGone(attempt: UInt64, key: [UInt8])
  /// The watch on our own key is set, with or without a gap since the key was last read.
  case ownWatched(KeyQueueNode, isGapless: Bool)
  case ownGone(KeyQueueNode)
  /// The servers refuse a watch.
  case watchRefused(attempt: UInt64, LockFailure)
  /// Our key was looked for, while we hold the lock.
  case confirmed(KeyQueueNode, exists: Bool)
  /// A delete got no answer at first; it goes on in the background.
  case deleteDelayed(KeyQueueNode)
  /// A delete was answered; if the key is not gone, the servers refused. Otherwise it says whether there was a key to delete.
  case deleted(KeyQueueNode, isGone: Bool, wasThere: Bool)
  /// From time to time: an event may have been lost.
  case recheck
}

/// What the queue asks of the servers. The backend sends each request and reports the outcome as an event.
package enum KeyQueueRequest: Hashable, Sendable {
  /// Create our key and read who is before it, in one transaction; only if the queue is empty, if so asked.
  case enter(attempt: UInt64, session: UInt64, slot: UInt64, onlyIfEmpty: Bool)
  /// Read our key and who is before it.
  case check(attempt: UInt64, KeyQueueNode)
  /// Look whether our key is there, while we hold the lock.
  case confirm(KeyQueueNode)
  /// Report the deletion of the key that stood at this revision; our own likewise.
  case watchPredecessor(attempt: UInt64, key: [UInt8], asOf: Int64)
  case watchOwn(attempt: UInt64, KeyQueueNode, asOf: Int64)
  /// Watch our own key after a while: a short hold ends before, and then costs no watch.
  case watchOwnLater(KeyQueueNode)
  case forgetWatches
  case delete(KeyQueueNode)
}

package typealias KeyQueueAction = ContentionAction<KeyQueue>
#endif
