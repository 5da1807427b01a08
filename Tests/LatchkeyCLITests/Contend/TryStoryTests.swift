import Testing

@testable import LatchkeyCLI

@Suite("The story of tries")
struct TryStoryTests {
  private func outcome(_ worker: Int, _ times: (UInt64, UInt64, UInt64), _ answer: TryOutcome.Answer) -> TryOutcome {
    TryOutcome(worker: worker, asked: times.0, answered: times.1, done: times.2, answer: answer)
  }

  private func story(_ outcomes: [TryOutcome], mayBeSplit: Bool = false) -> TryStory {
    TryStory(outcomes, workers: 2, processes: 2, mayBeSplit: mayBeSplit)
  }

  @Test("is told in the order of the answers, with the holder that each met")
  func order() {
    let story = self.story([
      self.outcome(0, (1_000_000, 9_000_000, 9_000_000), .busy),
      self.outcome(1, (1_000_000, 2_000_000, 5_000_000), .granted(token: "7")),
      self.outcome(2, (1_000_000, 3_000_000, 3_000_000), .busy),
      self.outcome(3, (6_000_000, 7_000_000, 9_500_000), .granted(token: nil)),
    ])
    #expect(
      story.lines(style: .plain) == [
        "  1.0 ms  worker 2 (process 1): acquired, token 7",
        "  2.0 ms  worker 3 (process 2): busy, held by worker 2",
        "  6.0 ms  worker 4 (process 2): acquired",
        "  8.0 ms  worker 1 (process 1): busy, held by worker 4",
        "2 of 4 acquired the lock, 2 found it busy",
      ]
    )
  }

  @Test("names a holder whose own answer came later, and nobody where nobody can have had it")
  func holders() {
    let late = self.story([
      self.outcome(0, (10, 20, 20), .busy), self.outcome(1, (10, 30, 90), .granted(token: nil)),
    ])
    #expect(late.parts.map(\.holder) == [2, nil])
    let gone = [self.outcome(0, (10, 20, 30), .granted(token: nil)), self.outcome(1, (40, 50, 50), .busy)]
    #expect(self.story(gone).lines(style: .plain)[1].hasSuffix("busy, held by none of these workers"))
    #expect(self.story(gone, mayBeSplit: true).lines(style: .plain)[1].contains("the votes were split"))
  }

  @Test("counts those that got no answer")
  func failures() {
    let story = self.story([self.outcome(0, (1, 2, 2), .failed), self.outcome(1, (1, 3, 3), .granted(token: nil))])
    #expect(story.lines(style: .plain).last == "1 of 2 acquired the lock, 0 found it busy, 1 got no answer")
  }
}
