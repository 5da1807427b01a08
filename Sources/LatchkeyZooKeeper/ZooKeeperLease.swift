internal import Latchkey

/// One grant of a ZooKeeper lock: our node, and the term that proves the session behind it.
typealias ZooKeeperLease = TermLease<LockQueue>
