/// What there is to know about a backend before choosing it.
struct BackendFacts: Codable, Hashable, Sendable {
  /// How a lock fares under a fault.
  enum Verdict: String, Codable, Hashable, Sendable {
    /// Two holders are impossible, under the conditions of the backend.
    case safe
    /// Granted to one at a time; what a holder still sends after its time is refused where tokens are checked.
    case token
    /// It can be granted twice at once; where tokens are checked, only the newer grant gets through.
    case twice
    /// Two can act under it at once, and nothing detects it.
    case exposed
    /// It cannot happen.
    case none

    var allowsTwoHolders: Bool { self == .twice || self == .exposed }
  }

  /// A verdict and its reason in a sentence.
  struct Safety: Codable, Hashable, Sendable {
    var verdict: Verdict
    var because: String

    init(_ verdict: Verdict, _ because: String) {
      self.verdict = verdict
      self.because = because
    }
  }

  /// The kind, as in JSON and URLs.
  var backend: String
  /// What it is.
  var summary: String
  /// Whether the lock holds between processes.
  var acrossProcesses: Bool
  /// The holder is stopped, or its machine sleeps, for longer than the lock is kept for it.
  var pause: Safety
  /// A server dies, restarts, or another takes its place.
  var crash: Safety
  /// The network is cut between clients and servers, or among servers.
  var partition: Safety
  /// Somebody sets a server's clock.
  var clockJump: Safety
  /// Where fencing tokens come from; nil if there are none.
  var fencing: String?
  /// Whether the first to come is the first served, among all processes.
  var isFair: Bool
  var fairness: String
  /// Whether the lock goes on working when a minority of the servers is gone.
  var survivesMinority: Bool
  var needsServers: Bool
  /// What to run, for people.
  var toRun: String
  /// What an uncontended acquire costs.
  var cost: String
}
