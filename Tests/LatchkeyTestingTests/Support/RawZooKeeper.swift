/// As much of ZooKeeper's protocol as the tests of servers and proxy need, one request at a time.
final class RawZooKeeper {
  struct Refused: Error {
    var code: Int32
  }

  /// What a client shows to get its session back.
  struct Ticket {
    var session: Int64 = 0
    var password = [UInt8](repeating: 0, count: 16)
  }

  let socket: RawSocket
  private(set) var ticket = Ticket()
  /// The session timeout that the server has granted, in milliseconds; 0 for a session that has expired.
  private(set) var timeout: Int32 = 0
  private var lastRequest: Int32 = 0

  var session: Int64 { self.ticket.session }

  /// Connects, with a new session or that of another client.
  init(
    port: Int,
    resuming ticket: Ticket = Ticket(),
    timeout: Int32 = 60_000,
    readLimit: Duration = .seconds(60)
  ) throws {
    self.socket = try RawSocket(port: port, readLimit: readLimit)
    var request = Fields()
    request.append(Int32(0))
    request.append(Int64(0))
    request.append(timeout)
    request.append(ticket.session)
    request.append(ticket.password)
    try self.socket.write(request.framed)
    var reply = try self.readFrame()
    _ = reply.next(Int32.self)
    self.timeout = reply.next(Int32.self)
    self.ticket.session = reply.next(Int64.self)
    self.ticket.password = reply.nextBytes()
  }

  func create(_ path: String, ephemeral: Bool = false) throws {
    var request = self.begin(operation: 1)
    request.append(Array(path.utf8))
    request.append([])
    request.append(Int32(1))  // one access rule: everything to everybody
    request.append(Int32(31))
    request.append(Array("world".utf8))
    request.append(Array("anyone".utf8))
    request.append(Int32(ephemeral ? 1 : 0))
    try self.socket.write(request.framed)
    try self.check(self.readReply())
  }

  func exists(_ path: String) throws -> Bool {
    try self.sendExists(path)
    let code = try self.readReply().code
    if code == -101 { return false }
    try self.check((self.lastRequest, code))
    return true
  }

  /// Sends the request of ``exists(_:)`` without waiting for the answer.
  func sendExists(_ path: String) throws {
    var request = self.begin(operation: 3)
    request.append(Array(path.utf8))
    request.bytes.append(0)
    try self.socket.write(request.framed)
  }

  func ping() throws {
    var request = Fields()
    request.append(Int32(-2))
    request.append(Int32(11))
    try self.socket.write(request.framed)
  }

  /// The next answer's request number and error code.
  func readReply() throws -> (request: Int32, code: Int32) {
    var reply = try self.readFrame()
    let request = reply.next(Int32.self)
    _ = reply.next(Int64.self)
    return (request, reply.next(Int32.self))
  }

  private func readFrame() throws -> Fields {
    var length = Fields(bytes: try self.socket.read(4))
    return Fields(bytes: try self.socket.read(Int(length.next(Int32.self))))
  }

  private func begin(operation: Int32) -> Fields {
    self.lastRequest += 1
    var request = Fields()
    request.append(self.lastRequest)
    request.append(operation)
    return request
  }

  private func check(_ reply: (request: Int32, code: Int32)) throws {
    guard reply.code == 0 else { throw Refused(code: reply.code) }
  }
}

/// Big-endian fields, as ZooKeeper writes them.
struct Fields {
  var bytes: [UInt8] = []

  mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.bigEndian) { self.bytes += $0 }
  }

  mutating func append(_ counted: [UInt8]) {
    self.append(Int32(counted.count))
    self.bytes += counted
  }

  mutating func next<Number: FixedWidthInteger>(_: Number.Type) -> Number {
    let size = MemoryLayout<Number>.size
    defer { self.bytes.removeFirst(size) }
    return self.bytes.prefix(size).reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  mutating func nextBytes() -> [UInt8] {
    let count = Int(self.next(Int32.self))
    defer { self.bytes.removeFirst(count) }
    return Array(self.bytes.prefix(count))
  }

  var framed: [UInt8] {
    var length = Fields()
    length.append(Int32(self.bytes.count))
    return length.bytes + self.bytes
  }
}
