/// What somebody needs of a lock.
enum Need: String, CaseIterable, Codable, Hashable, Sendable {
  case acrossProcesses = "across-processes"
  case fencing
  case fair
  case surviveMinority = "survive-minority"
  case surviveRestart = "survive-restart"
  case clockJumps = "clock-jumps"
  case noExtraServers = "no-extra-servers"

  /// Why a backend does not meet the need; nil if it does.
  ///
  /// - Parameters:
  ///   - facts: The backend.
  ///   - have: The backends whose servers run already.
  func objection(to facts: BackendFacts, having have: Set<String>) -> String? {
    switch self {
    case .acrossProcesses: facts.acrossProcesses ? nil : "holds within one process only"
    case .fencing: facts.fencing == nil ? "has no fencing token" : nil
    case .fair: facts.isFair ? nil : "is not fair: \(facts.fairness)"
    case .surviveMinority: facts.survivesMinority ? nil : "stops with its one server"
    case .surviveRestart:
      facts.crash.verdict.allowsTwoHolders ? "does not survive the loss of a server: \(facts.crash.because)" : nil
    case .clockJumps: facts.clockJump.verdict.allowsTwoHolders ? "trusts clocks: \(facts.clockJump.because)" : nil
    case .noExtraServers:
      // By the backend's name: a Redis server that runs anyway is no quorum of independent ones.
      facts.needsServers && !have.contains(facts.backend) ? "needs servers: \(facts.toRun)" : nil
    }
  }
}

/// A backend, and whether it fits.
struct Choice: Hashable, Sendable {
  var facts: BackendFacts
  /// What speaks against it, in the order of the needs.
  var objections: [String]

  var fits: Bool { self.objections.isEmpty }

  /// All backends in their order.
  ///
  /// - Parameters:
  ///   - needs: What is needed.
  ///   - have: The backends whose servers run already.
  static func all(for needs: Set<Need>, having have: Set<String>) -> [Choice] {
    BackendFacts.all.map { facts in
      let ordered = Need.allCases.filter(needs.contains)
      return Choice(facts: facts, objections: ordered.compactMap { $0.objection(to: facts, having: have) })
    }
  }
}
