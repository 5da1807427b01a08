import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("An attempt at one server")
struct AttemptMachineTests {
  private let start = ContinuousClock.now
  private let timeToLive = Duration.seconds(10)

  private var deadline: ContinuousClock.Instant { LeaseTime.deadline(sentAt: self.start, timeToLive: self.timeToLive) }

  private func asked() -> AttemptMachine {
    var machine = AttemptMachine(timeToLive: self.timeToLive)
    expectEqual(machine.handle(.ask(deadline: self.deadline), at: self.start), [.request])
    return machine
  }

  /// A machine whose request was granted.
  private func granted() -> AttemptMachine {
    var machine = self.asked()
    expectEqual(machine.handle(.answered(.planted), at: self.start), [.decide(.granted)])
    return machine
  }

  @Test("is released after an answer that came too late, though what was asked then was never sent")
  func lateThenNeverSent() {
    var machine = self.asked()
    let again = self.start.advanced(by: self.timeToLive)
    // The key stands, though the answer came too late.
    expectEqual(machine.handle(.answered(.planted), at: again), [.decide(.late)])
    let deadline = LeaseTime.deadline(sentAt: again, timeToLive: self.timeToLive)
    expectEqual(machine.handle(.ask(deadline: deadline), at: again), [.request])
    expectEqual(machine.handle(.answered(.failed(.notDone)), at: again), [.decide(.unavailable)])
    expectEqual(machine.handle(.release, at: again), [.release])
  }

  @Test("that was never sent needs no release")
  func neverSent() {
    var machine = self.asked()
    expectEqual(machine.handle(.answered(.failed(.notDone)), at: self.start), [.decide(.unavailable)])
    expectEqual(machine.handle(.release, at: self.start), [.settle(notified: 0, .released)])
    #expect(machine.isOver)
  }

  @Test("is lost if its first release finds nothing")
  func lost() {
    var machine = self.granted()
    expectEqual(machine.handle(.release, at: self.start), [.release])
    expectEqual(machine.handle(.released(.gone), at: self.start), [.settle(notified: 0, .lost)])
    #expect(machine.isOver)
  }

  @Test("whose release is refused for good lets its caller go, and does not ask again")
  func refusedRelease() {
    var machine = self.granted()
    _ = machine.handle(.release, at: self.start)
    expectEqual(machine.handle(.released(.refused), at: self.start), [.settle(notified: 0, .pending)])
    #expect(machine.isOver)
  }

  @Test("can be asked again by the same owner, and is not released in between")
  func repeated() {
    var machine = self.asked()
    expectEqual(machine.handle(.answered(.failed(.inDoubt)), at: self.start), [.decide(.unavailable)])
    #expect(machine.isDoubtful)
    expectEqual(machine.handle(.ask(deadline: self.deadline), at: self.start), [.request])
    expectEqual(machine.handle(.answered(.planted), at: self.start), [.decide(.granted)])
  }

  @Test("is released twice where a request may still be on its way")
  func sweep() {
    var machine = self.asked()
    _ = machine.handle(.answered(.failed(.inDoubt)), at: self.start)
    expectEqual(machine.handle(.release, at: self.start), [.release])
    let actions = machine.handle(.released(.freed(notified: 3)), at: self.start)
    expectEqual(actions, [.retryLater(after: OwnerKey.sweepDelay), .settle(notified: 3, .released)])
    #expect(!machine.isOver)
    expectEqual(machine.handle(.retry, at: self.start), [.release])
    expectEqual(machine.handle(.released(.freed(notified: 0)), at: self.start), [])
    #expect(machine.isOver)
  }

