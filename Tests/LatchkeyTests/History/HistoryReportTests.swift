import Latchkey
import LatchkeyTesting
import Testing

@Suite("History checker")
struct HistoryReportTests {
  private static let start = ContinuousClock.now

  private static func event(_ worker: Int, _ kind: HistoryEvent.Kind, _ time: Int, lock: String = "a") -> HistoryEvent {
    HistoryEvent(worker: worker, lock: lock, kind, at: self.start.advanced(by: .milliseconds(time)))
  }

  private static func hold(_ worker: Int, _ times: (Int, Int, Int), token: UInt64?, lock: String = "a")
    -> [HistoryEvent]
  {
    [
      self.event(worker, .requested, times.0, lock: lock),
      self.event(worker, .granted(token.map { FencingToken(major: $0) }), times.1, lock: lock),
      self.event(worker, .released, times.2, lock: lock),
    ]
  }

  @Test("a history in which one holder follows another has no violations")
  func clean() {
    let report = HistoryReport(Self.hold(1, (0, 1, 5), token: 1) + Self.hold(2, (2, 5, 9), token: 2))
    #expect(report.violations.isEmpty)
    #expect(report.grants == 2)
    #expect(report.tokensIncreasing == true)
    #expect(report.overtakings == 0)
  }

  @Test("two holds of one lock that overlap are found, with the length of the overlap")
  func overlap() {
    let events = Self.hold(1, (0, 1, 5), token: 1) + Self.hold(2, (2, 4, 9), token: 2)
    #expect(HistoryReport(events).violations == [.overlap(lock: "a", first: 1, second: 2, by: .milliseconds(1))])
    #expect(HistoryReport(events, tolerance: .milliseconds(1)).violations.isEmpty)
  }

  @Test("a long hold overlaps with each hold inside it, not only with the next")
  func nestedOverlap() {
    let events =
      Self.hold(1, (0, 1, 20), token: 1) + Self.hold(2, (2, 3, 4), token: 2) + Self.hold(3, (2, 6, 8), token: 3)
    #expect(HistoryReport(events).violations.count == 2)
  }

  @Test("a hold within another is found, however short it is and whatever is tolerated at the ends")
  func shortNestedOverlap() {
    let events = Self.hold(1, (0, 1, 1000), token: 1) + Self.hold(2, (2, 500, 501), token: 2)
    let found = [HistoryReport.Violation.overlap(lock: "a", first: 1, second: 2, by: .milliseconds(500))]
    #expect(HistoryReport(events, tolerance: .milliseconds(2)).violations == found)
    let atOnce = Self.hold(1, (0, 1, 1000), token: 1) + Self.hold(2, (2, 500, 500), token: 2)
    #expect(HistoryReport(atOnce).violations == found)
  }

  @Test("instants may lie before the machine's start")
  func longAgo() {
    let past = -1_000 * 86_400 * 365 * 20
    let events = Self.hold(1, (past, past + 1, past + 5), token: 1) + Self.hold(2, (past, past + 4, past + 9), token: 2)
    #expect(HistoryReport(events).violations == [.overlap(lock: "a", first: 1, second: 2, by: .milliseconds(1))])
  }

  @Test("holds of different locks may overlap")
  func differentLocks() {
    let events = Self.hold(1, (0, 1, 5), token: 1, lock: "a") + Self.hold(2, (0, 1, 5), token: 1, lock: "b")
    #expect(HistoryReport(events).violations.isEmpty)
  }

  @Test("a grant that is never given back overlaps with all that come later, and is unanswered")
  func neverReleased() {
    let events = [Self.event(1, .requested, 0), Self.event(1, .granted(nil), 1)] + Self.hold(2, (2, 3, 4), token: nil)
    let violations = HistoryReport(events).violations
    #expect(violations.contains(.unanswered(lock: "a", worker: 1)))
    #expect(violations.contains { if case .overlap(_, 1, 2, _) = $0 { true } else { false } })
  }

  @Test("a hold ends with its loss")
  func loss() {
    let events = [Self.event(1, .requested, 0), Self.event(1, .granted(nil), 1), Self.event(1, .lost, 3)]
    #expect(HistoryReport(events + Self.hold(2, (2, 3, 4), token: nil)).violations.isEmpty)
  }

  @Test("a token that does not grow is found", arguments: [1, 2] as [UInt64])
  func tokens(_ second: UInt64) {
    let report = HistoryReport(Self.hold(1, (0, 1, 2), token: 2) + Self.hold(2, (1, 3, 4), token: second))
    #expect(report.tokensIncreasing == false)
    let expected = HistoryReport.Violation.tokenNotIncreasing(
      lock: "a",
      worker: 2,
      token: FencingToken(major: second),
      after: FencingToken(major: 2)
    )
    #expect(report.violations == [expected])
  }

  @Test("without tokens there is no answer about them")
  func noTokens() {
    #expect(HistoryReport(Self.hold(1, (0, 1, 2), token: nil)).tokensIncreasing == nil)
  }

  @Test("a request without an end is found, one that failed is not")
  func unanswered() {
    let events = [Self.event(1, .requested, 0), Self.event(2, .requested, 0), Self.event(2, .failed("late"), 3)]
    #expect(HistoryReport(events).violations == [.unanswered(lock: "a", worker: 1)])
  }

  @Test(
    "events that cannot follow one another are found",
    arguments: [.granted(nil), .released, .lost, .failed("x")] as [HistoryEvent.Kind]
  )
  func outOfOrder(_ kind: HistoryEvent.Kind) {
    let violations = HistoryReport([Self.event(1, kind, 0)]).violations
    #expect(violations == [.outOfOrder(lock: "a", worker: 1, event: "\(kind)")])
  }

  @Test("a grant that overtakes an earlier request is counted")
  func overtakings() {
    let events =
      Self.hold(1, (0, 1, 2), token: 1) + Self.hold(2, (3, 8, 9), token: 3) + Self.hold(3, (4, 5, 6), token: 2)
    let report = HistoryReport(events)
    #expect(report.overtakings == 1)
    #expect(report.violations.isEmpty)
  }

  @Test("fairness counts the grants of each worker, those without any included")
  func fairness() {
    let events =
      Self.hold(1, (0, 1, 2), token: 1) + Self.hold(1, (3, 4, 5), token: 2) + [
        Self.event(2, .requested, 0), Self.event(2, .failed("late"), 9),
      ]
    #expect(HistoryReport(events).fairness == HistoryReport.Fairness(grants: [2, 0]))
  }

  @Test("Jain's index is 1 for equal shares and 1/n if one gets everything")
  func jain() {
    #expect(HistoryReport.Fairness(grants: [5, 5, 5]).jain == 1)
    #expect(HistoryReport.Fairness(grants: [9, 0, 0]).jain == 1.0 / 3)
    #expect(HistoryReport.Fairness(grants: []).jain == 1)
    let mixed = HistoryReport.Fairness(grants: [1, 3])
    #expect(mixed.min == 1 && mixed.max == 3 && mixed.jain == 16.0 / 20)
  }
}
