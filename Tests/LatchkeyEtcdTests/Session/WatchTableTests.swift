#if Etcd
import Testing

@testable import LatchkeyEtcd

@Suite("The table of watches")
struct WatchTableTests {
  private static let a = WatchTable.Target.deletion([1])
  private static let b = WatchTable.Target.deletion([2])

  /// What is asked for, and under which numbers.
  private static func asked(_ requests: [WatchTable.Request]) -> [(target: WatchTable.Target, streamID: Int64)] {
    requests.compactMap { request in
      if case .watch(let target, let streamID) = request { (target, streamID) } else { nil }
    }
  }

  /// Sets a watch at a revision.
  private static func set(_ requests: [WatchTable.Request], in table: inout WatchTable, at revision: Int64) -> Int64 {
    let streamID = Self.asked(requests)[0].streamID
    _ = table.created(streamID: streamID, at: revision, refusal: nil)
    return streamID
  }

  @Test("matches answers and events with requests by the numbers of these, in whatever order answers come")
  func order() {
    var table = WatchTable()
    #expect(table.streamOpened().isEmpty)
    let (first, askedFirst) = table.add(Self.a)
    let (second, askedSecond) = table.add(Self.b)
    let (one, two) = (Self.asked(askedFirst)[0], Self.asked(askedSecond)[0])
    #expect(one.target == Self.a && two.target == Self.b && one.streamID != two.streamID)
    #expect(table.created(streamID: two.streamID, at: 7, refusal: nil).0 == .set(second, since: 7))
    #expect(table.created(streamID: one.streamID, at: 7, refusal: nil).0 == .set(first, since: 7))
    #expect(table.happened(streamID: two.streamID, at: 8) == .happened(second, at: 8))
    #expect(table.remove(first) == [.cancel(streamID: one.streamID)])
    #expect(table.happened(streamID: one.streamID, at: 8) == nil)
  }

