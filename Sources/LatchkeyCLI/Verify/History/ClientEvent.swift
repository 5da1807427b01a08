internal import Latchkey

/// A fencing token as it travels between processes.
struct VerifyToken: Codable, Hashable, Comparable, Sendable, CustomStringConvertible {
  var major: UInt64
  var minor: UInt64 = 0

  init(major: UInt64, minor: UInt64 = 0) {
    self.major = major
    self.minor = minor
  }

  init(_ token: FencingToken) {
    self.init(major: token.major, minor: token.minor)
  }

  static func < (left: VerifyToken, right: VerifyToken) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  var description: String { self.minor == 0 ? "\(self.major)" : "\(self.major).\(self.minor)" }
}

/// One look at a lease. All instants of a history are nanoseconds on the machine's clock that is never set (``Uptime``).
struct Observation: Codable, Hashable, Sendable {
  /// Before the question was asked, and after it was answered: the answer was true at some instant between the two.
  var before: UInt64
  var after: UInt64
  var isHeld: Bool
  /// The later of the deadlines before and after the question; nil if the lease has none.
  var deadline: UInt64?
}

/// What a client process reports, one line of JSON each.
enum ClientEvent: Codable, Hashable, Sendable {
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
struct RecordedEvent: Codable, Hashable, Sendable {
  /// The place among the processes, from 0.
  var client: Int
  /// Which of the processes that have had this place, from 0: killed ones are replaced.
  var life: Int
  var event: ClientEvent
}

/// A write that has reached the resource.
struct WriteRecord: Codable, Hashable, Sendable {
  var client: Int
  var life: Int
  var worker: Int
  /// Which of the worker's leases, from 0.
  var lease: Int
  var token: VerifyToken?
  var at: UInt64
  var wasAccepted: Bool
}
