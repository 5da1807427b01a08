internal import Latchkey
internal import NIOCore
internal import LatchkeyPrimitives

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Loopback ports that nobody listens on.
///
/// They lie below the range from which the system takes the local ports of outgoing connections: a client that goes on
/// trying to connect while its server is down would one day get the very port it connects to as its own, find itself
/// connected to itself, and keep the server from coming back.
enum FreePorts {
  private static let range = 20_000..<32_768
  private static let taken = Locked<Set<Int>>([])

  /// Takes some ports, which no other server started by this process gets.
  static func take(_ count: Int) throws(ServerError) -> [Int] {
    let ports = Self.taken.withLock { taken in
      var found: [Int] = []
      var tries = 0
      while found.count < count, tries < 10_000 {
        tries += 1
        let port = Int.random(in: Self.range)
        guard !taken.contains(port), Self.isFree(port) else { continue }
        taken.insert(port)
        found.append(port)
      }
      return found
    }
    guard ports.count == count else {
      Self.giveBack(ports)
      throw ServerError(
        .system,
        "There are no \(count) free ports between \(Self.range.lowerBound) and \(Self.range.upperBound)."
      )
    }
    return ports
  }

  /// Lets other servers have the ports again.
  static func giveBack(_ ports: [Int]) {
    Self.taken.withLock { $0.subtract(ports) }
  }

  private static func isFree(_ port: Int) -> Bool {
    #if canImport(Darwin)
    let socket = socket(AF_INET, SOCK_STREAM, 0)
    #else
    let socket = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    #endif
    guard socket >= 0 else { return false }
    defer { close(socket) }
    // As servers do it: remains of closed connections do not matter, somebody who listens does.
    var on: CInt = 1
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
    // NIO's address: in an optimised build, the system's is seen as a type of a module that cannot be imported.
    guard let address = try? SocketAddress(ipAddress: "127.0.0.1", port: port) else { return false }
    return address.withSockAddr { pointer, size in bind(socket, pointer, socklen_t(size)) == 0 }
  }
}
