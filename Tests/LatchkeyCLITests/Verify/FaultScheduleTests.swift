import Testing

@testable import LatchkeyCLI

@Suite("The schedule of faults")
struct FaultScheduleTests {
  private func settings(
    _ kinds: Set<FaultKind> = Set(FaultKind.allCases),
    servers: Int = 3,
    hasLeader: Bool = true
  ) -> FaultSchedule.Settings {
    FaultSchedule.Settings(
      kinds: kinds,
      duration: .seconds(60),
      timeToLive: .seconds(2),
      servers: servers,
      hasLeader: hasLeader,
      clients: 4
    )
  }

  @Test("the same seed gives the same schedule, another seed another")
  func seed() {
    #expect(FaultSchedule(seed: 7, self.settings()) == FaultSchedule(seed: 7, self.settings()))
    #expect(FaultSchedule(seed: 7, self.settings()) != FaultSchedule(seed: 8, self.settings()))
  }

  @Test(
    "every kind comes in a minute, in order, none lasts beyond the end, and one server suffers at a time",
    arguments: 0..<50
  )
  func shape(seed: UInt64) {
    let settings = self.settings()
    let faults = FaultSchedule(seed: seed, settings).faults
    #expect(Set(faults.map(\.action.kind)) == settings.kinds)
    #expect(faults.map(\.at) == faults.map(\.at).sorted())
    #expect(faults.allSatisfy { $0.at + $0.length <= settings.duration })
    let onServers = faults.filter { $0.action.isOnServer }
    #expect(zip(onServers, onServers.dropFirst()).allSatisfy { $0.at + $0.length < $1.at })
  }

  @Test("a client is paused for longer than the servers wait for it", arguments: 0..<20)
  func pauses(seed: UInt64) {
    let faults = FaultSchedule(seed: seed, self.settings([.pause], servers: 0)).faults
    #expect(!faults.isEmpty)
    #expect(faults.allSatisfy { $0.length > .seconds(2) })
  }

  @Test(
    "of the holders that are cut off, some do not look at what they hold, until their alarm must have rung",
    arguments: 0..<20
  )
  func unwatched(seed: UInt64) {
    let faults = FaultSchedule(seed: seed, self.settings([.cut], servers: 0)).faults.filter(\.action.isAtHolder)
    #expect(Set(faults.map(\.isUnwatched)) == [true, false])
    // The deadline is at most two seconds away; a loss may be told half a second late.
    #expect(faults.allSatisfy { !$0.isUnwatched || $0.length > .milliseconds(2_500) })
  }

  @Test("servers of others are left alone, and where nobody leads no leader is looked for")
  func restricted() {
    let others = FaultSchedule(seed: 1, self.settings(servers: 0, hasLeader: false)).faults
    #expect(!others.contains { $0.action.isOnServer })
    let equal = FaultSchedule(seed: 1, self.settings(servers: 5, hasLeader: false)).faults
    for fault in equal {
      switch fault.action {
      case .killServer(.leader), .pauseServer(.leader), .isolateServer: Issue.record("\(fault.action)")
      default: break
      }
    }
  }
}
