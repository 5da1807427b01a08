#if Etcd
import NIOCore
import Testing

@testable import LatchkeyEtcd

@Suite("The messages in the data of a stream")
struct GRPCMessagesTests {
  /// What is read from data that arrives in pieces, and whether it ended in an error.
  private static func read(_ pieces: [[UInt8]]) -> (messages: [[UInt8]], error: GRPCMessages.Unreadable?) {
    var received = GRPCMessages()
    var messages: [[UInt8]] = []
    do throws(GRPCMessages.Unreadable) {
      for piece in pieces {
        var bytes = ByteBuffer(bytes: piece)
        received.append(&bytes)
        while let message = try received.next() { messages.append(Array(message.readableBytesView)) }
      }
      return (messages, nil)
    } catch {
      return (messages, error)
    }
  }

  private static let wire: [UInt8] = [0, 0, 0, 0, 1, 7] + [0, 0, 0, 0, 0] + [0, 0, 0, 0, 2, 8, 9]

  @Test("are the same wherever it is cut in two, and byte by byte")
  func pieces() {
    for cut in 0...Self.wire.count {
      let read = Self.read([Array(Self.wire[..<cut]), Array(Self.wire[cut...])])
      #expect(read.messages == [[7], [], [8, 9]] && read.error == nil, "cut at \(cut)")
    }
    #expect(Self.read(Self.wire.map { [$0] }).messages == [[7], [], [8, 9]])
  }

  @Test("end with one that is compressed, since nobody has offered that, or too long; those before it count")
  func unreadable() {
    for header: [UInt8] in [[1, 0, 0, 0, 1], [255, 0, 0, 0, 1], [0, 4, 0, 0, 1], [0, 255, 255, 255, 255]] {
      for pieces in [[Self.wire + header], (Self.wire + header).map { [$0] }] {
        let read = Self.read(pieces)
        #expect(read.messages == [[7], [], [8, 9]])
        #expect(read.error != nil, "\(header)")
      }
    }
  }
}
#endif
