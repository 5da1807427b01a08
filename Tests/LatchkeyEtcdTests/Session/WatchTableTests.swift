#if Etcd
import Testing

@testable import LatchkeyEtcd

@Suite("The table of watches")
struct WatchTableTests {
  private static let a = WatchTable.Target.deletion([1])
  private static let b = WatchTable.Target.deletion([2])

  @Test("matches answers with requests by their order, and events by the stream's number")
  func order() {
    var table = WatchTable()
    #expect(table.streamOpened().isEmpty)
    let (first, ask) = table.add(Self.a)
    let (second, _) = table.add(Self.b)
    #expect(ask == [.watch(Self.a)])
    #expect(table.created(streamID: 10, at: 7, refusal: nil).0 == .set(first, since: 7))
    #expect(table.created(streamID: 11, at: 7, refusal: nil).0 == .set(second, since: 7))
    #expect(table.happened(streamID: 11, at: 8) == .happened(second, at: 8))
    #expect(table.remove(first) == [.cancel(streamID: 10)])
    #expect(table.happened(streamID: 10, at: 8) == nil)
  }

  @Test("asks for everything again on another stream, and tells that it is set again")
  func again() {
    var table = WatchTable()
    let (first, _) = table.add(Self.a)
    #expect(table.streamOpened() == [.watch(Self.a)])
    _ = table.created(streamID: 3, at: 7, refusal: nil)
    table.streamClosed()
    #expect(table.happened(streamID: 3, at: 8) == nil)
    #expect(table.streamOpened() == [.watch(Self.a)])
    #expect(table.created(streamID: 0, at: 7, refusal: nil).0 == .set(first, since: 7))
  }

  @Test("tells of a watch what has been told of it, while its stream is there")
  func knowledge() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (watch, _) = table.add(Self.a)
    #expect(table.knowledge(of: watch, asOf: 9) == nil)
    _ = table.created(streamID: 1, at: 7, refusal: nil)
    #expect(table.knowledge(of: watch, asOf: 9) == .set(watch, since: 7))
    _ = table.happened(streamID: 1, at: 9)
    #expect(table.knowledge(of: watch, asOf: 8) == .happened(watch, at: 9))
    #expect(table.knowledge(of: watch, asOf: 9) == .set(watch, since: 7))
    // What happened while there was no stream, nobody has told.
    table.streamClosed()
    #expect(table.knowledge(of: watch, asOf: 9) == nil)
    _ = table.streamOpened()
    #expect(table.knowledge(of: watch, asOf: 9) == nil)
    _ = table.created(streamID: 4, at: 12, refusal: nil)
    #expect(table.knowledge(of: watch, asOf: 9) == .set(watch, since: 12))
  }

  @Test("a watch that was given up before its answer is cancelled when the answer comes, and takes nobody's place")
  func givenUp() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (first, _) = table.add(Self.a)
    let (second, _) = table.add(Self.b)
    #expect(table.remove(first).isEmpty)
    let (outcome, requests) = table.created(streamID: 5, at: 7, refusal: nil)
    #expect(outcome == nil && requests == [.cancel(streamID: 5)])
    #expect(table.created(streamID: 6, at: 7, refusal: nil).0 == .set(second, since: 7))
  }

  @Test("a watch that the server ends is asked for again; one that it refuses is told")
  func canceled() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (first, _) = table.add(Self.a)
    _ = table.created(streamID: 1, at: 7, refusal: nil)
    #expect(table.canceled(streamID: 1) == [.watch(Self.a)])
    #expect(table.created(streamID: 2, at: 7, refusal: nil).0 == .set(first, since: 7))
    let (second, _) = table.add(Self.b)
    #expect(table.created(streamID: -1, at: 7, refusal: "no").0 == .refused(second, reason: "no"))
    #expect(table.remove(second).isEmpty)
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
    #expect(!table.mayBeAskedAnew)
    let (first, _) = table.add(Self.a)
    #expect(table.mayBeAskedAnew)
    table.streamClosed()
    #expect(table.streamOpened(isRenewed: true) == [.watch(Self.a)])
    #expect(!table.mayBeAskedAnew)
    _ = table.created(streamID: 1, at: 7, refusal: nil)
    // That token grows old too.
    _ = table.canceled(streamID: 1)
    #expect(table.mayBeAskedAnew)
    table.streamClosed()
    _ = table.streamOpened(isRenewed: true)
    let (second, _) = table.add(Self.b)
    #expect(table.created(streamID: -1, at: 7, refusal: "no").0 == .refused(first, reason: "no"))
    #expect(table.mayBeAskedAnew)
    // Nobody wants it any more, so no stream is replaced for it.
    _ = table.remove(second)
    #expect(!table.mayBeAskedAnew)
  }
}
#endif
