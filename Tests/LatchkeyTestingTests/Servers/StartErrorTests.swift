import LatchkeyTesting
import Testing

extension RealServerTests {
  @Suite
  struct StartErrorTests {
    @Test func `a machine without Java is told which package has it`() async {
      let configuration = ZooKeeperConfiguration { $0.java = "no-such-java" }
      let error = await #expect(throws: ServerError.self) { try await ZooKeeperServer.start(configuration) }
      #expect(error?.code == .missing)
      #expect(error?.message.contains("apt-get install default-jre-headless") == true)
    }

    @Test func `a machine without the server is told which package has it`() async {
      let configuration = ZooKeeperConfiguration { $0.jar = "/no/such/zookeeper.jar" }
      let error = await #expect(throws: ServerError.self) { try await ZooKeeperServer.start(configuration) }
      #expect(error?.code == .missing)
      #expect(error?.message.contains("apt-get install libzookeeper-java") == true)
    }

    @Test func `a server that ends at once is an error with the end of its log`() async {
      let configuration = ZooKeeperConfiguration { $0.javaOptions = ["-XX:+NoSuchOption"] }
      let error = await #expect(throws: ServerError.self) { try await ZooKeeperServer.start(configuration) }
      #expect(error?.code == .exited)
      #expect(error?.message.contains("NoSuchOption") == true)
    }

    @Test func `a server that does not understand its configuration is an error that shows why`() async {
      let configuration = ZooKeeperConfiguration { $0.settings = ["tickTime": "soon"] }
      let error = await #expect(throws: ServerError.self) { try await ZooKeeperServer.start(configuration) }
      #expect(error?.code == .exited)
      #expect(error?.message.contains("soon") == true)
    }

    @Test func `a port that is taken is told apart from other errors`() async throws {
      let other = try EchoServer()
      let configuration = ZooKeeperConfiguration { $0.settings = ["clientPort": String(other.port)] }
      let error = await #expect(throws: ServerError.self) { try await ZooKeeperServer.start(configuration) }
      #expect(error?.code == .addressInUse)
    }

    @Test func `a start that takes too long is an error`() async {
      let configuration = ZooKeeperConfiguration { $0.startLimit = .milliseconds(1) }
      let error = await #expect(throws: ServerError.self) { try await ZooKeeperServer.start(configuration) }
      #expect(error?.code == .notReady)
    }

    @Test func `a start that is cancelled leaves nothing behind`() async throws {
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        _ = try await ZooKeeperServer.start()
      }
      await #expect(throws: CancellationError.self) { try await task.value }
    }
  }
}
