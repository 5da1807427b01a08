import LatchkeyTestSupport
import Testing

@testable import LatchkeyRedis

@Suite("The connection's machine")
struct ConnectionMachineTests {
  private let pause = Duration.milliseconds(20)...Duration.seconds(1)
  private let error = RedisError(.unreachable, "nobody there")

  @Test("lets commands wait for the first attempt, and refuses them with its error after it has failed")
  func firstAttempt() {
    var machine = ConnectionMachine(pause: self.pause)
    #expect(machine.kind == "wait")
    _ = machine.failed(self.error, chance: 0)
    #expect(machine.kind == "nobody there")
  }

  @Test("lets commands wait for another attempt after a loss, and refuses them only when that has failed")
  func loss() {
    var machine = ConnectionMachine(pause: self.pause)
    expectEqual(machine.connected(), true)
    #expect(machine.kind == "send")
    expectEqual(machine.lost(1, age: .seconds(60), chance: 1), .milliseconds(20))
    #expect(machine.kind == "wait")
    expectEqual(machine.pauseEnded(), true)
    #expect(machine.kind == "wait")
    _ = machine.failed(self.error, chance: 0)
    #expect(machine.kind == "nobody there")
  }

  @Test("doubles the pause with each failure up to the longest")
  func growth() {
    #expect(self.pauses(chance: 1, .init()) == [20, 40, 80, 160, 320, 640, 1000, 1000].map { .milliseconds($0) })
  }

  @Test("leaves half of the pause to chance")
  func jitter() {
    #expect(self.pauses(chance: 0, .init()) == [10, 20, 40, 80, 160, 320, 500, 500].map { .milliseconds($0) })
  }

  @Test("is told apart from machines with other rules by these tests")
  func mutants() {
    #expect(self.pauses(chance: 0, .init(jitters: false)) != self.pauses(chance: 0, .init()))
    #expect(self.pauses(chance: 1, .init(growsPause: false)) != self.pauses(chance: 1, .init()))
  }

  @Test("counts a connection that breaks at once as another failure, and forgets failures after one that lasted")
  func flapping() {
    var machine = ConnectionMachine(pause: self.pause)
    for (number, milliseconds) in [(1, 20), (2, 40), (3, 80)] {
      expectEqual(machine.connected(), true)
      expectEqual(machine.lost(number, age: .milliseconds(5), chance: 1), .milliseconds(milliseconds))
      expectEqual(machine.pauseEnded(), true)
    }
    expectEqual(machine.connected(), true)
    expectEqual(machine.lost(4, age: .seconds(2), chance: 1), .milliseconds(20))
  }

  @Test("hears of the loss of an earlier connection without harm")
  func staleLoss() {
    var machine = ConnectionMachine(pause: self.pause)
    expectEqual(machine.connected(), true)
    _ = machine.lost(1, age: .zero, chance: 0)
    _ = machine.pauseEnded()
    expectEqual(machine.connected(), true)
    expectEqual(machine.lost(1, age: .zero, chance: 0), nil)
    #expect(machine.kind == "send")
  }

  @Test("wants nothing any more once it is closed")
  func closed() {
    var machine = ConnectionMachine(pause: self.pause)
    expectEqual(machine.close(), true)
    expectEqual(machine.close(), false)
    expectEqual(machine.connected(), false)
    expectEqual(machine.pauseEnded(), false)
    expectEqual(machine.failed(self.error, chance: 0), nil)
    #expect(machine.kind == RedisError.closedByOwner.message)
  }

  private func pauses(chance: Double, _ rules: Backoff.Rules) -> [Duration?] {
    var machine = ConnectionMachine(pause: self.pause, rules: rules)
    return (0..<8).map { _ in
      defer { _ = machine.pauseEnded() }
      return machine.failed(self.error, chance: chance)
    }
  }
}

extension ConnectionMachine {
  fileprivate var kind: String {
    switch self.admission {
    case .send: "send"
    case .wait: "wait"
    case .refuse(let error): error.message
    }
  }
}
