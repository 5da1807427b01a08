internal import NIOCore

/// One way through a connection: bytes become frames, frames wait for their time, and go on in order.
final class ProxyLane {
  private enum Item {
    /// A frame, with the rule that holds it if one does, and whether the connection ends behind it.
    case frame(FaultProxy.Frame, heldBy: Int?, isLast: Bool)
    /// The sender sends no more.
    case end
    /// The sender's side is gone.
    case broken
  }

  let direction: FaultProxy.Direction
  var output: (any Channel)?
  weak var link: ProxyLink?
  private(set) var hasEnded = false
  /// Whether a cut has taken something out of the stream.
  private(set) var hasHole = false
  private let core: ProxyCore
  private var undivided: [UInt8] = []
  private var arrived = 0
  private var exchanges = 0
  private var queue = CircularBuffer<(item: Item, due: NIODeadline)>()
  /// Whether no more frames are taken.
  private var isClosed = false
  /// Whether the connection is over.
  private var isOver = false
  private var isScheduled = false
  /// How much of the first frame in the queue has gone on, where a throttle lets it go in pieces.
  private var sentOfFirst = 0
  /// When the throttle lets the next byte go.
  private var throttledUntil = NIODeadline.distantPast

  init(_ direction: FaultProxy.Direction, core: ProxyCore) {
    self.direction = direction
    self.core = core
  }

  // MARK: In

  func receive(_ buffer: ByteBuffer) {
    guard !self.isClosed else { return }
    self.undivided += buffer.readableBytesView
    guard !self.isEncrypted else {
      self.core.complain(.encrypted)
      self.link?.reset()
      return
    }
    var rest = self.undivided[...]
    while !self.isClosed, let length = self.core.framing.length(rest), length > 0, length <= rest.count {
      self.receive(frame: Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    self.undivided = Array(rest)
    self.core.hasChanged()
    self.pump()
  }

  /// Whether the framing needs plain text, and the connection begins with the first message of TLS.
  private var isEncrypted: Bool {
    self.core.framing.expectsPlainText && self.arrived == 0 && self.direction == .clientToServer
      && self.undivided.starts(with: [0x16, 0x03])
  }

  private func receive(frame bytes: [UInt8]) {
    guard let link else { return }
    var frame = FaultProxy.Frame(
      connection: link.number,
      direction: self.direction,
      index: self.arrived,
      bytes: bytes
    )
    self.arrived += 1
    do throws(ServerError) {
      frame.method = try link.reader?.method(of: frame)
    } catch {
      self.core.complain(error)
    }
    let framing = self.core.framing
    if self.direction == .clientToServer ? framing.isRequest(frame) : framing.isReply(frame) {
      frame.exchange = self.exchanges
      self.exchanges += 1
    }
    let (action, rule) = self.core.decide(frame)
    switch action {
    case .drop:
      return
    case .reset:
      return link.reset()
    case .pass, .hold, .passThenReset:
      guard self.core.mode(self.direction) != .cut else {
        self.hasHole = true
        return
      }
      self.append(.frame(frame, heldBy: action == .hold ? rule : nil, isLast: action == .passThenReset))
      if action == .passThenReset { self.isClosed = true }
    }
  }

  /// The sender sends no more.
  func end() {
    guard !self.isClosed else { return }
    self.isClosed = true
    self.append(.end)
    self.pump()
  }

  /// The sender's side is gone.
  func breakOff() {
    guard !self.isOver else { return }
    // Also behind an end, which leaves the other way open.
    self.isClosed = true
    self.append(.broken)
    self.pump()
  }

  private func append(_ item: Item) {
    // Not before its predecessor, also when the delay has become shorter in between.
    let due = NIODeadline.now() + self.core.delay(self.direction)
    self.queue.append((item, max(due, self.queue.last?.due ?? due)))
  }

  // MARK: Out

  /// Delivers what may go on by now.
  func pump() {
    while self.core.mode(self.direction) == .open, let output, let next = self.queue.first {
      if case .frame(_, .some(let rule), _) = next.item, self.core.isInForce(rule) { return }
      guard next.due <= .now() else { return self.schedule(at: next.due) }
      switch next.item {
      case .frame(let frame, _, let isLast):
        guard let piece = self.nextPiece(of: frame) else { return self.schedule(at: self.throttledUntil) }
        self.sentOfFirst = piece.endIndex
        let isWhole = piece.endIndex == frame.bytes.count
        if isWhole { self.removeFirst() }
        self.write(piece, of: frame, isWhole: isWhole, isLast: isLast && isWhole, to: output)
      case .end:
        self.removeFirst()
        self.hasEnded = true
        output.close(mode: .output, promise: nil)
        self.link?.hasEnded(self)
      case .broken:
        self.removeFirst()
        self.link?.reset()
      }
    }
  }

  private func removeFirst() {
    self.queue.removeFirst()
    self.sentOfFirst = 0
  }

  /// What may go on of the first frame by now: its rest without a throttle, else as much as the time since has earned; nil if
  /// that is nothing.
  private func nextPiece(of frame: FaultProxy.Frame) -> ArraySlice<UInt8>? {
    let rest = frame.bytes[self.sentOfFirst...]
    guard let rate = self.core.throttle(self.direction) else { return rest }
    let now = NIODeadline.now()
    guard self.throttledUntil <= now else { return nil }
    // Steps of a twentieth of a second: what a slow line delivers at a time.
    let piece = rest.prefix(max(1, rate / 20))
    self.throttledUntil = now + .nanoseconds(Int64(piece.count) * 1_000_000_000 / Int64(rate))
    return piece
  }

  private func write(
    _ piece: ArraySlice<UInt8>,
    of frame: FaultProxy.Frame,
    isWhole: Bool,
    isLast: Bool,
    to output: any Channel
  ) {
    let written = output.writeAndFlush(ByteBuffer(bytes: piece))
    if isWhole { self.core.hasPassed(frame) }
    written.assumeIsolated().whenComplete { result in
      if isLast {
        self.link?.reset(after: self)
      } else if case .failure = result {
        self.link?.cannotDeliver(self)
      }
    }
  }

  private func schedule(at time: NIODeadline) {
    guard !self.isScheduled else { return }
    self.isScheduled = true
    self.core.loop.assumeIsolated().scheduleTask(deadline: time) {
      self.isScheduled = false
      self.pump()
    }
  }

  /// Called when the network has become another.
  func modeHasChanged() {
    guard self.core.mode(self.direction) == .cut else { return self.pump() }
    // Frames under way are lost; that a side has ended is not forgotten.
    self.queue = self.queue.filter { entry in
      guard case .frame = entry.item else { return true }
      self.hasHole = true
      return false
    }
    self.sentOfFirst = 0
  }

  /// Forgets what waits: the connection is over.
  func discard() {
    self.isClosed = true
    self.isOver = true
    self.queue.removeAll()
  }
}

extension ServerError {
  fileprivate static let encrypted = ServerError(
    .unreadable,
    "A client speaks TLS, and the proxy was told to divide what it says into messages. Let the client use the port without TLS, "
      + "or give the framing .raw: then faults strike the encrypted bytes, and rules for frames say nothing of messages."
  )
}
