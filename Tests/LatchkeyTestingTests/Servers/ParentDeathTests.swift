import LatchkeyTestSupport
import LatchkeyTesting
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

extension RealServerTests {
  @Suite
  struct ParentDeathTests {
    @Test func `server and folder are gone after the parent was killed`() async throws {
      let parent = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
        let server = try await ZooKeeperServer.start()
        report(server)
        kill(getpid(), SIGKILL)
      }
      try await expectGone(parent)
    }

    @Test func `a paused server is gone after the parent was killed`() async throws {
      let parent = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
        let server = try await ZooKeeperServer.start()
        report(server)
        try server.pause()
        kill(getpid(), SIGKILL)
      }
      try await expectGone(parent)
    }

    @Test func `a server that was started again is gone after the parent was killed`() async throws {
      let parent = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
        let server = try await ZooKeeperServer.start()
        await server.kill()
        try await server.restart()
        report(server)
        kill(getpid(), SIGKILL)
      }
      try await expectGone(parent)
    }

    @Test func `a child of the parent that lives on does not keep the server alive`() async throws {
      let parent = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
        let server = try await ZooKeeperServer.start()
        // It gets every descriptor that does not close itself on exec, and lives until the folder is gone or it gives up.
        let script = """
          tries=0
          while [ -e "$0" ] && [ $tries -lt 200 ]; do tries=$((tries + 1)); sleep 0.1; done
          [ -e "$0" ] || echo "gone before the child"
          """
        var child: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [
          strdup("sh"), strdup("-c"), strdup(script), strdup(server.folder), nil,
        ]
        try #require(posix_spawn(&child, "/bin/sh", nil, nil, arguments, nil) == 0)
        report(server)
        kill(getpid(), SIGKILL)
      }
      let output = String(decoding: try #require(parent).standardOutputContent, as: UTF8.self)
      #expect(output.contains("gone before the child"))
      try await expectGone(parent)
    }
  }
}

/// Prints what ``expectGone(_:)`` looks for.
private func report(_ server: ZooKeeperServer) {
  print("server", server.processID ?? 0, server.folder)
  fflush(nil)
}

private func expectGone(_ parent: ExitTest.Result?) async throws {
  let output = String(decoding: try #require(parent).standardOutputContent, as: UTF8.self)
  let line = try #require(output.split(separator: "\n").last { $0.hasPrefix("server ") })
  let fields = line.split(separator: " ").map(String.init)
  let process = try #require(Int32(fields[1]))
  #expect(process > 0)
  #expect(try await eventually(within: .seconds(60)) { !isAlive(process) && !exists(fields[2]) })
}
