import Latchkey
import Testing

@testable import LatchkeyCLI

@Suite("The order of a bench")
struct BenchPlanTests {
  @Test("every backend does every workload in every repetition once, after one warm-up")
  func complete() {
    let steps = BenchPlan.steps(workloads: BenchWorkload.allCases, targets: 3, repetitions: 4)
    #expect(steps.count == 5 * 3 * 5)
    #expect(Set(steps).count == steps.count)
    #expect(steps.filter(\.isWarmUp).count == 15)
    #expect(steps.lastIndex { $0.isWarmUp } == 14)
  }

  @Test("backends take turns, and each repetition another one is first")
  func alternation() {
    let steps = BenchPlan.steps(workloads: [.handoff, .crowd], targets: 3, repetitions: 2)
    for start in stride(from: 0, to: steps.count, by: 3) {
      let turn = steps[start..<start + 3]
      #expect(Set(turn.map(\.target)) == [0, 1, 2])
      #expect(Set(turn.map(\.workload)).count == 1)
    }
    #expect([0, 6, 12].map { steps[$0].target } == [0, 1, 2])
  }

  @Test("without backends there is nothing to do")
  func nothing() {
    #expect(BenchPlan.steps(workloads: [.handoff], targets: 0, repetitions: 3).isEmpty)
  }

  @Test("the time left is guessed at first, and known from what steps have taken later")
  func timeLeft() {
    let steps = BenchPlan.steps(workloads: [.handoff], targets: 2, repetitions: 2)
    var left = TimeLeft(guess: 1)
    #expect(left.seconds(for: steps) == 5)
    left.note(steps[0], seconds: 3)
    // A step is not shorter than its own warm-up.
    #expect(left.seconds(for: steps[1...]) == 8.5)
    left.note(BenchStep(workload: .handoff, target: 0, repetition: 1), seconds: 2)
    #expect(left.seconds(for: steps[1...]) == 6.5)
    #expect(left.seconds(for: []) == 0)
  }

  @Test("backends of the same name are numbered")
  func names() {
    #expect(
      BenchTarget.unique(["redis", "mutex", "redis", "redis"]) == ["redis", "mutex", "redis #2", "redis #3"]
    )
  }

  @Test(
    "a backend is named after its kind and the number of its servers",
    arguments: [
      ("local:a", "mutex"), ("channel:a", "channel"), ("zookeeper://h/a", "zookeeper"),
      ("zookeeper://h,i,j/a", "zookeeper:3"), ("redlock://a,b,c,d,e/x", "redlock:5"), ("etcds://h/x", "etcd"),
    ]
  )
  func targetName(url: String, name: String) throws {
    let target = BenchTarget(url: try LockURL(url), tick: nil)
    #expect(target.name == name)
    #expect(target.isInProcess == !url.contains("//"))
  }
}
