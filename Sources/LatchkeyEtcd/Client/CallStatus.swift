#if Etcd
internal import NIOHPACK

/// How a call ended, as gRPC says it in the last header block of a stream.
struct CallStatus: Sendable, Error {
  /// The numbers of gRPC's status codes.
  enum Code: Int, Sendable {
    case ok = 0
    case cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
    case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, internalError, unavailable, dataLoss
    case unauthenticated
  }

  let code: Code
  let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// Reads the last header block of a stream.
  init(trailers: HPACKHeaders) {
    guard let text = trailers.first(name: "grpc-status"), let code = Int(text).flatMap({ Code(rawValue: $0) }) else {
      let status = trailers.first(name: ":status") ?? "no status"
      self.init(.unavailable, "this is no gRPC: HTTP status \(status)")
      return
    }
    self.init(code, Self.decoded(trailers.first(name: "grpc-message") ?? ""))
  }

  /// The message is written as in a URL, byte by byte.
  private static func decoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(code)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
#endif
