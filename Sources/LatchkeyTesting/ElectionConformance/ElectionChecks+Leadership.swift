internal import Latchkey
internal import LatchkeyPrimitives

extension ElectionConformance {
  static let leadershipChecks = [
    Check("a candidate alone is elected, and everybody sees its value and its token") { trial in
      let election = try await trial.election()
      let candidate = try await trial.lead(election, "alone")
      let leadership = try await candidate.elected()
      try trial.expect(leadership.isHeld, "a leadership that stands", seen: "one that has ended")
      for observing in [election, try await trial.election()] {
        let leader = try await observing.leader()
        let expected = Leader(value: "alone", token: leadership.token)
        try trial.expect(leader == expected, "\(expected)", seen: "\(String(describing: leader))")
      }
      try await candidate.resign()
      try trial.expect(!leadership.isHeld, "a leadership that has ended", seen: "one that stands")
      try await trial.expectNoLeftovers("after the leader has resigned")
    },

    Check("nobody leads before anybody stands, and after the last has resigned") { trial in
      let election = try await trial.election()
      let before = try await election.leader()
      try trial.expect(before == nil, "nobody", seen: "\(String(describing: before))")
      try await trial.lead(election, "one").resign()
      let after = try await election.leader()
      try trial.expect(after == nil, "nobody", seen: "\(String(describing: after))")
    },

    Check("one candidate leads at a time, and each that stands is elected once") { trial in
      let inside = Gauge()
      var elections: [any LeaderElection] = []
      for _ in 0..<3 { elections.append(try await trial.election()) }
      trial.step("waiting for twelve candidates to lead and to resign")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<12 {
          let election = elections[index % 3]
          group.addTask {
            try await election.withLeadership(value: "\(index)") { leadership in
              inside.enter()
              await Task.yield()
              try leadership.held.ensureHeld()
              inside.leave()
            }
          }
        }
        try await group.waitForAll()
      }
      try trial.expect(inside.most == 1, "one leader at a time", seen: "\(inside.most)")
      try trial.expect(inside.count == 12, "12 turns", seen: "\(inside.count)")
    },

    Check("who resigns hands over to the next candidate at once, with a greater token if there are tokens") { trial in
      let first = try await trial.lead(try await trial.election(), "first")
      let second = trial.campaign(try await trial.election(), "second")
      let old = try await first.elected()
      // Another client of the same election says that nobody has overtaken.
      let leader = try await trial.election().leader()?.value
      try trial.expect(second.isWaiting && leader == "first", "the first to lead", seen: "\(leader ?? "nobody")")
      try await first.resign()
      trial.step("waiting for the next leader")
      let start = ContinuousClock.now
      let new = try await second.elected()
      try trial.expect(.now - start < trial.subject.slack, "an election at once", seen: "\(.now - start) later")
      if let old = old.token, let new = new.token {
        try trial.expect(new > old, "a token greater than \(old)", seen: "\(new)")
      }
      try await second.resign()
    },

    Check("a campaign within zero gives up at once while another leads, and leads if nobody does") { trial in
      let election = try await trial.election()
      let leader = try await trial.lead(try await trial.election(), "leader")
      let error = await trial.campaign(election, "late", within: .zero).error()
      try trial.expect(error?.code == .timedOut, "timedOut", seen: "\(String(describing: error))")
      try await leader.resign()
      let candidate = trial.campaign(election, "late", within: .zero)
      _ = try await candidate.elected()
      try await candidate.resign()
    },

    Check("a campaign ends with its budget, and leaves nothing behind") { trial in
      let leader = try await trial.lead(try await trial.election(), "leader")
      let error = await trial.campaign(try await trial.election(), "late", within: .milliseconds(100)).error()
      try trial.expect(error?.code == .timedOut, "timedOut", seen: "\(String(describing: error))")
      try await leader.resign()
      try await trial.expectVacant("after a campaign that ran out of time")
      try await trial.expectNoLeftovers("by a campaign that ran out of time")
    },

