import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("Terms", .timeLimit(.minutes(1)))
struct TermTests {
  @Test("a term runs until its deadline, and not at it")
  func runsUntilDeadline() {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    let term = Term(deadline: deadline)
    #expect(term.isLive)
    #expect(term.ended == nil)
    let over = Term(deadline: .now)
    #expect(!over.isLive)
    #expect(over.ended == .deadlinePassed)
  }

  @Test("asking and renewing call no handler, and yet an answer of false is final")
  func askingCallsNobody() async throws {
    let told = Shared(false)
    let term = Term(deadline: .now.advanced(by: .milliseconds(10)))
    let handler = term.onEnd { _ in told.change { $0 = true } }
    #expect(handler != nil)
    try await Task.sleep(until: term.deadline, clock: .continuous)
    #expect(!term.isLive)
    #expect(term.ended == .deadlinePassed)
    #expect(!term.advance(to: .now.advanced(by: .seconds(60))))
    #expect(!term.isLive)
    #expect(!told.value)
    #expect(!term.expire())
    #expect(told.value)
  }

  @Test("a limit takes time away, and ends a term that has none left")
  func limits() {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    let term = Term(deadline: deadline)
    term.limit(to: deadline.advanced(by: .seconds(5)))
    #expect(term.deadline == deadline)
    term.limit(to: deadline.advanced(by: .seconds(-30)))
    #expect(term.deadline == deadline.advanced(by: .seconds(-30)) && term.isLive)
    let told = Shared(false)
    _ = term.onEnd { _ in told.change { $0 = true } }
    term.limit(to: .now)
    #expect(!term.isLive)
    #expect(told.value)
  }

  @Test("advancing moves the deadline forward, never back")
  func advances() {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    let term = Term(deadline: deadline)
    #expect(term.advance(to: deadline.advanced(by: .seconds(5))))
    #expect(term.deadline == deadline.advanced(by: .seconds(5)))
    #expect(term.advance(to: deadline))
    #expect(term.deadline == deadline.advanced(by: .seconds(5)))
  }

  @Test("a deadline that has passed cannot be moved, even if nobody has looked yet")
  func cannotBeRevived() {
    let term = Term(deadline: .now.advanced(by: .milliseconds(-1)))
    #expect(!term.advance(to: .now.advanced(by: .seconds(60))))
    #expect(!term.isLive)
  }

  @Test("a term that was told its end is over, with a deadline ahead")
  func toldEnd() {
    let term = Term(deadline: .now.advanced(by: .seconds(60)))
    term.end(.reported("the session expired"))
    #expect(!term.isLive)
    #expect(!term.advance(to: .now.advanced(by: .seconds(120))))
  }

  @Test("a handler is called once, with the first end")
  func handlersCalledOnce() {
    let term = Term(deadline: .now.advanced(by: .seconds(60)))
    let ends = Shared<[Term.End]>([])
    #expect(term.onEnd { end in ends.change { $0.append(end) } } != nil)
    term.end(.reported("first"))
    term.end(.reported("second"))
    term.expire()
    #expect(ends.value == [.reported("first")])
  }

  @Test("a timer that looks before the deadline calls nobody, and the term runs on")
  func looksTooEarly() {
    let term = Term(deadline: .now.advanced(by: .seconds(60)))
    let ends = Shared<[Term.End]>([])
    _ = term.onEnd { end in ends.change { $0.append(end) } }
    #expect(term.expire())
    #expect(term.isLive)
    #expect(ends.value == [])
  }

  @Test("a handler that comes after the end is called at once")
  func lateHandler() {
    let term = Term(deadline: .now.advanced(by: .seconds(60)))
    term.end(.reported("over"))
    let isTold = Shared(false)
    #expect(term.onEnd { _ in isTold.change { $0 = true } } == nil)
    #expect(isTold.value)
  }

  @Test("a handler that comes after the deadline is called at once, and those that wait for the timer are not")
  func handlerAfterDeadline() async throws {
    let term = Term(deadline: .now.advanced(by: .milliseconds(10)))
    let ends = Shared<[String]>([])
    _ = term.onEnd { _ in ends.change { $0.append("early") } }
    try await Task.sleep(until: term.deadline, clock: .continuous)
    #expect(term.onEnd { _ in ends.change { $0.append("late") } } == nil)
    #expect(ends.value == ["late"])
    term.expire()
    #expect(ends.value == ["late", "early"])
  }

  @Test("a removed handler is not called, and the others are")
  func removedHandler() throws {
    let term = Term(deadline: .now.advanced(by: .seconds(60)))
    let told = Shared<[Int]>([])
    let first = try #require(term.onEnd { _ in told.change { $0.append(1) } })
    _ = term.onEnd { _ in told.change { $0.append(2) } }
    term.removeHandler(first)
    term.end(.reported("over"))
    #expect(told.value == [2])
  }

  @Test("renewals that race with the deadline never revive a term, and its handler is called once")
  func hammer() async {
    for _ in 0..<200 {
      let term = Term(deadline: .now.advanced(by: .microseconds(200)))
      let calls = Shared(0)
      _ = term.onEnd { _ in calls.change { $0 += 1 } }
      let revived = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<3 {
          group.addTask {
            for _ in 0..<300 {
              term.advance(to: .now.advanced(by: .nanoseconds(500)))
              term.expire()
            }
            return false
          }
          group.addTask {
            var wasOver = false
            for _ in 0..<300 {
              let isLive = term.isLive
              if wasOver, isLive { return true }
              if !isLive { wasOver = true }
            }
            return false
          }
        }
        return await group.contains(true)
      }
      #expect(!revived)
      term.end(.reported("over"))
      #expect(calls.value == 1)
    }
  }

  @Test("the reason of an end says what happened")
  func reasons() {
    #expect(Term.End.reported("by hand").reason == "by hand")
    #expect(Term.End.deadlinePassed.reason.contains("deadline"))
  }
}
