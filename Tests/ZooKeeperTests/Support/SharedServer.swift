import LatchkeyTesting
import Synchronization

@testable import ZooKeeper

/// The one server of all tests that do their server no harm.
enum SharedServer {
  private static let start = Task {
    try await ZooKeeperServer.start(
      ZooKeeperConfiguration {
        $0.inMemory = true
        // Nodes with a TTL.
        $0.javaOptions = ["-Dzookeeper.extendedTypesEnabled=true"]
      }
    )
  }

  static var value: ZooKeeperServer { get async throws { try await self.start.value } }
}

private let nextDirectory = Atomic<Int>(0)

/// Lends a client of the shared server and a directory of its own.
func withClient<R>(
  _ change: (inout ZooKeeperClient.Configuration) -> Void = { _ in },
  _ body: (ZooKeeperClient, _ directory: String) async throws -> sending R
) async throws -> sending R {
  var configuration = ZooKeeperClient.Configuration(connectString: try await SharedServer.value.connectString)
  configuration.tick = .milliseconds(200)
  configuration.sessionTimeout = .seconds(4)
  change(&configuration)
  return try await ZooKeeperClient.withClient(configuration) { client in
    let number = nextDirectory.add(1, ordering: .relaxed).newValue
    let directory = "/test-\(number)"
    let session = try await client.waitForSession(within: nil)
    let code = await answer { session.createContainers(directory, acl: .open, $0) }
    guard code == .ok else { throw ZooKeeperError(code, operation: "create", path: directory) }
    return try await body(client, directory)
  }
}

/// Turns a call with a callback into one that waits.
func answer<Value: Sendable>(_ call: (@escaping @Sendable (Value) -> Void) -> Void) async -> Value {
  await withCheckedContinuation { continuation in
    call { continuation.resume(returning: $0) }
  }
}
