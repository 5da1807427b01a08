import NIOCore
import NIOPosix
import Testing

@testable import LatchkeyRedis

@Suite("The event loop of a connection")
struct EventLoopTests {
  private func core(_ change: (inout RedisConnection.Configuration) -> Void = { _ in }) throws -> ConnectionCore {
    try ConnectionCore(.init(port: 1, change))
  }

  @Test("is one that all connections share and nobody else uses, unless they are given another")
  func own() throws {
    let first = try self.core()
    #expect(try self.core().loop === first.loop)
    #expect(!MultiThreadedEventLoopGroup.singleton.makeIterator().contains { $0 === first.loop })
    let given = MultiThreadedEventLoopGroup.singleton.next()
    #expect(try self.core { $0.eventLoop = given }.loop === given)
  }

  @Test("looks out for replies if it is our own, and on one that is given only if it is told to")
  func polling() throws {
    let given = MultiThreadedEventLoopGroup.singleton.next()
    #expect(try self.core().busyPolling == .microseconds(150))
    #expect(try self.core { $0.busyPolling = .zero }.busyPolling == .zero)
    #expect(try self.core { $0.eventLoop = given }.busyPolling == .zero)
    let isTold = try self.core {
      $0.eventLoop = given
      $0.busyPolling = .microseconds(80)
    }
    #expect(isTold.busyPolling == .microseconds(80))
  }
}
