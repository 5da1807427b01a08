import Foundation
import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting
import Testing

/// A folder that is gone when the tests are over.
private let scratchFolder: URL = {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("file-locks-\(UUID().uuidString)")
  // If this fails, every check does, with the path in its message.
  try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder
}()

@Suite("The backend of the article on writing one", .serialized, .timeLimit(.minutes(3)))
struct FileLockTests {
  private static let folder = scratchFolder

  // snippet: file conformance
  static let conformance = LockConformance(subject: FileLock.subject(folder: Self.folder.path))

  @Test("the lock file keeps its promise", arguments: Self.conformance.applicable)
  func keepsPromise(_ check: LockConformance.Check) async throws {
    #expect(try await Self.conformance.run(check) == .passed)
  }
  // end

  @Test("what does not apply to a lock file needs a deadline, an order, a fault, or a lock without tokens")
  func notApplicable() {
    for check in Self.conformance.notApplicable {
      #expect(!check.needs.isDisjoint(with: Set(LockSubject.Need.allCases).subtracting([.fencingTokens])))
    }
    #expect(Self.conformance.applicable.count >= 25)
  }

  @Test("names that differ are different files, whatever they hold")
  func names() async throws {
    let locks = FileLocks(folder: Self.folder.path)
    let first = try await locks.lock("a/b").acquire()
    let second = try await locks.lock("a%2Fb").acquire(within: Duration.zero)
    try await first.release()
    try await second.release()
  }

  @Test("a folder that is not there is an error that says so")
  func missingFolder() async throws {
    let lock = FileLocks(folder: "/nowhere").lock("a")
    do throws(LockError) {
      _ = try await lock.acquire()
      Issue.record("a lock was granted in a folder that is not there")
    } catch {
      #expect(error.code == .backendFailure)
      #expect(error.message.contains("/nowhere/a.lock"))
    }
  }

  @Test("a lock that is granted for a time is renewed, and lost when its row is gone")
  func rows() async throws {
    let row = FakeRow()
    let (name, backend) = (LockName("row"), LockBackend(kind: "table", instance: "test"))
    guard let lease = try await LeasedLock.lease(on: row, of: name, at: backend) else {
      Issue.record("a row that is not there was found taken")
      return
    }
    let isBusy = try await LeasedLock.lease(on: row, of: name, at: backend) == nil
    #expect(isBusy)
    let (held, first) = (lease.held, lease.held.deadline)
    row.tell(.confirmed(.now))
    #expect(held.isHeld)
    #expect(try #require(held.deadline) > #require(first))
    row.tell(.gone)
    #expect(!held.isHeld)
    #expect(await held.lost?.code == .lockLost)
    do throws(LockError) {
      try await lease.release()
      Issue.record("the release of a lost lease did not say so")
    } catch {
      #expect(error.code == .lockLost)
    }
    #expect(row.isFree)
  }
}

/// A table of one row.
private final class FakeRow: LockRow {
  private struct State {
    var number: UInt64?
    var next: UInt64 = 1
    var tell: (@Sendable (Renewal) -> Void)?
  }

  let timeToLive = Duration.seconds(60)
  private let state = Locked(State())

  var isFree: Bool { self.state.withLock { $0.number == nil } }

  func insert() async throws(LockError) -> UInt64? {
    self.state.withLock { state -> UInt64? in
      guard state.number == nil else { return nil }
      defer { state.next += 1 }
      state.number = state.next
      return state.next
    }
  }

  func delete(_ number: UInt64) async {
    self.state.withLock { if $0.number == number { $0.number = nil } }
  }

  func keepAlive(_ number: UInt64, _ tell: @escaping @Sendable (Renewal) -> Void) {
    self.state.withLock { $0.tell = tell }
  }

  func tell(_ renewal: Renewal) { self.state.withLock { $0.tell }?(renewal) }
}
