import Foundation
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@Suite("Readers and writers of other libraries on the same lock", .serialized, .timeLimit(.minutes(5)))
struct ReadWriteInteroperationServerTests {
  private static let count = 100

  @Test(
    "exclude us and are excluded by us: a counter that all increment ends exact, and nobody sees it change while reading",
    arguments: [InteroperationServerTests.Contender.curatorReadWrite, .kazooWriting]
  )
  func exclude(contender: InteroperationServerTests.Contender) async throws {
    let servers = try await TestServers.shared.value
    let folder = try ScratchFolder()
    defer { folder.remove() }
    let counter = folder.path + "/counter"
    try FileCounter.write(0, to: counter)
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      let name = try uniqueName("interoperation")
      let lock = client.locks.readWriteLock(name)
      // The directory, so that nobody's first step is to make it.
      try await lock.writing.acquire().release()
      let program = try await InteroperationServerTests.program(contender, folder: folder.path)
      let arguments = program.arguments + [servers.members[0].connectString, "/\(name)", counter, "\(Self.count)"]
      async let theirs = InteroperationServerTests.run(program.command, arguments)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for _ in 0..<Self.count {
            let write = try await lock.writing.acquire(within: .seconds(60))
            let value = try FileCounter.read(counter)
            try await Task.sleep(for: .milliseconds(1))
            try FileCounter.write(value + 1, to: counter)
            try write.held.ensureHeld()
            // Nobody writes between the write and the read.
            let read = try await lock.downgrade(write)
            try await Self.expectQuiet(counter, value + 1)
            try read.held.ensureHeld()
            try await read.release()
          }
        }
        for _ in 0..<2 {
          group.addTask {
            for _ in 0..<Self.count {
              try await lock.reading.withLock(within: .seconds(60)) { held in
                try await Self.expectQuiet(counter, try FileCounter.read(counter))
                try held.ensureHeld()
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await theirs.hasSuffix("done\n"))
      #expect(try FileCounter.read(counter) == 2 * Self.count)
      #expect(try await client.count("/\(name)") == 0)
    }
  }

  private static func expectQuiet(_ counter: String, _ value: Int) async throws {
    try await Task.sleep(for: .milliseconds(1))
    #expect(try FileCounter.read(counter) == value)
  }

  @Test("a writer waits for a reader of kazoo, and a reader does not")
  func kazooReader() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      let lock = client.locks.readWriteLock(try uniqueName("interoperation"))
      let holder = "\(InteroperationServerTests.contenders)/kazoo_read_holder.py"
      let output = try await InteroperationServerTests.run(
        "/usr/bin/python3",
        [holder, servers.members[0].connectString, "/\(lock.name)"]
      )
      #expect(output == "held\n")
      try await lock.reading.acquire(within: .zero).release()
      let isBusy = try await lock.writing.tryAcquire() == nil
      #expect(isBusy)
      // Its session ends by itself.
      try await lock.writing.acquire(within: .seconds(30)).release()
    }
  }
}
