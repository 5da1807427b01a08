import CoreMetrics
import Synchronization

/// What one time series has come to.
final class Value: CounterHandler, MeterHandler, RecorderHandler, TimerHandler {
  enum Kind: String {
    case counter, gauge, summary
  }

  private struct State {
    var sum = 0.0
    var count = 0
  }

  let kind: Kind
  private let state = Mutex(State())

  init(_ kind: Kind) {
    self.kind = kind
  }

  func lines(_ series: TextMetrics.Series) -> [String] {
    let state = self.state.withLock { $0 }
    let labels = series.labels.isEmpty ? "" : "{\(series.labels)}"
    guard self.kind == .summary else { return ["\(series.name)\(labels) \(Self.text(state.sum))"] }
    return ["\(series.name)_sum\(labels) \(Self.text(state.sum))", "\(series.name)_count\(labels) \(state.count)"]
  }

  private static func text(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }

  private func add(_ amount: Double) {
    self.state.withLock { state in
      state.sum += amount
      state.count += 1
    }
  }

  func increment(by amount: Int64) { self.add(Double(amount)) }
  func increment(by amount: Double) { self.add(amount) }
  func decrement(by amount: Double) { self.add(-amount) }
  func reset() { self.state.withLock { $0 = State() } }
  func set(_ value: Int64) { self.set(Double(value)) }
  func set(_ value: Double) { self.state.withLock { $0.sum = value } }
  func record(_ value: Int64) { self.record(Double(value)) }
  func record(_ value: Double) { if self.kind == .gauge { self.set(value) } else { self.add(value) } }
  func recordNanoseconds(_ duration: Int64) { self.add(Double(duration) / 1e9) }
}
