import InMemoryLogging
import Latchkey
import Logging
import Testing

@Suite("What log lines say of the lock they are written under")
struct LogMetadataTests {
  private let provider = Logger.MetadataProvider.heldLock

  @Test("a line in a body has the lock's name, backend and token; one outside has none")
  func body() async throws {
    var handler = InMemoryLogHandler()
    handler.metadataProvider = self.provider
    let logger = Logger(label: "test") { [handler] _ in handler }
    let mutex = LocalMutex("orders/7")
    logger.info("before")
    let token = try await mutex.withLock { held in
      logger.info("inside")
      return held.token
    }
    logger.info("after")
    let metadata = handler.entries.map(\.metadata)
    #expect(metadata.map { $0["lock.name"] } == [nil, "orders/7", nil])
    #expect(metadata.map { $0["lock.backend"] } == [nil, "mutex", nil])
    #expect(metadata[1]["lock.token"] == "\(try #require(token))")
  }

  @Test("of two locks the inner one is named, and the outer one again when that is released")
  func nested() async throws {
    let (outer, inner) = (LocalMutex("outer"), LocalMutex("inner"))
    try await outer.withLock { _ in
      try await inner.withLock { _ in #expect(self.provider.get()["lock.name"] == "inner") }
      #expect(self.provider.get()["lock.name"] == "outer")
    }
  }

  @Test("a task that outlives the body does not go on naming the lock")
  func outlived() async throws {
    let mutex = LocalMutex("gone")
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let provider = self.provider
    let task = try await mutex.withLock { _ in
      Task {
        for await _ in gate {}
        return provider.get()["lock.name"]
      }
    }
    open.finish()
    #expect(await task.value == nil)
  }
}
