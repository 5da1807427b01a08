import Foundation
import Latchkey
import LatchkeyTesting

// The code of the article *Writing your own backend*: a lock between the processes of one machine, made of a file.

// snippet: file locks
/// Locks between the processes of one machine: files under `flock(2)` in a folder.
struct FileLocks: LockProvider {
  let folder: String
  private let lines = LocalLocks()

  init(folder: String) {
    self.folder = folder
  }

  func lock(_ name: LockName) -> FileLock {
    FileLock(name: name, folder: self.folder, line: self.lines.lock(name))
  }
}
// end

// snippet: file lock
/// One of them. The kernel gives the lock back when its holder ends, however it ends: a lease needs no deadline.
struct FileLock: FencedLock {
  let name: LockName
  let folder: String
  /// Where the tasks of this process wait that want this lock.
  let line: LocalMutex

  /// Two locks of one name are the same lock if their backends are equal.
  var backend: LockBackend { LockBackend(kind: "file", instance: self.folder) }

  /// A name may hold anything but control characters; what a file name cannot carry is escaped, so that no two names meet.
  private var path: String {
    let safe = self.name.rawValue.replacing("%", with: "%25").replacing("/", with: "%2F")
    return "\(self.folder)/\(safe).lock"
  }
}
// end

// snippet: file try
extension FileLock {
  func tryAcquire() async throws(LockError) -> Lease? {
    if Task.isCancelled { throw self.cancelled }
    let file = open(self.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw self.failure("open", errno) }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(file)
      if code == EWOULDBLOCK { return nil }
      throw self.failure("lock", code)
    }
    do throws(LockError) {
      let token = try self.nextToken(in: file)
      let grant = LeaseGrant(
        name: self.name,
        backend: self.backend,
        token: token,
        loss: .never,
        release: { close(file) }
      )
      return Lease(grant)
    } catch {
      close(file)
      throw error
    }
  }
}
// end

// snippet: file acquire
extension FileLock {
  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    let start = ContinuousClock.now
    // Tasks of this process take their turns in the order in which they came; only the first asks the kernel.
    let turn = try await self.line.acquire(within: timeout)
    let answer = await self.poll(since: start, within: timeout)
    try await turn.release()
    return try answer.get()
  }

  private func poll(since start: ContinuousClock.Instant, within timeout: Duration?) async -> Result<Lease, LockError> {
    while true {
      do throws(LockError) {
        if let lease = try await self.tryAcquire() { return .success(lease) }
        let waited = ContinuousClock.now - start
        if let timeout, waited >= timeout { throw self.timedOut(after: waited) }
        // The kernel wakes nobody who does not block a thread. The budget is one for the whole call.
        try await self.pause(atMost: timeout.map { $0 - waited })
      } catch {
        return .failure(error)
      }
    }
  }

  private func pause(atMost rest: Duration?) async throws(LockError) {
    let pause = Duration.microseconds(Int.random(in: 500...2500))
    do {
      try await Task.sleep(for: rest.map { min(pause, $0) } ?? pause)
    } catch {
      throw self.cancelled
    }
  }
}
// end

// snippet: file token
extension FileLock {
  /// The file holds the number of the last grant. Whoever has the lock is alone with it.
  private func nextToken(in file: Int32) throws(LockError) -> FencingToken {
    var number: UInt64 = 0
    let size = MemoryLayout<UInt64>.size
    guard pread(file, &number, size, 0) >= 0 else { throw self.failure("read", errno) }
    number += 1
    // On the disk before the grant: after a crash of the machine no token may come a second time.
    guard pwrite(file, &number, size, 0) == size, fsync(file) == 0 else { throw self.failure("write", errno) }
    return FencingToken(major: number)
  }
}
// end

extension FileLock {
  // snippet: file errors
  private func timedOut(after waited: Duration) -> LockError {
    LockError(
      .timedOut,
      name: self.name,
      message: "another process held the file for the whole wait; wait longer, or look who has it open",
      wait: LockError.Wait(waited: waited)
    )
  }

  private var cancelled: LockError {
    LockError(.cancelled, name: self.name, message: "the wait was cancelled; nothing is left behind")
  }

  private func failure(_ step: String, _ code: Int32) -> LockError {
    LockError(
      .backendFailure,
      name: self.name,
      message: "cannot \(step) \(self.path): \(String(cString: strerror(code))); check the folder and its permissions"
    )
  }
  // end

  // snippet: file subject
  static func subject(folder: String) -> LockSubject {
    LockSubject(
      label: "lock file",
      traits: [.fenced],
      makeClient: { FileLocks(folder: folder) },
      close: { _ in }
    )
  }
  // end
}

enum LeasedLock {
  // snippet: grant with deadline
  /// What a backend does that grants for a time, here a table whose rows expire.
  static func lease(on row: any LockRow, of name: LockName, at backend: LockBackend) async throws(LockError) -> Lease? {
    // Before the request is sent: the row cannot expire earlier than a TTL from now.
    let sent = ContinuousClock.now
    guard let number = try await row.insert() else { return nil }
    let grant = LeaseGrant(
      name: name,
      backend: backend,
      token: FencingToken(major: number),
      loss: .atDeadline(sent.advanced(by: row.timeToLive * 99 / 100)),
      release: { await row.delete(number) }
    )
    row.keepAlive(number) { renewal in
      switch renewal {
      case .confirmed(let sent): grant.renew(until: sent.advanced(by: row.timeToLive * 99 / 100))
      case .gone: grant.lose(because: "its row is gone")
      }
    }
    return Lease(grant)
  }
  // end
}

/// A row that stands for a lock until it expires.
protocol LockRow: Sendable {
  var timeToLive: Duration { get }

  /// Inserts the row if there is none; returns the number of the insertion, or nil.
  func insert() async throws(LockError) -> UInt64?

  /// Deletes the row if it is still that of the number.
  func delete(_ number: UInt64) async

  /// Asks for more time now and then, and tells what came of it.
  func keepAlive(_ number: UInt64, _ tell: @escaping @Sendable (Renewal) -> Void)
}

enum Renewal: Sendable {
  /// With the instant before the request was sent.
  case confirmed(ContinuousClock.Instant)
  case gone
}
