internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import NIOCore

extension ConnectionCore {
  /// With at most so many replies awaited, the thread that sends writes by itself, which saves waking the event loop; with more,
  /// the event loop writes what many have sent at once.
  fileprivate static let quiet = 2

  /// The size in bytes up to which a buffer is kept for what comes next.
  private static let keptCapacity = 65_536

  /// After how many answers the event loop looks whether something is to be sent.
  private static let stride = 8

  private enum Sent {
    case refused(RedisError)
    case sent(flush: Int?, isDue: Bool, timer: NIODeadline?)
  }

  /// Sends a command; its place among all commands is taken when this returns.
  ///
  /// - Parameters:
  ///   - command: The command.
  ///   - answer: Told the outcome, once, on the event loop, never before this returns.
  func send(_ command: RedisCommand, _ answer: @escaping Answer) {
    if let problem = command.problem { return self.refuse(answer, problem) }
    let now = NIODeadline.now()
    let isOnLoop = self.loop.inEventLoop
    let sent = self.state.withLock { state -> Sent in
      let isConnected: Bool
      switch state.machine.admission {
      case .send: isConnected = true
      case .wait: isConnected = false
      case .refuse(let error): return .refused(error)
      }
      let waiting = state.line.count
      guard waiting < self.configuration.commandLimit else { return .refused(self.queueFull) }
      state.line.append(answer, at: now)
      command.encode(into: &state.out)
      var flush: Int?
      if isConnected, state.flushing == .none {
        // What is sent on the event loop often comes in groups, and it is not asleep.
        let isWritten = !isOnLoop && waiting < Self.quiet && state.writeAll()
        if !isWritten {
          state.flushing = .asked
          flush = state.machine.number
        }
      }
      let isDue = state.dueSocket != nil
      let look = now + min(self.commandTimeout, state.silenceLimit)
      return .sent(flush: flush, isDue: isDue, timer: state.setTimer(for: look))
    }
    switch sent {
    case .refused(let error): self.refuse(answer, error)
    case .sent(let flush, let isDue, let timer):
      if let flush {
        self.loop.execute { self.flush(flush) }
      } else if isDue {
        self.loop.execute { self.lookOut() }
      }
      if let timer { self.loop.scheduleTask(deadline: timer) { self.checkTime() } }
    }
  }

  private func refuse(_ answer: @escaping Answer, _ error: RedisError) {
    self.loop.execute { answer(.failure(error), nil) }
  }

  private var queueFull: RedisError {
    RedisError(
      .queueFull,
      "\(self.configuration.commandLimit) commands wait for \(self.configuration.address) already. Send fewer at a time, or "
        + "raise commandLimit."
    )
  }

  /// Writes all that has been encoded, in order; must be called on the event loop, and only if it was asked to.
  ///
  /// - Parameter number: The connection that it was asked for.
  func flush(_ number: Int) {
    var written = ByteBuffer()
    while true {
      let (bytes, link, descriptor) = self.state.withLock { state -> (ByteBuffer?, Link?, CInt?) in
        if (1...Self.keptCapacity).contains(written.storageCapacity) { swap(&state.spare, &written) }
        guard state.machine.number == number, let link = state.link else { return (nil, nil, nil) }
        guard state.out.readableBytes > 0 else {
          state.flushing = .none
          return (nil, nil, nil)
        }
        var bytes = ByteBuffer()
        swap(&bytes, &state.spare)
        swap(&bytes, &state.out)
        return (bytes, link, state.descriptor)
      }
      guard var bytes, let link else { return self.lookOut() }
      if let descriptor {
        // Not under the lock: others may go on encoding. The descriptor is closed on this event loop alone.
        let count = bytes.withUnsafeReadableBytes { writeWithoutWaiting($0, to: descriptor) }
        bytes.moveReaderIndex(forwardBy: count)
        if bytes.readableBytes == 0 {
          bytes.clear()
          written = bytes
          continue
        }
      }
      // The channel waits for room, and until then nobody writes past it.
      self.state.withLock { $0.flushing = .blocked }
      let written = link.channel.writeAndFlush(bytes)
      written.assumeIsolated().whenSuccess { self.flush(number) }
      return
    }
  }

  /// Looks out for the reply that is due, if one is; must be called on the event loop.
  private func lookOut() {
    if let socket = self.state.withLock({ $0.dueSocket }) { self.lookOut(for: socket) }
  }

  private func lookOut(for socket: CInt) {
    Lookout.current(of: self.loop).watch(socket, until: .now() + self.busyPolling)
  }