    Check("a cancelled campaign ends at once, leaves nothing behind, and is not elected later") { trial in
      let leader = try await trial.lead(try await trial.election(), "leader")
      let election = try await trial.election()
      let candidates = (0..<3).map { trial.campaign(election, "\($0)") }
      for candidate in candidates { candidate.cancel() }
      trial.step("waiting for cancelled campaigns to end")
      for candidate in candidates {
        let error = await candidate.error()
        try trial.expect(error?.code == .cancelled, "cancelled", seen: "\(String(describing: error))")
      }
      try await leader.resign()
      try await trial.expectVacant("after cancelled campaigns")
      try await trial.expectNoLeftovers("by cancelled campaigns")
    },

    Check("cancelled at any moment of a campaign that nobody contends, nothing is left behind") { trial in
      let election = try await trial.election()
      for round in 0..<20 {
        let candidate = trial.campaign(election, "\(round)")
        for _ in 0..<round % 10 { await Task.yield() }
        candidate.cancel()
        trial.step("cancelling a campaign, round \(round)")
        if await candidate.error() == nil { try await candidate.resign() }
      }
      try await trial.expectVacant("after cancelled campaigns")
      try await trial.expectNoLeftovers("by cancelled campaigns")
    },

    Check("a leader that proclaims changes its value, and neither its token nor its term") { trial in
      let candidate = try await trial.lead(try await trial.election(), "before")
      let leadership = try await candidate.elected()
      try await leadership.proclaim("after")
      let leader = try await trial.election().leader()
      let expected = Leader(value: "after", token: leadership.token)
      try trial.expect(leader == expected, "\(expected)", seen: "\(String(describing: leader))")
      try trial.expect(leadership.isHeld, "a leadership that stands", seen: "one that has ended")
      try await candidate.resign()
    },

    Check("a leadership that was resigned proclaims nothing") { trial in
      let election = try await trial.election()
      let old = try await trial.lead(election, "old")
      let leadership = try await old.elected()
      try await old.resign()
      let new = try await trial.lead(try await trial.election(), "new")
      do throws(LockError) {
        try await leadership.proclaim("late")
      } catch {
        try trial.expect(error.code == .lockLost, "lockLost", seen: "\(error)")
        let leader = try await election.leader()?.value
        try trial.expect(leader == "new", "the next leader's value", seen: leader ?? "nobody")
        return try await new.resign()
      }
      throw Unmet(expected: "lockLost", seen: "no error")
    },

    Check("withLeadership resigns when its body has ended, whichever way") { trial in
      struct Failure: Error {}
      let election = try await trial.election()
      let value = try await election.withLeadership(value: "one") { leadership in leadership.isHeld ? 42 : 0 }
      try trial.expect(value == 42, "the body's value", seen: "\(value)")
      do {
        try await election.withLeadership(value: "two") { _ in throw Failure() }
        throw Unmet(expected: "the body's error", seen: "no error")
      } catch is Failure {
        try await trial.expectVacant("after the body has failed")
      }
    },

    Check("withLeadership inside the body of withLeadership of one election throws wouldDeadlock at once") { trial in
      let election = try await trial.election()
      trial.step("campaigning in a body that leads")
      try await election.withLeadership(value: "outer") { _ in
        do {
          try await election.withLeadership(value: "inner") { _ in }
        } catch LockError.Code.wouldDeadlock {
          return
        }
        throw Unmet(expected: "wouldDeadlock", seen: "no error")
      }
    },
  ]
}

/// Counts who is inside, and how many were inside at most.
private final class Gauge: Sendable {
  private let state = Locked((inside: 0, most: 0, count: 0))

  var most: Int { self.state.withLock { $0.most } }
  var count: Int { self.state.withLock { $0.count } }

  func enter() {
    self.state.withLock { state in
      state.inside += 1
      state.count += 1
      state.most = max(state.most, state.inside)
    }
  }

  func leave() { self.state.withLock { $0.inside -= 1 } }
}
