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
    #expect(table.created(streamID: 10, refusal: nil).0 == .set(first))
    #expect(table.created(streamID: 11, refusal: nil).0 == .set(second))
    #expect(table.happened(streamID: 11) == .happened(second))
    #expect(table.remove(first) == [.cancel(streamID: 10)])
    #expect(table.happened(streamID: 10) == nil)
  }

  @Test("asks for everything again on another stream, and tells that it is set again")
  func again() {
    var table = WatchTable()
    let (first, _) = table.add(Self.a)
    #expect(table.streamOpened() == [.watch(Self.a)])
    _ = table.created(streamID: 3, refusal: nil)
    table.streamClosed()
    #expect(table.happened(streamID: 3) == nil)
    #expect(table.streamOpened() == [.watch(Self.a)])
    #expect(table.created(streamID: 0, refusal: nil).0 == .set(first))
  }

  @Test("a watch that was given up before its answer is cancelled when the answer comes, and takes nobody's place")
  func givenUp() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (first, _) = table.add(Self.a)
    let (second, _) = table.add(Self.b)
    #expect(table.remove(first).isEmpty)
    let (outcome, requests) = table.created(streamID: 5, refusal: nil)
    #expect(outcome == nil && requests == [.cancel(streamID: 5)])
    #expect(table.created(streamID: 6, refusal: nil).0 == .set(second))
  }

  @Test("a watch that the server ends is asked for again; one that it refuses is told")
  func canceled() {
    var table = WatchTable()
    _ = table.streamOpened()
    let (first, _) = table.add(Self.a)
    _ = table.created(streamID: 1, refusal: nil)
    #expect(table.canceled(streamID: 1) == [.watch(Self.a)])
    #expect(table.created(streamID: 2, refusal: nil).0 == .set(first))
    let (second, _) = table.add(Self.b)
    #expect(table.created(streamID: -1, refusal: "no").0 == .refused(second, reason: "no"))
    #expect(table.remove(second).isEmpty)
  }
}
#endif
