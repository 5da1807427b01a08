extension NodeQueue {
  /// The rules that make the queue safe, each for itself: tests break one at a time and see that it is missed.
  package struct Rules: Sendable {
    /// Behind more than one contender, a blocker that goes makes us list again: it may have given up.
    package var listsAgainBehindSeveral = true
    /// A create without an answer is looked for before it is made again.
    package var recoversCreates = true
    /// A node of ours that is gone is never granted.
    package var heedsOwnDeletion = true
    /// A delete without an answer is tried again.
    package var retriesDeletes = true
    /// Nothing is granted unless the session is proven to live.
    package var needsLiveTerm = true
    /// What an abandoned create has left is deleted.
    package var cleansUpAfterAbandonedCreates = true
    /// A request that the servers refused because of their load is made again.
    package var repeatsRefused = true
    /// Watches are set once more after a reconnect: servers may refuse because of their load what the client's library sends
    /// to set them again, and the library does not report it.
    package var watchesAgain = true
    /// The end of the only blocker means our turn only if the server has said before that our own node is watched;
    /// otherwise somebody may have deleted it, and we list again.
    package var shortcutNeedsOwnWatch = true
    /// What the server said of a watch counts for the node that it was about.
    package var ownWatchCountsForItsNode = true
    /// What the server said of a watch counts for the connection on which it said so.
    package var ownWatchEndsWithConnection = true
    /// Events about a blocker count for the blocker that they name.
    package var matchesBlockers = true
    /// The end of a blocker that may have been replaced makes us list again.
    package var listsAgainBehindReplaceable = true
    /// Recovery does not go on with a node that is being deleted.
    package var leavesDoomedNodes = true
    /// Recovery waits until its server has caught up with the leader.
    package var syncsRecovery = true
    /// Nodes of ours that no attempt knows are deleted when a list shows them, and of two nodes of one attempt the lower is
    /// kept.
    package var sweepsStrangers = true
    /// Nothing that an attempt knows is swept.
    package var sweepsOnlyUnknown = true
    /// A try that comes while an attempt is on its way is not answered by what was asked before: the lock may have been released
    /// since.
    package var asksForNewcomers = true
    /// A node stands for what the head of the line wants: it is left when that changes.
    package var followsWant = true
    /// While a node that holds the lock is being replaced, its end means nothing: the answer tells what stands.
    package var silencesReplacedNodes = true
    /// What became of a replacement without an answer is looked for.
    package var looksForForms = true
    /// A holder that gives up while its node is being replaced leaves nothing: the node that stands in the end is deleted.
    package var deletesReplacements = true
    /// Who goes on reading keeps the token of the write, so that a writer that came before that has a greater one.
    package var keepsTokenOfDowngraded = true
    /// Who writes after reading has the token of its new node: others may have read meanwhile.
    package var renewsTokenOfUpgraded = true
    /// Who may not write takes its node back to that of a reader.
    package var takesBackUpgrades = true
    /// Callers that wait for a delete return when the connection is lost.
    package var settlesOnSuspension = true

    package init() {}
  }
}
