extension SemaphoreMachine {
  /// The rules that make the semaphore safe, and let everybody in some time, each for itself: tests break one at a time and see that
  /// it is missed.
  package struct Rules: Sendable {
    /// Only the nodes with lower numbers count against ours: of two that race for the last permit, one gets it.
    package var ranks = true
    /// Of several nodes of ours, all must fit.
    package var judgesByHighest = true
    /// The fast path does not overtake those who stand in the queue.
    package var heedsQueue = true
    /// Who does not head the queue does not wait among the permits.
    package var withdraws = true
    /// Who heads the queue stays there until its permits are granted.
    package var keepsPlaceAsHead = true
    /// Who has lost its place at the head of the queue gets into it again.
    package var reentersQueue = true
    /// Who heads the queue looks again when permits come or go.
    package var heedsPermits = true
    /// Who heads the queue looks again when the limit changes.
    package var heedsLimit = true
    /// A limit that has changed since is not judged by.
    package var forgetsChangedLimit = true
    /// Who wants more than the limit lets others by.
    package var stepsAside = true
    /// Who heads the queue with what another caller wanted makes nodes for what the present one wants.
    package var followsWant = true
    /// A create without an answer is looked for.
    package var recoversCreates = true
    /// What an abandoned create has left is deleted.
    package var cleansUpAfterAbandonedCreates = true
    /// Nodes of ours that no attempt knows are deleted when a list shows them.
    package var sweepsStrangers = true
    /// Who waits in the queue watches the permits for what a create without an answer may still leave.
    package var looksOut = true
    /// Nothing that an attempt knows is swept.
    package var sweepsOnlyUnknown = true
    /// A delete without an answer is tried again.
    package var retriesDeletes = true
    /// A request that the servers refused because of their load is made again.
    package var repeatsRefused = true
    /// Watches are set once more after a reconnect: servers may refuse because of their load what the client's library sends
    /// to set them again, and the library does not report it.
    package var watchesAgain = true
    /// Nothing is granted unless the session is proven to live.
    package var needsLiveTerm = true
    /// The end of one of our nodes ends the lease.
    package var heedsOwnDeletion = true
    /// Of a lease that has lost a node, the others are deleted.
    package var deletesRest = true
    /// Who waits with nodes of which one is gone makes them anew.
    package var missesOwnNodes = true
    /// A try that comes while an attempt is on its way is not answered by what was asked before: permits may have come free since.
    package var asksForNewcomers = true

    package init() {}
  }
}
