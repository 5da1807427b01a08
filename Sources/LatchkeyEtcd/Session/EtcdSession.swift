#if Etcd
internal import Latchkey
internal import LatchkeyPrimitives

/// A lease of the cluster and the term that it is proven to live for. All locks of a client rest on one.
final class EtcdSession: Sendable {
  /// The client's own number for it; the next session has a higher one.
  let generation: UInt64
  let lease: Int64
  let term: Term

  init(generation: UInt64, lease: Int64, deadline: ContinuousClock.Instant) {
    self.generation = generation
    self.lease = lease
    self.term = Term(deadline: deadline)
  }
}

/// What happens to a client's sessions.
enum EtcdSessionEvent: Sendable {
  case began(EtcdSession)
  case ended(EtcdSession)
  /// No session will come any more.
  case closed(EtcdError)
}
#endif
