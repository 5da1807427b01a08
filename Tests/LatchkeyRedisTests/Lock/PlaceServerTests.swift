import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("The place of a caller that waits for a Redis lock", .timeLimit(.minutes(2)))
struct PlaceServerTests {
  @Test("is that in the line of its own client, which holds the lock")
  func sameClient() async throws {
    try await LockClient.with([try await SharedRedis.value], timeToLive: .seconds(30)) { client in
      let lock = client.lock(try uniqueName())
      let holder = try await lock.acquire(within: .seconds(10))
      #expect(await failure(of: lock, within: .zero)?.wait?.place == 1)
      let waiter = Task.immediate { try await lock.acquire(within: .seconds(30)).release() }
      for budget in [Duration.zero, .milliseconds(50)] {
        let error = try #require(await failure(of: lock, within: budget))
        #expect(error.code == .timedOut)
        #expect(error.wait?.place == 2)
        #expect(error.wait?.holder?.contains(client.label) == true, "\(error)")
      }
      try await holder.release()
      try await waiter.value
    }
  }

  @Test("is not known behind another client: the server keeps no queue")
  func otherClient() async throws {
    let servers = [try await SharedRedis.value]
    try await LockClient.with(servers, timeToLive: .seconds(30)) { first in
      try await LockClient.with(servers) { second in
        let name = try uniqueName()
        let holder = try await first.lock(name).acquire(within: .seconds(10))
        for budget in [Duration.zero, .milliseconds(50)] {
          let error = try #require(await failure(of: second.lock(name), within: budget))
          #expect(error.code == .timedOut)
          #expect(error.wait?.place == nil)
          #expect(error.wait?.holder?.contains(first.label) == true, "\(error)")
        }
        try await holder.release()
      }
    }
  }
}