  /// Hands out replies.
  func received(_ frames: [RESPFrame], from link: Link) {
    let now = NIODeadline.now()
    var isOutOfOrder = false
    let (answers, dueSocket) = self.state.withLock { state -> ([(Answer, RedisValue)], CInt?) in
      state.line.heard(at: now)
      var answers: [(Answer, RedisValue)] = []
      answers.reserveCapacity(frames.count)
      for case .reply(let value) in frames {
        let isQuiet = state.line.count <= Self.quiet
        let arrival = state.line.reply()
        if let sent = arrival.sent {
          if isQuiet { state.pace.replied(after: now - sent) }
        } else {
          isOutOfOrder = true
        }
        if let answer = arrival.answer { answers.append((answer, value)) }
      }
      return (answers, state.dueSocket)
    }
    if let descriptor = link.descriptor { Lookout.current(of: self.loop).leave(descriptor) }
    if let dueSocket { self.lookOut(for: dueSocket) }
    var misplacement: RedisError?
    for (index, (answer, value)) in answers.enumerated() {
      // Those who were answered first have more to send: the server need not be idle until all are answered.
      if index.isMultiple(of: Self.stride), index > 0, let number = self.flushAsked() { self.flush(number) }
      if case .error(let text) = value {
        let error = RedisError.reply(text)
        if error.isOfReplica || error.isRedirection { misplacement = error }
        answer(.failure(error), link.server)
      } else {
        answer(.success(value), link.server)
      }
    }
    // After a close nobody is in the line, and replies still come.
    if isOutOfOrder, !self.state.withLock({ $0.machine.isClosed }) {
      link.end(.malformed("a reply that nobody has asked for"))
    }
    if let misplacement { self.leave(link, misplacement) }
  }

  /// Leaves a server that answers that it is no longer the master: the address may lead to another one by now, and nothing else
  /// would ever end the connection. One that is new leads to where the address leads.
  private func leave(_ link: Link, _ reason: RedisError) {
    let age = Duration(NIODeadline.now() - link.madeAt)
    guard age > self.configuration.reconnectPause.upperBound else { return }
    // A member of a cluster redirects what belongs to other slots than those that it has, which others ask for.
    if reason.isRedirection, self.state.withLock({ $0.line.count > 0 }) { return }
    let error = RedisError(
      .connectionLost,
      "The server at \(self.configuration.address) is not the one to ask any more (\(reason.message)). \(unknownOutcome)"
    )
    self.state.withLock { $0.misplaced }?(error)
    link.end(error)
  }

  /// The connection to write to, if the event loop has been asked to.
  private func flushAsked() -> Int? {
    self.state.withLock { $0.flushing == .asked ? $0.machine.number : nil }
  }

  /// Gives up those who have waited too long, and the connection if the server has been silent for too long; must be called on
  /// the event loop.
  func checkTime() {
    let now = NIODeadline.now()
    let (expired, silent, timer, limit) = self.state.withLock { state in
      let expired = state.line.expire(after: self.commandTimeout, at: now)
      var next = state.line.nextExpiry(after: self.commandTimeout)
      var silent: Link?
      if let link = state.link, let since = state.line.silentSince {
        let end = since + state.silenceLimit
        if end <= now { silent = link }
        next = min(end, next ?? end)
      }
      if let at = state.timerAt, at <= now { state.timerAt = nil }
      let timer = silent == nil ? next.flatMap { state.setTimer(for: $0) } : nil
      return (expired, silent, timer, state.silenceLimit)
    }
    for answer in expired { answer(.failure(self.timedOut), nil) }
    if let timer { self.loop.scheduleTask(deadline: timer) { self.checkTime() } }
    silent?.end(
      RedisError(
        .connectionLost,
        "The server at \(self.configuration.address) has said nothing for \(Duration(limit)). "
          + unknownOutcome
      )
    )
  }

  /// Gives a silent server up after `limit`, if that is sooner than the configured limit.
  func limitSilence(to limit: Duration) {
    let isNews = self.state.withLock { state in
      defer { state.silenceLimit = min(state.silenceLimit, TimeAmount(limit)) }
      return TimeAmount(limit) < state.silenceLimit
    }
    // It may be silent at this moment.
    if isNews { self.loop.execute { self.checkTime() } }
  }

  private var timedOut: RedisError {
    RedisError(
      .timedOut,
      "The server at \(self.configuration.address) has not replied within \(self.configuration.commandTimeout). The command "
        + "may have been carried out, or may be yet."
    )
  }
}

extension ConnectionCore.State {
  /// The socket to look at because a reply is due on it; nil if replies take long or there are many of them, which are worth a
  /// sleep, and a wake-up for all.
  var dueSocket: CInt? {
    (1...ConnectionCore.quiet).contains(self.line.count) && self.pace.isQuick ? self.descriptor : nil
  }

  /// Asks for a look at the time.
  ///
  /// - Returns: When to set a timer for; nil if one that goes off no later is set already. The one that is set may be much
  ///   later: for the end of a silence, when nobody waited any more.
  mutating func setTimer(for due: NIODeadline) -> NIODeadline? {
    if let at = self.timerAt, at <= due { return nil }
    self.timerAt = due
    return due
  }

  /// Writes as much as the system takes at once.
  ///
  /// - Returns: Whether that was all.
  mutating func writeAll() -> Bool {
    guard let descriptor = self.descriptor else { return false }
    let count = self.out.withUnsafeReadableBytes { writeWithoutWaiting($0, to: descriptor) }
    self.out.moveReaderIndex(forwardBy: count)
    guard self.out.readableBytes == 0 else { return false }
    self.out.clear()
    return true
  }
}

extension RedisError {
  /// An error reply.
  static func reply(_ text: String) -> RedisError {
    let isRefusal = text.hasPrefix("NOAUTH") || text.hasPrefix("WRONGPASS") || text.hasPrefix("NOPERM")
    return RedisError(isRefusal ? .notAuthorized : .server, text)
  }
}
