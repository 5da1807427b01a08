/// The results of a bench for a terminal: a row for each figure, a column for each backend, the best of a row marked.
///
/// In-process locks compete among themselves, and so do those of servers: that the former are faster is no news.
struct BenchTable: Sendable {
  /// One figure on all backends.
  struct Row: Sendable {
    enum Best: Sendable {
      case greatest
      case least
    }

    var workload: BenchWorkload
    var name: String
    /// In the order of the targets; nil where it was not measured.
    var values: [Double?]
    /// The places of values that compete with each other.
    var groups: [[Int]]
    var best: Best
    var format: @Sendable (Double) -> String

    /// The places of the best value of each group. Values that print alike are equally good; among fewer than two, none is the
    /// best.
    var bestPlaces: Set<Int> {
      self.groups.reduce(into: []) { places, group in
        let known = group.compactMap { self.values[$0] }
        guard known.count > 1, let best = self.best == .greatest ? known.max() : known.min() else { return }
        let text = self.format(best)
        places.formUnion(group.filter { place in self.values[place].map { self.format($0) == text } ?? false })
      }
    }
  }

  let targets: [String]
  let rows: [Row]

  init(_ outcome: BenchOutcome) {
    self.targets = outcome.targets.map(\.name)
    let groups = [true, false].map { isInProcess in
      outcome.targets.indices.filter { outcome.targets[$0].isInProcess == isInProcess }
    }
    self.rows = outcome.workloads.flatMap { workload in
      let reports = outcome.results.filter { $0.workload == workload }.map { $0.isMeasured ? $0.report.workload : nil }
      return Self.rows(workload, reports, groups)
    }
  }

  private static func rows(_ workload: BenchWorkload, _ reports: [WorkloadReport?], _ groups: [[Int]]) -> [Row] {
    func row(
      _ name: String,
      _ best: Row.Best,
      _ format: @escaping @Sendable (Double) -> String,
      _ value: (WorkloadReport) -> Double
    ) -> Row {
      Row(
        workload: workload,
        name: name,
        values: reports.map { $0.map(value) },
        groups: groups,
        best: best,
        format: format
      )
    }
    let time: @Sendable (Double) -> String = { Figures.time(microseconds: $0) }
    var rows = [
      row("per second", .greatest, { Figures.number($0) }, \.perSecond),
      row("p50", .least, time, \.latencyMicroseconds.p50),
      row("p99", .least, time, \.latencyMicroseconds.p99),
    ]
    if workload == .handoff {
      rows.append(row("fairness", .greatest, { Figures.number($0) }, \.fairness.jain))
    }
    return rows
  }

  /// The table as text.
  var text: String {
    var lines = [["", ""] + self.targets]
    var last: BenchWorkload?
    for row in self.rows {
      let best = row.bestPlaces
      let cells = row.values.enumerated().map { place, value in
        (value.map(row.format) ?? "-") + (best.contains(place) ? " *" : "  ")
      }
      if last != nil, last != row.workload { lines.append([]) }
      lines.append([last == row.workload ? "" : row.workload.rawValue, row.name] + cells)
      last = row.workload
    }
    return Self.aligned(lines)
  }

  /// Pads cells to columns: the first two to the left, all others to the right, headings over the figures.
  private static func aligned(_ lines: [[String]]) -> String {
    let columns = lines.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return lines.enumerated().map { number, cells in
      let padded = cells.enumerated().map { column, cell in
        let text = number == 0 && column > 1 ? cell + "  " : cell
        let space = String(repeating: " ", count: max(0, widths[column] + (column > 1 ? 2 : 0) - text.count))
        return column > 1 ? space + text : text + space
      }
      return padded.joined(separator: "  ").trimmingEnd()
    }.joined(separator: "\n")
  }
}

extension String {
  /// Without spaces at its end.
  func trimmingEnd() -> String {
    guard let last = self.lastIndex(where: { $0 != " " }) else { return "" }
    return String(self[...last])
  }
}
