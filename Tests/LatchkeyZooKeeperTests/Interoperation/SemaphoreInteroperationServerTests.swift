import Foundation
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing
import ZooKeeper

@Suite("Curator's semaphore on the same path", .serialized, .timeLimit(.minutes(5)))
struct SemaphoreInteroperationServerTests {
  private static let rounds = 60

  @Test("Curator and we hold no more permits together than its SharedCount says, ours for one and for two")
  func contest() async throws {
    let servers = try await TestServers.shared.value
    let folder = try ScratchFolder()
    let inside = try ScratchFolder()
    defer {
      folder.remove()
      inside.remove()
    }
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      let name = try uniqueName("interoperation")
      let limit = "/limits-of-tests/\(name)"
      let pool = client.locks.semaphore(name, limit: .shared(seed: 3, path: limit))
      // The directories and the limit, so that nobody's first step is to make them.
      try await pool.acquire(2).release()
      let program = try await InteroperationServerTests.program(.curatorSemaphore, folder: folder.path)
      let arguments =
        program.arguments + [
          servers.members[0].connectString, "/\(name)", inside.path, "\(Self.rounds)", limit, "1", "3",
        ]
      async let theirs = InteroperationServerTests.run(program.command, arguments)
      async let others = InteroperationServerTests.run(program.command, arguments)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<3 {
          group.addTask {
            let permits = task == 0 ? 2 : 1
            for _ in 0..<Self.rounds {
              try await pool.withPermits(permits, within: .seconds(60)) { held in
                try await Self.expectRoom(in: inside.path, permits)
                try held.ensureHeld()
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await theirs.hasSuffix("limit 3\ndone\n"))
      #expect(try await others.hasSuffix("limit 3\ndone\n"))
      try await eventuallyTrue(within: .seconds(10)) {
        try await client.permits(of: name) + client.count("/\(name)/locks") == 0
      }
    }
  }

  /// Puts a file into the folder for each permit, and looks how many there are.
  private static func expectRoom(in folder: String, _ permits: Int) async throws {
    let files = (0..<permits).map { _ in URL(fileURLWithPath: folder).appendingPathComponent(UUID().uuidString) }
    for file in files { try Data().write(to: file) }
    try await Task.sleep(for: .milliseconds(1))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count <= 3)
    for file in files { try FileManager.default.removeItem(at: file) }
  }

  @Test("a client of Curator's that waits gets in when we raise the limit")
  func raise() async throws {
    let servers = try await TestServers.shared.value
    let folder = try ScratchFolder()
    let inside = try ScratchFolder()
    defer {
      folder.remove()
      inside.remove()
    }
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      let name = try uniqueName("interoperation")
      let limit = "/limits-of-tests/\(name)"
      let pool = client.locks.semaphore(name, limit: .shared(seed: 1, path: limit))
      let lease = try await pool.acquire()
      let program = try await InteroperationServerTests.program(.curatorSemaphore, folder: folder.path)
      let arguments =
        program.arguments + [servers.members[0].connectString, "/\(name)", inside.path, "1", limit, "1", "2"]
      async let theirs = InteroperationServerTests.run(program.command, arguments)
      try await eventuallyTrue(within: .seconds(30)) { try await client.permits(of: name) == 2 }
      // It heads the queue with its node in place, and is waited for.
      let isBusy = try await pool.tryAcquire() == nil
      #expect(isBusy)
      try await pool.setLimit(2)
      #expect(try await theirs.hasSuffix("limit 2\ndone\n"))
      try await lease.release()
    }
  }
}
