import Foundation
import LatchkeyNetwork
import LatchkeyTestSupport
import LatchkeyTesting
import NIOCore
import NIOPosix
import Testing

@Suite("Looking out for replies")
struct LookoutTests {
  /// An event loop of its own, and pipes to look at.
  private func withLoop(pipes count: Int, _ body: (any EventLoop, [Pipe]) async throws -> Void) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let pipes = (0..<count).map { _ in Pipe() }
    do {
      try await body(group.next(), pipes)
    } catch {
      try await group.shutdownGracefully()
      throw error
    }
    try await group.shutdownGracefully()
  }

  private func isLooking(_ loop: any EventLoop) async throws -> Bool {
    try await loop.submit { Lookout.current(of: loop).isLooking }.get()
  }

  private func watch(_ pipe: Pipe, on loop: any EventLoop, for time: TimeAmount) async throws {
    let descriptor = pipe.fileHandleForReading.fileDescriptor
    try await loop.submit { Lookout.current(of: loop).watch(descriptor, until: .now() + time) }.get()
  }

  private func leave(_ pipe: Pipe, on loop: any EventLoop) async throws {
    let descriptor = pipe.fileHandleForReading.fileDescriptor
    try await loop.submit { Lookout.current(of: loop).leave(descriptor) }.get()
  }

  @Test("leaves the event loop its tasks, and ends when the time is over")
  func end() async throws {
    try await self.withLoop(pipes: 1) { loop, pipes in
      try await self.watch(pipes[0], on: loop, for: .milliseconds(200))
      // Told by a task of the event loop, which runs between two looks.
      #expect(try await self.isLooking(loop))
      try await eventuallyTrue { try await !self.isLooking(loop) }
    }
  }

  @Test("ends when something has come, goes on for the others when that was read, and begins again")
  func arrival() async throws {
    try await self.withLoop(pipes: 2) { loop, pipes in
      for pipe in pipes { try await self.watch(pipe, on: loop, for: .hours(1)) }
      #expect(try await self.isLooking(loop))
      pipes[0].fileHandleForWriting.write(Data([1]))
      try await eventuallyTrue { try await !self.isLooking(loop) }
      try await self.leave(pipes[0], on: loop)
      #expect(try await self.isLooking(loop))
      try await self.leave(pipes[1], on: loop)
      try await eventuallyTrue { try await !self.isLooking(loop) }
      try await self.watch(pipes[1], on: loop, for: .hours(1))
      #expect(try await self.isLooking(loop))
      // Longer or shorter, the last word counts.
      try await self.watch(pipes[1], on: loop, for: .milliseconds(1))
      try await eventuallyTrue { try await !self.isLooking(loop) }
    }
  }

  @Test("is done once for all connections of an event loop")
  func one() async throws {
    try await self.withLoop(pipes: 0) { loop, _ in
      let isSame = try await loop.submit { Lookout.current(of: loop) === Lookout.current(of: loop) }.get()
      #expect(isSame)
      try await self.withLoop(pipes: 0) { other, _ in
        let first = try await loop.submit { ObjectIdentifier(Lookout.current(of: loop)) }.get()
        let second = try await other.submit { ObjectIdentifier(Lookout.current(of: other)) }.get()
        #expect(first != second)
      }
    }
  }
}
