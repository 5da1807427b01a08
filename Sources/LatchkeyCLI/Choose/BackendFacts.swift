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

extension BackendFacts {
  /// All backends of the project, those included that this command may have been built without.
  static let all: [BackendFacts] = [mutex, channel, zookeeper, etcd, redis, redlock]

  private static let mutex = BackendFacts(
    backend: "mutex",
    summary: "an asynchronous mutex within one process",
    acrossProcesses: false,
    pause: Safety(.safe, "there is no deadline, and nobody else is granted the lock meanwhile"),
    crash: Safety(.none, "the lock ends with its process; there is no server"),
    partition: Safety(.none, "there is no network"),
    clockJump: Safety(.none, "no clock is asked"),
    fencing: "counter, within the process",
    isFair: true,
    fairness: "first come, first served",
    survivesMinority: true,
    needsServers: false,
    toRun: "nothing",
    cost: "no round trip"
  )

  private static let channel = {
    var facts = mutex
    facts.backend = "channel"
    facts.summary = "a one-slot channel within one process, made for tries"
    return facts
  }()

  private static let zookeeper = BackendFacts(
    backend: "zookeeper",
    summary: "an ephemeral sequential node in an ensemble, beside Curator, kazoo and go-zookeeper",
    acrossProcesses: true,
    pause: Safety(.token, "the lease ends by its deadline; a write that is late is refused by its token"),
    crash: Safety(.safe, "a majority remembers every grant over restarts and changes of leader"),
    partition: Safety(.safe, "only a majority grants; a holder cut off loses the lock by its deadline"),
    clockJump: Safety(.safe, "servers count with monotonic clocks; the rate has to be about right"),
    fencing: "czxid, also over deletion of the directory",
    isFair: true,
    fairness: "first come, first served among processes",
    survivesMinority: true,
    needsServers: true,
    toRun: "3 or 5 servers",
    cost: "1 round trip with a write to a majority"
  )

  private static let etcd = {
    var facts = zookeeper
    facts.backend = "etcd"
    facts.summary = "a key bound to a lease in a cluster, beside etcdctl lock"
    facts.crash = Safety(.safe, "a majority remembers every grant, on 3.4.31, 3.5.13 or newer")
    facts.clockJump = Safety(.safe, "leases count with monotonic clocks; the rate has to be about right")
    facts.fencing = "create revision"
    return facts
  }()

  private static let redis = BackendFacts(
    backend: "redis",
    summary: "a key with a time to live on one Redis server",
    acrossProcesses: true,
    pause: Safety(.token, "the lease ends by its deadline; a write that is late is refused by its token"),
    crash: Safety(.twice, "a server that forgets, or a replica that takes over, can grant the lock again"),
    partition: Safety(.safe, "one server decides; a holder cut off loses the lock by its deadline"),
    clockJump: Safety(.twice, "keys expire by the server's wall clock: a step forward frees locks early"),
    fencing: "counter and server time: grows unless both are lost together",
    isFair: false,
    fairness: "none among processes; in order within one",
    survivesMinority: false,
    needsServers: true,
    toRun: "1 server",
    cost: "1 round trip"
  )

  private static let redlock = BackendFacts(
    backend: "redlock",
    summary: "keys on a majority of independent Redis servers",
    acrossProcesses: true,
    pause: Safety(.exposed, "the lease ends by its deadline, but a write that is late has no token to be refused by"),
    crash: Safety(.safe, "a server seen restarted has no vote until old locks are over; FLUSHALL is not noticed"),
    partition: Safety(.safe, "only a majority grants; a holder cut off loses the lock by its deadline"),
    clockJump: Safety(.exposed, "keys expire by wall clocks: steps on a majority free locks early"),
    fencing: nil,
    isFair: false,
    fairness: "none among processes; in order within one",
    survivesMinority: true,
    needsServers: true,
    toRun: "5 (or 3) servers without replication",
    cost: "1 round trip to all servers at once"
  )
}
