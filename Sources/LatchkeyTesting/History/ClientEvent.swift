package import Latchkey

/// A fencing token as it travels between processes.
package struct VerifyToken: Codable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package var major: UInt64
  package var minor: UInt64 = 0

  package init(major: UInt64, minor: UInt64 = 0) {
    self.major = major
    self.minor = minor
  }

  package init(_ token: FencingToken) {
    self.init(major: token.major, minor: token.minor)
  }

  package static func < (left: VerifyToken, right: VerifyToken) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// The token as the library knows it.
  package var token: FencingToken { FencingToken(major: self.major, minor: self.minor) }

  package var description: String { self.minor == 0 ? "\(self.major)" : "\(self.major).\(self.minor)" }
}

/// One look at a lease. All instants of a history are nanoseconds on the machine's clock that is never set.
package struct Observation: Codable, Hashable, Sendable {
  /// Before the question was asked, and after it was answered: the answer was true at some instant between the two.
  package var before: UInt64
  package var after: UInt64
  package var isHeld: Bool
  /// The later of the deadlines before and after the question; nil if the lease has none.
  package var deadline: UInt64?
}

/// What a client process reports, one line of JSON each.
package enum ClientEvent: Codable, Hashable, Sendable {
  /// Connected, and ready to begin.
  case ready
  case asked(worker: Int, at: UInt64, within: UInt64)
  case granted(worker: Int, token: VerifyToken?, seen: Observation)
  case seen(worker: Int, seen: Observation)
  /// From now on nobody looks at the lease until it is given back, or says by itself that it is lost.
  case unwatched(worker: Int)
  /// Holds the lock for longer than it meant to, as it was told to.
  case lingering(worker: Int)
  /// A write to the resource, which waits for its answer.
  case write(worker: Int, token: VerifyToken?, seen: Observation)
  /// The lease has said by itself that it is lost.
  case lost(worker: Int, at: UInt64, deadline: UInt64?, reason: String)
  case releasing(worker: Int, at: UInt64, seen: Observation)
  case released(worker: Int, at: UInt64)
  case failed(worker: Int, at: UInt64, code: String, message: String)
  /// No thread of the process ran in between.
  case stalled(from: UInt64, until: UInt64)
  /// The wall clock has been set by so many seconds.
  case wallClock(at: UInt64, by: Double)
  /// Everything is given back and closed.
  case done
}

/// An event with the process it comes from.
package struct RecordedEvent: Codable, Hashable, Sendable {
  /// The place among the processes, from 0.
  package var client: Int
  /// Which of the processes that have had this place, from 0: killed ones are replaced.
  package var life: Int
  package var event: ClientEvent

  package init(client: Int, life: Int, event: ClientEvent) {
    self.client = client
    self.life = life
    self.event = event
  }

  /// The process in which it happened.
  var place: ClientHistory.Life { .init(client: self.client, life: self.life) }
}

/// A write that has reached the resource.
package struct WriteRecord: Codable, Hashable, Sendable {
  package var client: Int
  package var life: Int
  package var worker: Int
  /// Which of the worker's leases, from 0.
  package var lease: Int
  package var token: VerifyToken?
  package var at: UInt64
  package var wasAccepted: Bool

  /// - Parameters:
  ///   - recorded: The event with which it was reported.
  ///   - worker: Who wrote.
  ///   - lease: Which of the worker's leases it was written under, from 0.
  ///   - token: The token that came with it.
  ///   - wasAccepted: The resource's answer, given now.
  package init(_ recorded: RecordedEvent, worker: Int, lease: Int, token: VerifyToken?, wasAccepted: Bool) {
    self.client = recorded.client
    self.life = recorded.life
    self.worker = worker
    self.lease = lease
    self.token = token
    self.at = ContinuousClock.now.sinceStart
    self.wasAccepted = wasAccepted
  }
}
