/// The choices for a terminal: a column for each backend, a row for each property.
struct ChoiceTable: Sendable {
  let choices: [Choice]
  let needs: Set<Need>
  /// What was measured on this machine, by backend.
  let latencies: [String: WorkloadReport.Latency]

  private static let columnWidth = 14
  private static let nameWidth = 26

  var text: String {
    ([self.table, self.legend] + (self.needs.isEmpty ? [self.advice] : [self.verdict])).joined(separator: "\n\n")
  }

  // MARK: The table

  private var table: String {
    var rows: [(String, (BackendFacts) -> String)] = [
      ("", \.backend),
      ("between processes", { $0.acrossProcesses ? "yes" : "no" }),
      ("holder paused", { Self.word($0.pause) }),
      ("server crash, failover", { Self.word($0.crash) }),
      ("network cut", { Self.word($0.partition) }),
      ("server's clock stepped", { Self.word($0.clockJump) }),
      ("fencing token", { $0.fencing == nil ? "no" : "yes" }),
      ("fair among processes", { $0.isFair ? "yes" : "no" }),
      ("minority of servers gone", { $0.needsServers ? $0.survivesMinority ? "goes on" : "stops" : "-" }),
      ("to run", { $0.needsServers ? Self.shortToRun($0) : "nothing" }),
      ("acquire here, p50", { self.latency($0) { $0.p50 } }),
    ]
    if !self.latencies.isEmpty { rows.append(("acquire here, p99", { self.latency($0) { $0.p99 } })) }
    return rows.map { name, cell in
      let cells = self.choices.map { Self.padded(cell($0.facts), Self.columnWidth) }
      return (Self.padded(name, Self.nameWidth) + cells.joined()).trimmingEnd()
    }.joined(separator: "\n")
  }

  private static func word(_ safety: BackendFacts.Safety) -> String {
    safety.verdict == .none ? "-" : safety.verdict.rawValue
  }

  private static func shortToRun(_ facts: BackendFacts) -> String {
    String(facts.toRun.prefix(upTo: facts.toRun.firstRange(of: " server")?.lowerBound ?? facts.toRun.endIndex))
  }

  private func latency(_ facts: BackendFacts, _ figure: (WorkloadReport.Latency) -> Double) -> String {
    self.latencies[facts.backend].map { Figures.time(microseconds: figure($0)) } ?? "not measured"
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(2, width - text.count))
  }

  // MARK: Words

  private var legend: String {
    var lines = [
      "safe     two cannot hold the lock at once, under the conditions that the documentation names",
      "token    granted to one at a time; what comes too late is refused where fencing tokens are checked",
      "twice    can be granted twice at once; where tokens are checked, only the newer grant gets through",
      "exposed  two can act under it at once, and nothing detects it",
    ]
    let missing = self.choices.map(\.facts).filter { self.latencies[$0.backend] == nil }.map(\.backend)
    if !missing.isEmpty {
      lines.append(
        "not measured here: \(missing.joined(separator: ", ")); add --measure, --serve NAME, or the URL of a lock"
      )
    }
    return lines.joined(separator: "\n")
  }

  private var advice: String {
    """
    One process: mutex. Duplicate work is a nuisance, not a disaster: redis, or redlock to survive a server.
    Correctness: zookeeper or etcd, with a resource that checks the token; one that cannot check is protected by no lock.
    Long queues, fairness: zookeeper or etcd. Very many short locks: redis.
    Say what you need to see what fits, for example: latchkey choose --across-processes --fencing --survive-minority
    """
  }

  /// What fits, and why the others do not.
  private var verdict: String {
    let fitting = self.choices.filter(\.fits)
    var lines = fitting.map { choice in
      "fits: \(choice.facts.backend); run \(choice.facts.toRun); an acquire costs \(choice.facts.cost)"
    }
    if lines.isEmpty { lines.append("Nothing fits all of this; drop a need, or run servers for it.") }
    for choice in self.choices where !choice.fits {
      lines.append("not \(choice.facts.backend): it \(choice.objections.joined(separator: "; it "))")
    }
    return lines.joined(separator: "\n")
  }
}
