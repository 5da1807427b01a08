import Latchkey
import LatchkeyTesting
import Testing

@Suite("History events")
struct HistoryEventTests {
  static let kinds: [HistoryEvent.Kind] = [
    .requested, .granted(nil), .granted(FencingToken(major: .max, minor: 7)), .released, .lost, .failed(""),
    .failed("a\tb\nc\\t\r"),
  ]

  @Test("an event comes back from its line as it was", arguments: Self.kinds, ["orders/42", "tab\there", "日本\\"])
  func roundTrip(_ kind: HistoryEvent.Kind, lock: String) {
    let event = HistoryEvent(worker: 3, lock: lock, kind, at: .now)
    #expect(event.line.split(separator: "\n").count == 1)
    let copy = HistoryEvent(line: event.line)
    #expect(copy?.worker == 3 && copy?.lock == lock && copy?.kind == kind)
    // The line carries whole nanoseconds.
    #expect(copy.map { $0.at.duration(to: event.at) < .nanoseconds(1) && $0.at <= event.at } == true)
  }

  @Test("a line that was cut off, or is no event, is refused")
  func broken() {
    let line = HistoryEvent(worker: 3, lock: "orders", .granted(FencingToken(major: 1, minor: 2)), at: .now).line
    let cut = line.split(separator: "\t").dropLast().joined(separator: "\t")
    for text in [
      "", "hello", cut, "x" + line, line.replacing("granted", with: "greeted"), line.replacing("1.2", with: "one"),
    ] {
      #expect(HistoryEvent(line: text) == nil)
    }
  }

  @Test("a recorder keeps the events of many tasks, each task's in order, with times that do not run back")
  func recorder() async {
    let recorder = HistoryRecorder()
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          for _ in 0..<50 {
            recorder.record(.requested, worker: worker, lock: "a")
            recorder.record(.failed("busy"), worker: worker, lock: "a")
          }
        }
      }
    }
    let events = recorder.events
    #expect(events.count == 800)
    #expect(HistoryReport(events).violations.isEmpty)
    for worker in 0..<8 {
      let times = events.filter { $0.worker == worker }.map(\.at)
      #expect(times == times.sorted())
    }
  }
}