  @Test("an answer under a number that nobody has asked under is no answer to any request")
  func strangeNumber() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (first, asked) = table.add(Self.a)
    let streamID = Self.asked(asked)[0].streamID
    for number in 0..<10 as Range<Int64> {
      #expect(!table.awaits(number))
      #expect(table.created(streamID: number, at: 7, refusal: nil).0 == nil)
    }
    #expect(table.awaits(streamID))
    #expect(table.created(streamID: streamID, at: 7, refusal: nil).0 == .set(first, since: 7))
    #expect(!table.awaits(streamID))
  }

  @Test("asks for everything again on another stream, and tells that it is set again")
  func again() {
    var table = WatchTable()
    let (first, _) = table.add(Self.a)
    let before = Self.set(table.streamOpened(), in: &table, at: 7)
    table.streamClosed()
    #expect(table.happened(streamID: before, at: 8) == nil)
    let asked = Self.asked(table.streamOpened())
    #expect(asked.map(\.target) == [Self.a])
    #expect(table.created(streamID: asked[0].streamID, at: 7, refusal: nil).0 == .set(first, since: 7))
  }

  @Test("tells of a watch what has been told of it, while its stream is there")
  func knowledge() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (watch, asked) = table.add(Self.a)
    #expect(table.knowledge(of: watch, asOf: 9) == nil)
    let streamID = Self.set(asked, in: &table, at: 7)
    #expect(table.knowledge(of: watch, asOf: 9) == .set(watch, since: 7))
    _ = table.happened(streamID: streamID, at: 9)
    #expect(table.knowledge(of: watch, asOf: 8) == .happened(watch, at: 9))
    #expect(table.knowledge(of: watch, asOf: 9) == .set(watch, since: 7))
    // What happened while there was no stream, nobody has told.
    table.streamClosed()
    #expect(table.knowledge(of: watch, asOf: 9) == nil)
    let again = table.streamOpened()
    #expect(table.knowledge(of: watch, asOf: 9) == nil)
    _ = Self.set(again, in: &table, at: 12)
    #expect(table.knowledge(of: watch, asOf: 9) == .set(watch, since: 12))
  }

  @Test("a watch that was given up before its answer is cancelled when the answer comes, and takes nobody's place")
  func givenUp() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (first, askedFirst) = table.add(Self.a)
    let (second, askedSecond) = table.add(Self.b)
    #expect(table.remove(first).isEmpty)
    let streamID = Self.asked(askedFirst)[0].streamID
    let (outcome, requests) = table.created(streamID: streamID, at: 7, refusal: nil)
    #expect(outcome == nil && requests == [.cancel(streamID: streamID)])
    let other = Self.asked(askedSecond)[0].streamID
    #expect(table.created(streamID: other, at: 7, refusal: nil).0 == .set(second, since: 7))
  }

  @Test("a watch that the server ends is asked for again, under another number; one that it refuses is told")
  func canceled() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (first, asked) = table.add(Self.a)
    let streamID = Self.set(asked, in: &table, at: 7)
    let again = Self.asked(table.canceled(streamID: streamID))
    #expect(again.map(\.target) == [Self.a] && again[0].streamID != streamID)
    #expect(table.created(streamID: again[0].streamID, at: 7, refusal: nil).0 == .set(first, since: 7))
    let (second, _) = table.add(Self.b)
    // A refusal without a number is that of the oldest request.
    #expect(table.created(streamID: -1, at: 7, refusal: "no").0 == .refused(second, reason: "no"))
    #expect(table.remove(second).isEmpty)
  }

  @Test("a refusal under a number concerns the request of that number")
  func numberedRefusal() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (first, askedFirst) = table.add(Self.a)
    let (second, askedSecond) = table.add(Self.b)
    let streamID = Self.asked(askedSecond)[0].streamID
    #expect(table.target(refused: streamID) == Self.b)
    #expect(table.created(streamID: streamID, at: 7, refusal: "no").0 == .refused(second, reason: "no"))
    let other = Self.asked(askedFirst)[0].streamID
    #expect(table.created(streamID: other, at: 7, refusal: nil).0 == .set(first, since: 7))
  }

  @Test("what is denied is remembered for all keys of a lock, and for a while")
  func denials() {
    var denials = WatchDenials()
    let now = ContinuousClock.now
    let key = { (text: String) in WatchTable.Target.deletion(Array(text.utf8)) }
    denials.note(key("a/b/1"), at: now)
    #expect(denials.covers(key("a/b/2"), at: now + .seconds(1)))
    #expect(!denials.covers(key("a/c/2"), at: now + .seconds(1)))
    #expect(!denials.covers(key("a/b/2"), at: now + WatchDenials.memory))
  }

  @Test("a refusal is the last word only for a watch that was asked for at the opening of a stream with a new token")
  func refusals() {
    var table = WatchTable()
    _ = table.streamOpened()
    #expect(!table.mayBeAskedAnew(-1))
    let (first, _) = table.add(Self.a)
    #expect(table.mayBeAskedAnew(-1))
    table.streamClosed()
    let renewed = table.streamOpened(isRenewed: true)
    #expect(Self.asked(renewed).map(\.target) == [Self.a])
    #expect(!table.mayBeAskedAnew(-1))
    // That token grows old too.
    _ = table.canceled(streamID: Self.set(renewed, in: &table, at: 7))
    #expect(table.mayBeAskedAnew(-1))
    table.streamClosed()
    _ = table.streamOpened(isRenewed: true)
    let (second, _) = table.add(Self.b)
    #expect(table.created(streamID: -1, at: 7, refusal: "no").0 == .refused(first, reason: "no"))
    #expect(table.mayBeAskedAnew(-1))
    // Nobody wants it any more, so no stream is replaced for it.
    _ = table.remove(second)
    #expect(!table.mayBeAskedAnew(-1))
  }
}
#endif
