import LatchkeyProcesses
import Testing

@testable import LatchkeyCLI
@testable import LatchkeyTesting

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("A client process of a verification", .timeLimit(.minutes(1)))
struct ClientProcessTests {
  init() {
    // As the command does: what is told to a process that has ended is an error, not our end.
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// Runs a shell script in the place of a client.
  private func withClient<Result>(
    _ script: String,
    _ body: (ClientProcess) async throws -> Result
  ) async throws -> Result {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let plan = VerifyPlan(
      url: "redis://h/x",
      freshServers: [],
      workers: 1,
      timeToLive: .seconds(1),
      budget: .seconds(1),
      seed: 1
    )
    return try await body(
      try ClientProcess(
        client: 0,
        life: 0,
        plan: plan,
        settings: [:],
        errors: folder.file("errors"),
        record: VerifyRecord(acceptsStale: false),
        command: ["sh", "-c", script]
      )
    )
  }

  private static let ready = "echo '{\"ready\":{}}'; "
  private static let done = "echo '{\"done\":{}}'; "

  @Test("that is killed as a fault is not to blame for its end")
  func killed() async throws {
    let end = try await self.withClient(Self.ready + "exec sleep 60") { client in
      #expect(await client.ready())
      return await client.kill()
    }
    #expect(end.complaint == nil)
    #expect(end.wasKilled)
  }

  @Test(
    "that crashed by itself is not forgiven because it was to be killed a moment later",
    arguments: ["ILL", "KILL"]
  )
  func crashed(signal: String) async throws {
    let end = try await self.withClient("echo broken >&2; kill -\(signal) $$") { client in
      #expect(await !client.ready())
      return await client.kill()
    }
    #expect(end.complaint?.contains("broken") ?? false, "\(end)")
    #expect(!end.wasKilled)
  }

  @Test(
    "that ends before it is ready is forgiven a connection that failed, and nothing else",
    arguments: [("exit 69", true), ("kill -ILL $$", false), ("exit 1", false), ("exit 0", false)]
  )
  func stillborn(script: String, isForgiven: Bool) async throws {
    let end = try await self.withClient(script) { client in
      #expect(await !client.ready())
      return await client.stillborn(within: .seconds(5))
    }
    #expect((end.complaint == nil) == isForgiven, "\(end)")
  }

  @Test(
    "that is told to stop must say that it has given everything back, and then end well",
    arguments: [(done + "exit 0", true), (done + "kill -ILL $$", false), ("exit 0", false)]
  )
  func stopped(script: String, isGood: Bool) async throws {
    let end = try await self.withClient("read plan; read stop; " + script) { client in
      await client.stop(within: .seconds(5))
    }
    #expect((end.complaint == nil) == isGood, "\(end)")
  }
}
