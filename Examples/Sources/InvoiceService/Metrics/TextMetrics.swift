import CoreMetrics
import Synchronization

/// A metrics backend as small as can be: everything is kept in memory, and written out as text in the format that Prometheus
/// reads. Counters become counters, meters and gauges gauges, timers and other recorders summaries without quantiles.
final class TextMetrics: MetricsFactory {
  /// One time series: a name and its labels.
  struct Series: Hashable {
    let name: String
    let labels: String
  }

  private let values = Mutex<[Series: Value]>([:])

  private func value(_ label: String, _ suffix: String, _ dimensions: [(String, String)], _ kind: Value.Kind) -> Value {
    let labels = dimensions.map { "\(Self.identifier($0.0))=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
    let series = Series(name: Self.identifier(label) + suffix, labels: labels)
    return self.values.withLock { values in
      if let value = values[series], value.kind == kind { return value }
      let value = Value(kind)
      values[series] = value
      return value
    }
  }

  /// The text, in the order of the names.
  func text() -> String {
    let all = self.values.withLock { Array($0) }.sorted { ($0.key.name, $0.key.labels) < ($1.key.name, $1.key.labels) }
    var lines: [String] = []
    var name: String?
    for (series, value) in all {
      if series.name != name { lines.append("# TYPE \(series.name) \(value.kind.rawValue)") }
      name = series.name
      lines += value.lines(series)
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func identifier(_ text: String) -> String {
    String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "\n": escaped += "\\n"
      case "\"", "\\": escaped += "\\\(character)"
      default: escaped.append(character)
      }
    }
    return escaped
  }

  // MARK: MetricsFactory

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    self.value(label, "_total", dimensions, .counter)
  }

  func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    self.value(label, "", dimensions, .gauge)
  }

  func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    self.value(label, "", dimensions, aggregate ? .summary : .gauge)
  }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    self.value(label, "_seconds", dimensions, .summary)
  }

  // What has been counted stays: a counter that came back from nothing would look like a restart.

  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyMeter(_ handler: any MeterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
}
