internal import Latchkey

extension ElectionConformance {
  static let lossChecks = [
    Check("a leader whose session ends is told of its loss, and the next candidate leads", needs: [.expireSession]) {
      trial in
      let client = try await trial.client()
      let old = try await trial.lead(client.election(trial.name), "old")
      let leadership = try await old.elected()
      let next = trial.campaign(try await trial.election(), "next")
      try await client.expireSession()
      trial.step("waiting for the loss")
      let loss = await leadership.held.lost
      try trial.expect(loss?.code == .lockLost, "lockLost", seen: "\(String(describing: loss))")
      try trial.expect(!leadership.isHeld, "a leadership that has ended", seen: "one that stands")
      trial.step("waiting for the next leader")
      _ = try await next.elected()
      do throws(LockError) {
        try await leadership.proclaim("late")
        throw LockError(.backendFailure, message: "a leadership that was lost was proclaimed")
      } catch {
        try trial.expect(error.code == .lockLost, "lockLost from a late proclaim", seen: "\(error)")
      }
      do throws(LockError) {
        try await old.resign()
        throw LockError(.backendFailure, message: "a leadership that was lost was resigned as if it had stood")
      } catch {
        try trial.expect(error.code == .lockLost, "lockLost from a late resignation", seen: "\(error)")
      }
      let leader = try await trial.election().leader()?.value
      try trial.expect(leader == "next", "the next leader still", seen: leader ?? "nobody")
      try await next.resign()
    },

    Check("the body of withLeadership is cancelled by a loss, which is thrown", needs: [.expireSession]) { trial in
      let client = try await trial.client()
      trial.step("waiting for the body to be cancelled")
      do {
        try await client.election(trial.name).withLeadership(value: "one") { _ in
          try await client.expireSession()
          try await Task.sleep(for: trial.subject.patience)
        }
      } catch LockError.Code.lockLost {
        return
      }
      throw Unmet(expected: "lockLost", seen: "no error")
    },

    Check("a candidate whose session ends while it waits stands again, and is elected", needs: [.expireSession]) {
      trial in
      let leader = try await trial.lead(try await trial.election(), "leader")
      let client = try await trial.client()
      let waiting = trial.campaign(client.election(trial.name), "waiting")
      try await client.expireSession()
      try await leader.resign()
      trial.step("waiting for the candidate with a new session")
      let leadership = try await waiting.elected()
      try trial.expect(leadership.isHeld, "a leadership that stands", seen: "one that has ended")
      try await waiting.resign()
      try await trial.expectNoLeftovers("after a session has ended")
    },

    // kazoo #54, #264: cancel() does nothing while the client is suspended.
    Check("a campaign that is cancelled while cut off leaves nothing behind", needs: [.cutOff, .leftovers]) { trial in
      let leader = try await trial.lead(try await trial.election(), "leader")
      let client = try await trial.client()
      let waiting = trial.campaign(client.election(trial.name), "waiting")
      try await trial.expectSoon("two candidates", seen: { "fewer" }) {
        try await trial.subject.leftovers?(trial.name) == 2
      }
      try await client.cutOff()
      waiting.cancel()
      trial.step("waiting for a campaign that was cancelled while cut off")
      let error = await waiting.error()
      try await client.heal()
      try trial.expect(error?.code == .cancelled, "cancelled", seen: "\(String(describing: error))")
      try await leader.resign()
      let leftovers = trial.subject.leftovers
      let isEmpty = try await eventually(within: trial.subject.patience) { try await leftovers?(trial.name) == 0 }
      try trial.expect(isEmpty, "nothing left behind", seen: "nodes or keys")
    },
  ]
}
