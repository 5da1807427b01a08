import Foundation
import Latchkey
import LatchkeyPrimitives

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Sends everything back, and remembers what it has received and how its connections have ended.
final class EchoServer: Sendable {
  struct Record {
    var received: [UInt8] = []
    /// How its connections have ended: with the error number, 0 for an end in good order.
    var ends: [CInt] = []
  }

  let port: Int
  private let listener: CInt
  private let record = Locked(Record())

  init() throws {
    let listener = socket(AF_INET, streamType, 0)
    var address = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    guard bound else { throw RawSocket.Failure(call: "bind", number: errno) }
    self.port = Int(in_port_t(bigEndian: address.sin_port))
    self.listener = listener
    Thread.detachNewThread { [weak self] in
      while true {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0, let self else {
          if descriptor >= 0 { close(descriptor) }
          close(listener)
          return
        }
        self.serve(descriptor)
      }
    }
  }

  deinit {
    // The thread that accepts closes it: were it closed here, the next server could get the same number, and that thread its
    // connections.
    shutdown(self.listener, CInt(SHUT_RDWR))
  }

  var received: [UInt8] {
    self.record.withLock { $0.received }
  }

  var ends: [CInt] {
    self.record.withLock { $0.ends }
  }

  private func serve(_ descriptor: CInt) {
    Thread.detachNewThread { [weak self] in
      let socket = RawSocket(descriptor: descriptor, readLimit: .seconds(60))
      var end: CInt = 0
      do {
        while true {
          let bytes = try socket.readSome()
          if bytes.isEmpty { break }
          self?.record.withLock { $0.received += bytes }
          try socket.write(bytes)
        }
      } catch let error as RawSocket.Failure {
        end = error.number
      } catch {}
      self?.record.withLock { $0.ends.append(end) }
    }
  }
}
