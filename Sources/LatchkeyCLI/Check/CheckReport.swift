internal import LatchkeyTesting

/// All findings about a deployment, the worst first.
struct CheckReport: Encodable, Sendable {
  let backend: String
  let servers: String
  /// The worst level among the findings.
  let verdict: Finding.Level
  let findings: [Finding]

  init(backend: String, servers: String, _ findings: [Finding]) {
    self.backend = backend
    self.servers = servers
    self.verdict = findings.map(\.level).max() ?? .ok
    // Those of one level stay in the order in which they were found: server by server.
    self.findings = findings.enumerated()
      .sorted { ($1.element.level, $0.offset) < ($0.element.level, $1.offset) }
      .map(\.element)
  }

  /// Whether there is nothing that makes locks unsafe.
  var isGood: Bool { self.verdict < .warning }

  /// The report for people.
  var text: String {
    var lines = ["\(self.backend)(\(self.servers))", ""]
    for group in self.groups {
      let finding = group[0]
      let level = finding.level.rawValue
      let indent = String(repeating: " ", count: 9)
      let servers = group.compactMap(\.server).joined(separator: ", ")
      let place = servers.isEmpty ? "" : "\(servers): "
      lines.append("\(level)\(indent.dropFirst(level.count))\(finding.check): \(place)\(finding.reason)")
      if let remedy = finding.remedy { lines.append("\(indent)-> \(remedy)") }
    }
    return (lines + ["", self.sum]).joined(separator: "\n")
  }

  /// What is the same on several servers is said once.
  private var groups: [[Finding]] {
    var groups: [[Finding]] = []
    for finding in self.findings {
      if let place = groups.firstIndex(where: { $0[0].isAlike(finding) }) {
        groups[place].append(finding)
      } else {
        groups.append([finding])
      }
    }
    return groups
  }

  /// How many lines of each kind there are.
  private var sum: String {
    let counts = [
      (Finding.Level.danger, "danger", "dangers"), (.warning, "warning", "warnings"), (.note, "note", "notes"),
    ]
    .compactMap { level, one, many -> String? in
      let count = self.groups.count { $0[0].level == level }
      return count == 0 ? nil : "\(count) \(count == 1 ? one : many)"
    }
    return counts.isEmpty ? "nothing to object to" : counts.joined(separator: ", ")
  }
}
