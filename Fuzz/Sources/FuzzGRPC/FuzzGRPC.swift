import FuzzSupport
import NIOCore

/// The messages of gRPC in the data of a stream. Input: cuts up to a line break, then the data.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var input = FuzzInput(start, count)
  let cuts = input.bytes(upTo: UInt8(ascii: "\n"))
  let data = input.bytes()
  let expected = Reception(modelOf: data)
  for pieces in [[data], data.pieces(cutAt: cuts), data.map { [$0] }] {
    let seen = Reception(of: pieces)
    property(seen == expected, "in pieces \(pieces): \(seen), but should be \(expected)")
  }
  // Messages as they are sent.
  let messages = [data, [], cuts]
  var sent: [UInt8] = []
  for message in messages {
    sent.append(0)
    sent += withUnsafeBytes(of: UInt32(message.count).bigEndian, Array.init)
    sent += message
  }
  let received = Reception(of: sent.pieces(cutAt: cuts))
  property(received.messages == messages && !received.isBroken, "\(messages), sent and received, are \(received)")
  return 0
}

/// What a call is told.
private struct Reception: Equatable {
  var messages: [[UInt8]] = []
  /// Whether what came next was no message.
  var isBroken = false

  init(of pieces: [[UInt8]]) {
    var received = GRPCMessages()
    do throws(GRPCMessages.Unreadable) {
      for piece in pieces {
        var bytes = ByteBuffer(bytes: piece)
        received.append(&bytes)
        while let message = try received.next() { self.messages.append(Array(message.readableBytesView)) }
      }
    } catch {
      self.isBroken = true
    }
  }

  /// What should be told: a message stands behind a byte that says whether it is compressed, which nobody has asked for, and its
  /// length.
  init(modelOf data: [UInt8]) {
    var rest = data[...]
    while rest.count >= 5 {
      let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
      guard rest.first == 0, length <= 64 << 20 else {
        self.isBroken = true
        return
      }
      guard rest.count >= 5 + length else { return }
      self.messages.append(Array(rest.dropFirst(5).prefix(length)))
      rest = rest.dropFirst(5 + length)
    }
  }
}
