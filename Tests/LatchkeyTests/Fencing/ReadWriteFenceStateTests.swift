import Foundation
import Latchkey
import Testing

@Suite("Fence state of a read-write lock")
struct ReadWriteFenceStateTests {
  private func token(_ major: UInt64, _ minor: UInt64 = 0) -> FencingToken { FencingToken(major: major, minor: minor) }

  @Test("the older of two readers is admitted after the younger one")
  func readersAreEqual() throws {
    var fence = ReadWriteFenceState()
    try fence.admitRead(self.token(5))
    try fence.admitRead(self.token(4))
    #expect(fence.newestRead == self.token(5))
    #expect(fence.newestWrite == nil)
  }

  @Test("a writer is refused once a later reader has read, and keeps nothing of the refused token")
  func writerAfterReader() throws {
    var fence = ReadWriteFenceState()
    try fence.admitWrite(self.token(3))
    try fence.admitRead(self.token(5))
    #expect(throws: StaleToken(token: self.token(3), newest: self.token(5))) { try fence.admitWrite(self.token(3)) }
    #expect(fence == ReadWriteFenceState(newestWrite: self.token(3), newestRead: self.token(5)))
    try fence.admitWrite(self.token(6))
  }

  @Test("a reader and a writer are refused once a later writer has written")
  func afterWriter() throws {
    var fence = ReadWriteFenceState(newestWrite: self.token(7))
    let stale = StaleToken(token: self.token(6), newest: self.token(7))
    #expect(throws: stale) { try fence.admitRead(self.token(6)) }
    #expect(throws: stale) { try fence.admitWrite(self.token(6)) }
    #expect(fence.newestRead == nil)
    try fence.admitRead(self.token(8))
  }

  @Test("a downgraded writer reads what it has written, and the next writer follows, though it was in line before")
  func downgrade() throws {
    var fence = ReadWriteFenceState()
    try fence.admitWrite(self.token(4))
    try fence.admitRead(self.token(4, 1))
    #expect(throws: StaleToken.self) { try fence.admitWrite(self.token(4)) }
    try fence.admitWrite(self.token(5))
    #expect(throws: StaleToken.self) { try fence.admitRead(self.token(4, 1)) }
  }

  @Test(
    "it comes back from JSON as it was",
    arguments: [
      (ReadWriteFenceState(), "{}"),
      (
        ReadWriteFenceState(newestWrite: FencingToken(major: 7), newestRead: FencingToken(major: 7, minor: 1)),
        #"{"newestRead":"7.1","newestWrite":"7"}"#
      ),
    ]
  )
  func coding(_ fence: ReadWriteFenceState, _ json: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(String(decoding: try encoder.encode(fence), as: UTF8.self) == json)
    #expect(try JSONDecoder().decode(ReadWriteFenceState.self, from: Data(json.utf8)) == fence)
  }
}
