#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A blocking loopback connection whose reads give up after a while.
final class RawSocket {
  struct Failure: Error, Equatable {
    var call: String
    var number: CInt
  }

  let descriptor: CInt

  init(descriptor: CInt, readLimit: Duration = .seconds(60)) {
    self.descriptor = descriptor
    var limit = timeval()
    limit.tv_sec = numericCast(readLimit.components.seconds)
    limit.tv_usec = numericCast(readLimit.components.attoseconds / 1_000_000_000_000)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  /// Connects to a loopback port.
  convenience init(port: Int, readLimit: Duration = .seconds(60)) throws {
    let descriptor = socket(AF_INET, streamType, 0)
    var address = loopback(port)
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    let number = errno
    guard connected == 0 else {
      close(descriptor)
      throw Failure(call: "connect", number: number)
    }
    self.init(descriptor: descriptor, readLimit: readLimit)
  }

  deinit {
    close(self.descriptor)
  }

  func write(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { send(self.descriptor, $0.baseAddress, $0.count, sendFlags) }
      guard count > 0 else { throw Failure(call: "send", number: errno) }
      sent += count
    }
  }

  /// The next bytes, at most so many; empty at the end of the stream.
  func readSome(_ count: Int = 65_536) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = recv(self.descriptor, &bytes, count, 0)
    guard got >= 0 else { throw Failure(call: "recv", number: errno) }
    return Array(bytes.prefix(got))
  }

  /// Exactly so many bytes.
  func read(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let more = try self.readSome(count - bytes.count)
      guard !more.isEmpty else { throw Failure(call: "end of stream", number: 0) }
      bytes += more
    }
    return bytes
  }

  /// Reads until the connection ends.
  ///
  /// - Returns: What came before, and how it ended: with the error number, 0 for an end in good order.
  func readToEnd() -> (bytes: [UInt8], end: CInt) {
    var bytes: [UInt8] = []
    do {
      while true {
        let more = try self.readSome()
        if more.isEmpty { return (bytes, 0) }
        bytes += more
      }
    } catch {
      return (bytes, (error as? Failure)?.number ?? -1)
    }
  }

  /// Whether nothing can be read at present.
  var isSilent: Bool {
    var byte: UInt8 = 0
    return recv(self.descriptor, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) < 0 && errno == EAGAIN
  }

  func endWriting() {
    shutdown(self.descriptor, CInt(SHUT_WR))
  }
}

#if canImport(Darwin)
let streamType = SOCK_STREAM
private let sendFlags: CInt = 0
#else
let streamType = CInt(SOCK_STREAM.rawValue)
private let sendFlags = CInt(MSG_NOSIGNAL)
#endif

func loopback(_ port: Int) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
  return address
}
