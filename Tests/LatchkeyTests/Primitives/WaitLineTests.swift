import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@Suite("Wait line", .timeLimit(.minutes(2)))
struct WaitLineTests {
  /// One thing that happens to a line; the number is that of a waiter.
  enum Step: Hashable {
    case join(Int)
    case suspend(Int)
    /// Cancellation or time-out.
    case leave(Int)
    /// The first in line is served.
    case serve
  }

  static let twoWaiters: [Step] = [.join(0), .suspend(0), .leave(0), .join(1), .suspend(1), .leave(1), .serve, .serve]
  static let threeWaiters: [Step] = [
    .join(0), .suspend(0), .join(1), .suspend(1), .leave(1), .join(2), .serve, .serve,
  ]

  @Test(
    "in every order of joining, suspending, leaving and serving, each waiter is answered once, and in order",
    arguments: [Self.twoWaiters, Self.threeWaiters]
  )
  func everyInterleaving(_ steps: [Step]) async {
    var count = 0
    for order in Self.interleavings(of: steps) {
      count += 1
      let run = WaitLineRun()
      for step in order {
        guard run.perform(step) else {
          Issue.record("the line went wrong at \(step) in \(order)")
          return
        }
      }
      guard await run.finish() else {
        Issue.record("a waiter got the wrong answer in \(order)")
        return
      }
    }
    #expect(count > 1000)
  }

  @Test("a line of many is served in order, and forgets those who left")
  func longLine() async {
    let run = WaitLineRun()
    for waiter in 0..<2000 {
      #expect(run.perform(.join(waiter)) && run.perform(.suspend(waiter)))
    }
    for waiter in 0..<2000 where waiter % 7 != 0 { #expect(run.perform(.leave(waiter))) }
    for _ in 0..<300 { #expect(run.perform(.serve)) }
    #expect(await run.finish())
  }

  @Test("everybody's place is right in a long line that many leave, from anywhere in it")
  func places() {
    var random = SplitMix(seed: 20_261_130)
    var line = WaitLine<Int>()
    var model: [WaitLine<Int>.ID] = []
    for step in 0..<6000 {
      // It grows, shrinks to nothing, and grows again.
      let isGrowing = step % 3000 < 1800
      if model.isEmpty || random.next() % 4 < (isGrowing ? 3 : 1) {
        model.append(line.join())
      } else {
        let index = random.next() % 3 == 0 ? 0 : Int(random.next() % UInt64(model.count))
        let id = model.remove(at: index)
        #expect(line.leave(id, with: 0).isDelivered)
        #expect(line.countAhead(of: id) == 0)
      }
      guard step % 50 == 0 else { continue }
      #expect(line.head == model.first)
      #expect(line.count == model.count)
      let wrong = model.enumerated().filter { line.countAhead(of: $1) != $0 }
      #expect(wrong.isEmpty, "\(wrong.count) of \(model.count) after \(step) steps")
    }
  }

  /// All orders in which a waiter joins before it suspends or leaves; two equal steps are not told apart.
  private static func interleavings(of steps: [Step]) -> [[Step]] {
    guard !steps.isEmpty else { return [[]] }
    var result: [[Step]] = []
    for step in Set(steps) {
      guard let index = steps.firstIndex(of: step) else { continue }
      switch step {
      case .suspend(let waiter), .leave(let waiter):
        if steps.contains(.join(waiter)) { continue }
      case .join, .serve: break
      }
      var rest = steps
      rest.remove(at: index)
      result += self.interleavings(of: rest).map { [step] + $0 }
    }
    return result
  }
}

/// A line, and beside it the simplest thing that behaves as a line should.
private final class WaitLineRun {
  enum Answer: Sendable, Equatable {
    case served(Int)
    case left
    case closed
  }

  private let line = Guarded()
  private var ids: [Int: WaitLine<Answer>.ID] = [:]
  private var tasks: [Int: Task<Answer, Never>] = [:]
  private var modelLine: [Int] = []
  private var modelAnswers: [Int: Answer] = [:]
  private var servings = 0

  /// Performs a step on both; false if they differ.
  func perform(_ step: WaitLineTests.Step) -> Bool {
    switch step {
    case .join(let waiter):
      self.ids[waiter] = self.line.state.withLock { $0.join() }
      self.modelLine.append(waiter)
    case .suspend(let waiter):
      guard let id = self.ids[waiter] else { return false }
      self.tasks[waiter] = Task.immediate { [line] in await line.suspend(id) }
    case .leave(let waiter):
      guard let id = self.ids[waiter], self.answer(waiter, id, .left) else { return false }
    case .serve:
      let head = self.line.state.withLock { $0.head }
      guard head == self.modelLine.first.flatMap({ self.ids[$0] }) else { return false }
      if let head, let waiter = self.modelLine.first {
        self.servings += 1
        guard self.answer(waiter, head, .served(self.servings)) else { return false }
      }
    }
    let (count, isEmpty) = self.line.state.withLock { ($0.count, $0.isEmpty) }
    guard count == self.modelLine.count, isEmpty == self.modelLine.isEmpty else { return false }
    // In long lines only the last place is counted, for the sake of time.
    for (index, waiter) in self.modelLine.enumerated() where count < 5 || (index == count - 1 && index % 100 == 0) {
      guard let id = self.ids[waiter], self.line.state.withLock({ $0.countAhead(of: id) }) == index else {
        return false
      }
    }
    return true
  }

  /// Closes the line and compares what everybody was told.
  func finish() async -> Bool {
    for continuation in self.line.state.withLock({ $0.leaveAll(with: .closed) }) {
      continuation.resume(returning: .closed)
    }
    for waiter in self.modelLine { self.modelAnswers[waiter] = .closed }
    for (waiter, task) in self.tasks {
      guard await task.value == self.modelAnswers[waiter] else { return false }
    }
    return self.line.state.withLock { $0.isEmpty }
  }

  private func answer(_ waiter: Int, _ id: WaitLine<Answer>.ID, _ answer: Answer) -> Bool {
    let departure = self.line.state.withLock { $0.leave(id, with: answer) }
    departure.resume(with: answer)
    guard let index = self.modelLine.firstIndex(of: waiter) else { return !departure.isDelivered }
    self.modelLine.remove(at: index)
    self.modelAnswers[waiter] = answer
    switch departure {
    case .alreadyGone: return false
    case .early: return self.tasks[waiter] == nil
    case .resume: return self.tasks[waiter] != nil
    }
  }
}

private typealias Answer = WaitLineRun.Answer

/// The line, as locks use it: in a class, behind a lock.
private final class Guarded: Sendable {
  let state = Locked(WaitLine<Answer>())

  func suspend(_ id: WaitLine<Answer>.ID) async -> Answer {
    await withCheckedContinuation { continuation in
      let early = self.state.withLock { $0.suspend(id, continuation) }
      if let early { continuation.resume(returning: early) }
    }
  }
}
