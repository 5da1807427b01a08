import LatchkeyTestSupport
import Testing

@testable import LatchkeyRedis

@Suite("The table of subscriptions")
struct SubscriptionTableTests {
  private func push(_ words: String...) -> RESPFrame { .push(words.map { Corpus.text($0) }) }

  @Test("asks once for a channel that several listen to, and gives up with the last", arguments: [true, false])
  func sharing(isPush: Bool) {
    func frame(_ words: String...) -> RESPFrame {
      isPush ? .push(words.map { Corpus.text($0) }) : .reply(.array(words.map { Corpus.text($0) }))
    }
    var table = SubscriptionTable()
    expectEqual(table.add(1, to: "c"), .init(question: .subscribe("c"), isConfirmed: false))
    table.ask(.subscribe("c"))
    expectEqual(table.add(2, to: "c"), .init(question: nil, isConfirmed: false))
    expectEqual(table.received(frame("message", "c", "early")), .nothing)
    expectEqual(table.received(frame("subscribe", "c", "1")), .confirmed([1, 2]))
    expectEqual(table.add(3, to: "c"), .init(question: nil, isConfirmed: true))
    expectEqual(table.received(frame("message", "c", "hi")), .message([1, 2, 3], "hi"))
    expectEqual(table.remove(1), nil)
    expectEqual(table.remove(3), nil)
    expectEqual(table.remove(2), .unsubscribe("c"))
    expectEqual(table.remove(2), nil)
    expectEqual(table.received(frame("message", "c", "late")), .nothing)
  }

  @Test("does not take the confirmation of a subscription that was given up for that of its successor")
  func again() {
    var table = SubscriptionTable()
    for id in 1...2 {
      expectEqual(table.add(id, to: "c").question, .subscribe("c"))
      table.ask(.subscribe("c"))
      if id == 1, let question = table.remove(1) { table.ask(question) }
    }
    expectEqual(table.received(self.push("subscribe", "c", "1")), .nothing)
    expectEqual(table.received(self.push("unsubscribe", "c", "0")), .nothing)
    #expect(table.isWaiting)
    expectEqual(table.received(self.push("subscribe", "c", "1")), .confirmed([2]))
    #expect(!table.isWaiting)
  }

  @Test("tells the right readers that the server has refused their channel")
  func refusal() {
    var table = SubscriptionTable()
    for (id, name) in [(1, "a"), (2, "b")] as [(Int, ChannelName)] {
      _ = table.add(id, to: name)
      table.ask(.subscribe(name))
    }
    expectEqual(table.received(.reply(.error("NOPERM"))), .refused([1], "NOPERM"))
    expectEqual(table.received(self.push("subscribe", "b", "1")), .confirmed([2]))
    expectEqual(table.removeAll().map(\.id), [2])
  }

  @Test("tells channels apart by their bytes, also where their names mean the same text")
  func bytewise() {
    var table = SubscriptionTable()
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    #expect(table.add(1, to: .init(composed)).question != nil)
    table.ask(.subscribe(.init(composed)))
    expectEqual(table.received(self.push("subscribe", composed, "1")), .confirmed([1]))
    let addition = table.add(2, to: .init(decomposed))
    #expect(addition.question != nil && !addition.isConfirmed)
    table.ask(.subscribe(.init(decomposed)))
    expectEqual(table.received(self.push("message", composed, "hi")), .message([1], "hi"))
    expectEqual(table.received(self.push("subscribe", decomposed, "1")), .confirmed([2]))
    expectEqual(table.received(self.push("message", decomposed, "hi")), .message([2], "hi"))
  }

  @Test("knows the answers to a ping of both protocols")
  func ping() {
    var table = SubscriptionTable()
    for answer in [.reply(Corpus.text("PONG")), .reply(.array([Corpus.text("pong"), Corpus.text("")]))] as [RESPFrame] {
      table.ask(.ping)
      expectEqual(table.received(answer), .nothing)
      #expect(!table.isWaiting)
    }
  }

  @Test(
    "notices answers that make no sense",
    arguments: [
      .reply(.integer(1)), .reply(.error("ERR")),
      .push([.string(Array("subscribe".utf8)), .string([99]), .integer(1)]),
      .push([.string(Array("subscribe".utf8))]), .push([.integer(1)]), .reply(.array([])),
      .push([.string(Array("message".utf8)), .null, .null]), .push([.string(Array("pong".utf8))]),
    ] as [RESPFrame]
  )
  func violation(frame: RESPFrame) {
    var table = SubscriptionTable()
    _ = table.add(1, to: "other")
    expectEqual(table.received(frame), .violation)
  }
}