  @Test("whose release is lost lets its caller go, and releases again until the key has run out")
  func lostRelease() {
    var machine = self.granted()
    _ = machine.handle(.release, at: self.start)
    expectEqual(
      machine.handle(.released(.failed), at: self.start),
      [.retryLater(after: .milliseconds(500)), .settle(notified: 0, .pending)]
    )
    expectEqual(machine.handle(.retry, at: self.start), [.release])
    let later = self.start.advanced(by: self.timeToLive)
    expectEqual(machine.handle(.released(.failed), at: later), [])
    #expect(machine.isOver)
  }

  // MARK: Whatever the order

  private enum Wrong {
    case keyLeft, falseLoss, silentLoss
  }

  @Test("keeps its promises, whatever the order of requests, losses, releases and deletions by hand")
  func keepsPromises() { expectEqual(Self.wrongs(AttemptMachine.Rules()), []) }

  @Test("would say nothing of a loss if it did not look at what its first release finds")
  func findingsMatter() {
    var blind = AttemptMachine.Rules()
    blind.findsLosses = false
    expectEqual(Self.wrongs(blind), [.silentLoss])
  }

  @Test("would leave its key behind if it were released once where a request may arrive late")
  func sweepsMatter() {
    var careless = AttemptMachine.Rules()
    careless.key.sweeps = false
    expectEqual(Self.wrongs(careless), [.keyLeft])
  }

  /// Plays many schedules.
  private static func wrongs(_ rules: AttemptMachine.Rules) -> Set<Wrong> {
    (0..<2000).reduce(into: []) { wrongs, seed in
      var random = SplitMix(seed: UInt64(seed))
      wrongs.formUnion(Self.play(rules, &random))
    }
  }

  private static func play(_ rules: AttemptMachine.Rules, _ random: inout SplitMix) -> Set<Wrong> {
    let now = ContinuousClock.now
    var wrongs: Set<Wrong> = []
    var machine = AttemptMachine(timeToLive: .seconds(10), rules: rules)
    var actions = machine.handle(.ask(deadline: now.advanced(by: .seconds(9))), at: now)
    var (hasKey, isGranted, isDeleted, isReleaseLost, mayRelease) = (false, false, false, false, true)
    /// Whether somebody may delete the key by hand while the lock is held.
    let isDeletedByHand = Bool.random(using: &random)
    /// A request whose connection was given up, and that arrives before a sweep.
    var isLate = false
    var retries = 0
    var inFlight: [AttemptAction] = []
    for _ in 0..<100 {
      for action in actions {
        switch action {
        case .request, .release: inFlight.append(action)
        case .retryLater: retries += 1
        case .decide(let decision): isGranted = decision == .granted
        case .settle(_, .lost) where !isDeleted: wrongs.insert(.falseLoss)
        case .settle(_, let result):
          if isDeleted, result != .lost, !isReleaseLost { wrongs.insert(.silentLoss) }
        }
      }
      actions = []
      switch Int.random(in: 0..<6, using: &random) {
      case 0 where mayRelease:
        mayRelease = false
        actions = machine.handle(.release, at: now)
      case 1 where retries > 0 && !isLate:
        retries -= 1
        actions = machine.handle(.retry, at: now)
      case 2 where isDeletedByHand && isGranted && mayRelease && hasKey: (hasKey, isDeleted) = (false, true)
      case 3 where isLate: (hasKey, isLate) = (true, false)
      default:
        guard !inFlight.isEmpty else { continue }
        let isLost = Int.random(in: 0..<4, using: &random) == 0
        if case .request = inFlight.removeFirst() {
          isLate = isLost
          hasKey = !isLost
          actions = machine.handle(.answered(isLost ? .failed(.inDoubt) : .planted), at: now)
        } else {
          isReleaseLost = isReleaseLost || isLost
          let reply: ReleaseReply = isLost ? .failed : hasKey ? .freed(notified: 0) : .gone
          hasKey = false
          actions = machine.handle(.released(reply), at: now)
        }
      }
    }
    if inFlight.isEmpty, machine.isOver, hasKey || isLate { wrongs.insert(.keyLeft) }
    return wrongs
  }
}
