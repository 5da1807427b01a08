import Testing

@testable import Latchkey

@Suite("A channel with one slot", .timeLimit(.minutes(1)))
struct SlotChannelTests {
  private let channel = SlotChannel(1)

  @Test("a value stays in the slot until it is received, once")
  func slot() async {
    #expect(self.channel.tryReceive() == 1)
    #expect(self.channel.tryReceive() == nil)
    self.channel.send(2)
    #expect(await Self.value(self.channel.receive(until: nil)) == 2)
    #expect(self.channel.tryReceive() == nil)
  }

  @Test("receivers get the values in the order in which they came, and nobody overtakes them")
  func order() async {
    _ = self.channel.tryReceive()
    let receivers = (0..<3).map { _ in Task.immediate { await Self.value(self.channel.receive(until: nil)) } }
    for value in 10...12 {
      self.channel.send(value)
      #expect(self.channel.tryReceive() == nil)
    }
    for (receiver, value) in zip(receivers, 10...12) { #expect(await receiver.value == value) }
  }

  @Test("a receiver whose time is up leaves with its place, and takes nothing")
  func deadline() async throws {
    _ = self.channel.tryReceive()
    let first = Task.immediate { await Self.value(self.channel.receive(until: nil)) }
    let late = await self.channel.receive(until: .now.advanced(by: .milliseconds(1)))
    guard case .timedOut(ahead: 1) = late else { throw Unexpected(reception: "\(late)") }
    self.channel.send(7)
    #expect(await first.value == 7)
  }

  @Test("a receiver whose task is cancelled leaves the line, and the next one gets the value")
  func cancellation() async throws {
    _ = self.channel.tryReceive()
    let cancelled = Task.immediate { await self.channel.receive(until: nil) }
    let next = Task.immediate { await Self.value(self.channel.receive(until: nil)) }
    cancelled.cancel()
    guard case .cancelled = await cancelled.value else { throw Unexpected(reception: "not cancelled") }
    self.channel.send(7)
    #expect(await next.value == 7)
  }

  private struct Unexpected: Error {
    let reception: String
  }

  private static func value(_ reception: SlotChannel<Int>.Reception) -> Int? {
    if case .received(let value) = reception { value } else { nil }
  }
}
