internal import Latchkey

/// The results of a bench as one page that needs nothing else: no script, no font, no picture from anywhere.
struct BenchPage: Sendable {
  private let outcome: BenchOutcome

  init(_ outcome: BenchOutcome) {
    self.outcome = outcome
  }

  var html: String {
    let glance = """
      <section>
      <h2>At a glance</h2>
      <p class="quiet">\(Markup.escape(self.method)) ★ marks the best of its row, in-process and networked locks apart.</p>
      <div class="scroll">\(self.summary)</div>
      </section>
      """
    return Page(
      title: "latchkey bench",
      heading: "Locks side by side",
      origin: "Measured by <code>latchkey bench</code>, \(Markup.escape(self.outcome.machine.date))",
      facts: self.facts,
      warnings: self.warnings,
      sections: [glance] + self.outcome.workloads.map(self.section)
    ).html
  }

  private var facts: [(String, String)] {
    let machine = self.outcome.machine
    let versions = Set(self.outcome.targets.compactMap(\.version)).sorted().joined(separator: ", ")
    var facts = [("machine", machine.summary), ("program", machine.build)]
    if !versions.isEmpty { facts.append(("servers", "\(versions), on this machine")) }
    if let load = machine.load { facts.append(("load before", "\(Figures.number(load)) (average of a minute)")) }
    return facts
  }

  private var method: String {
    let settings = self.outcome.settings
    let count = settings.repetitions
    return
      "Medians of \(count) \(count == 1 ? "repetition" : "repetitions") of \(DurationText.format(settings.duration)) "
      + "after a warm-up; the backends took turns, so that noise of the machine fell on all of them. All workers run in one "
      + "process, on the same machine as throw-away servers."
  }

  private var warnings: [String] {
    var warnings: [String] = []
    if !self.outcome.machine.isOptimized {
      warnings.append("This was a debug build: its figures say little. Build with -c release.")
    }
    if let violation = self.outcome.violation { warnings.append(violation) }
    warnings += self.outcome.failures.map { "\($0.target) is missing, or incomplete: \($0.message)" }
    for result in self.outcome.results where result.report.workload.errors > 0 {
      warnings.append(
        "\(result.workload.rawValue) on \(result.target.name) had \(result.report.workload.errors) errors."
      )
    }
    return warnings
  }

  private var summary: String {
    let table = BenchTable(self.outcome)
    let head = table.targets.map { "<th scope=\"col\">\(Markup.escape($0))</th>" }.joined()
    var last: BenchWorkload?
    let rows = table.rows.map { row in
      let best = row.bestPlaces
      let cells = row.values.enumerated().map { place, value in
        "<td\(best.contains(place) ? " class=\"best\"" : "")>\(Markup.escape(value.map(row.format) ?? "–"))</td>"
      }
      let isFirst = row.workload != last
      last = row.workload
      return "<tr\(isFirst ? " class=\"first\"" : "")><th scope=\"row\">\(isFirst ? row.workload.rawValue : "")</th>"
        + "<th scope=\"row\">\(row.name)</th>\(cells.joined())</tr>"
    }
    return """
      <table class="summary"><thead><tr><th></th><th></th>\(head)</tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody></table>
      """
  }

  private func section(_ workload: BenchWorkload) -> String {
    """
    <section id="\(workload.rawValue)">
    <h2>\(workload.rawValue)</h2>
    <p class="quiet">\(Markup.escape(workload.summary.capitalizedStart)).</p>
    <div class="charts">
    \(self.charts(workload).map(\.html).joined(separator: "\n"))
    </div>
    </section>
    """
  }

  /// The pictures of a workload.
  private func charts(_ workload: BenchWorkload) -> [Chart] {
    let results = self.outcome.results(of: workload)
    var charts = [ThroughputChart(workload: workload, bars: results.map { self.bar($0) }).chart]
    if workload == .crowd {
      // How long each waited is the same curve, turned round.
      let lines = results.map { DrainChart.Line(series: self.series(of: $0), times: $0.typicalRun?.drain ?? []) }
      charts.append(DrainChart(waiters: workload.workers, lines: lines).chart)
    } else {
      let lines = results.map { LatencyChart.Line(series: self.series(of: $0), latency: $0.latency) }
      charts.append(LatencyChart(workload: workload, lines: lines).chart)
    }
    if workload == .handoff {
      charts += results.compactMap { result in
        guard let holds = result.typicalRun?.timeline, !holds.isEmpty else { return nil }
        return TimelineChart(series: self.series(of: result), workers: workload.workers, holds: holds).chart
      }
    }
    return charts
  }

  private func bar(_ result: BenchResult) -> ThroughputChart.Bar {
    let report = result.report
    return ThroughputChart.Bar(
      series: self.series(of: result),
      isInProcess: result.target.isInProcess,
      median: report.workload.perSecond,
      least: report.perSecondMinimum,
      greatest: report.perSecondMaximum
    )
  }

  private func series(of result: BenchResult) -> Series {
    let place = self.outcome.targets.firstIndex { $0.name == result.target.name } ?? 0
    return Series(name: result.target.name, place: place)
  }
}
