import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import Latchkey
@testable import LatchkeyZooKeeper
@testable import ZooKeeper

/// The session timeout is long in most of these, so that it is not the C client that ends what hangs: it gives a server that
/// says nothing two thirds of that.
@Suite("The ZooKeeper lock at servers that fall silent", .serialized, .timeLimit(.minutes(3)))
struct SilenceServerTests {
  private static func withClient(
    sessionTimeout: Duration = .seconds(30),
    answerTimeout: Duration = .seconds(20),
    _ body: (TestClient) async throws -> Void
  ) async throws {
    let servers = try await TestServers.shared.value
    let client = try await TestClient.open(
      servers,
      sessionTimeout: sessionTimeout,
      changeLocks: { $0.answerTimeout = answerTimeout }
    )
    do {
      try await body(client)
    } catch {
      await client.close()
      throw error
    }
    await client.close()
  }

  @Test("callers of one process behind one whose request is not answered are not told that the lock is held")
  func localLine() async throws {
    try await Self.withClient { client in
      let lock = client.lock(try uniqueName())
      await client.cutOff()
      async let first = failure(of: lock, within: .milliseconds(400))
      async let second = failure(of: lock, within: .milliseconds(500))
      for error in await [first, second] {
        #expect(error?.code == .unreachable, "\(String(describing: error))")
        #expect(error?.wait?.waited != nil)
      }
    }
  }

  @Test(
    "a caller behind a holder in its own process is late, not cut off, and is told who holds and how many are ahead"
  )
  func localHolder() async throws {
    try await Self.withClient { client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire()
      async let first = failure(of: lock, within: .milliseconds(900))
      try await eventuallyTrue(within: .seconds(10)) {
        client.locks.contention(for: lock.name).state.withLock { $0.callers.count } == 1
      }
      for timeout in [Duration.zero, .milliseconds(300)] {
        let error = await failure(of: lock, within: timeout)
        #expect(error?.code == .timedOut)
        #expect(error?.wait?.holder?.contains("process \(ThisProcess.id)") == true, "\(String(describing: error))")
        #expect(error?.wait?.place == (timeout == .zero ? 1 : 2))
      }
      await client.cutOff()
      #expect(await first?.code == .timedOut)
      await client.heal()
      await lease.releaseQuietly()
    }
  }

  @Test("a try, a budget of zero and a wait that is never answered end with the answer timeout")
  func answerTimeout() async throws {
    try await Self.withClient(sessionTimeout: .seconds(60), answerTimeout: .milliseconds(300)) { client in
      let lock = client.lock(try uniqueName())
      await client.cutOff()
      let start = ContinuousClock.now
      await #expect { _ = try await lock.withLockIfAvailable { _ in } } throws: { LockError.Code.unreachable ~= $0 }
      for timeout in [Duration.zero, .seconds(60), nil] {
        let error = await failure(of: lock, within: timeout)
        #expect(error?.code == .unreachable, "\(String(describing: error))")
      }
      // The C client would take forty seconds to notice.
      #expect(ContinuousClock.now - start < .seconds(20))
      await client.heal()
    }
  }

  @Test("a wait that has been answered once rides out a silence that is longer than the answer timeout")
  func answeredOnce() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { holder in
      try await Self.withClient(sessionTimeout: .seconds(6), answerTimeout: .milliseconds(1500)) { client in
        let lock = client.lock(try uniqueName())
        let lease = try await holder.lock(lock.name).acquire()
        async let granted: Void = lock.withLock { _ in }
        try await eventuallyTrue(within: .seconds(10)) {
          client.locks.contention(for: lock.name).withLocal { $1.sawContenderAhead }
        }
        await client.cutOff()
        let start = ContinuousClock.now
        try await eventuallyTrue(within: .seconds(10)) { ContinuousClock.now - start > .seconds(2) }
        await client.heal()
        try await lease.release()
        try await granted
      }
    }
  }

  @Test("a release whose delete is not answered returns when the lease's deadline has passed")
  func release() async throws {
    try await Self.withClient { client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire()
      let term = try #require(client.client.currentSession).term
      await client.cutOff()
      term.limit(to: .now + .milliseconds(800))
      let start = ContinuousClock.now
      await lease.releaseQuietly()
      #expect(ContinuousClock.now - start < .seconds(10))
    }
  }

  @Test("extend ends when its task is cancelled, and when the lease's deadline has passed")
  func extend() async throws {
    try await Self.withClient { client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire()
      let held = lease.held
      await client.cutOff()
      let start = ContinuousClock.now
      let extending = Task { try await held.extend() }
      extending.cancel()
      await #expect { try await extending.value } throws: { LockError.Code.cancelled ~= $0 }
      try #require(client.client.currentSession).term.limit(to: .now + .milliseconds(800))
      await #expect { try await held.extend() } throws: { LockError.Code.lockLost ~= $0 }
      #expect(ContinuousClock.now - start < .seconds(10))
      await lease.releaseQuietly()
    }
  }

  @Test("extend without a connection says at once that the servers cannot be reached")
  func extendWithoutConnection() async throws {
    try await Self.withClient { client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire()
      let held = lease.held
      for proxy in client.proxies { try await proxy.refuse() }
      for proxy in client.proxies { await proxy.reset() }
      try await eventuallyTrue(within: .seconds(10)) { client.client.currentSession == nil }
      await #expect { try await held.extend() } throws: { LockError.Code.unreachable ~= $0 }
      for proxy in client.proxies { try await proxy.refuse(false) }
      await lease.releaseQuietly()
    }
  }
}
