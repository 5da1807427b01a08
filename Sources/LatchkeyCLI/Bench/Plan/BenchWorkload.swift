/// What `bench` lets every backend do.
enum BenchWorkload: String, CaseIterable, Hashable, Sendable {
  case uncontended
  case handoff
  case manylocks
  case trybusy
  case crowd

  /// How many tasks work at once.
  var workers: Int {
    switch self {
    case .uncontended, .trybusy: 1
    case .handoff: 16
    case .manylocks: 64
    case .crowd: 1000
    }
  }

  /// How many locks they use.
  var names: Int { self == .manylocks ? 1000 : 1 }

  /// How long an acquire may wait: a backend that answers no more is an error, not a hang.
  var patience: Duration { self == .crowd ? .seconds(30) : .seconds(10) }

  /// The workload in a line.
  var summary: String {
    switch self {
    case .uncontended: "1 worker takes and gives back 1 lock"
    case .handoff: "16 workers take turns with 1 lock"
    case .manylocks: "64 workers take 1,000 locks at random"
    case .trybusy: "tries on a lock that another client holds"
    case .crowd: "1,000 waiters queue for 1 lock, then it drains"
    }
  }

  /// What is counted for the throughput.
  var unit: String {
    switch self {
    case .uncontended, .handoff, .manylocks: "acquire and release pairs per second"
    case .trybusy: "answers per second"
    case .crowd: "waiters served per second"
    }
  }

  /// What the latency is that of.
  var latencyMeaning: String {
    switch self {
    case .uncontended, .handoff, .manylocks: "time from asking for the lock to having it"
    case .trybusy: "time from asking to the answer \"busy\""
    case .crowd: "time from the first release to having the lock"
    }
  }
}
