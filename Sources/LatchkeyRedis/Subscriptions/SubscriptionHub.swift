internal import Latchkey
internal import LatchkeyPrimitives
internal import NIOCore

/// One reader's subscription to one channel.
package struct RedisSubscription: Sendable {
  fileprivate let id: SubscriptionTable.ID
  fileprivate let hub: SubscriptionHub

  /// Gives the subscription up; the reader is told nothing more, except by calls that are under way.
  package func cancel() {
    self.hub.cancel(self.id)
  }
}

/// The shell of a connection's subscriptions, which have a connection of their own: with RESP2 it could do nothing else, and so
/// a flood of messages does not hold up replies.
///
/// It is made when somebody subscribes, and not again by itself: a lost connection ends all subscriptions. Those who subscribe
/// again wait for a pause that grows with each connection that breaks soon, so that one which always does costs little.
final class SubscriptionHub: Sendable {
  /// Who is told about one subscription, on the event loop.
  struct Reader: Sendable {
    var confirmed: @Sendable (Result<Void, RedisError>) -> Void
    var message: @Sendable (String) -> Void
    var ended: @Sendable () -> Void
  }

  fileprivate enum Phase {
    case none
    /// Before another attempt may be made, if somebody wants one by then.
    case pausing
    case dialing(NIOLoopBound<Dialer>)
    case live(Link)
    case closed
  }

  fileprivate struct State {
    var phase = Phase.none
    var backoff: Backoff
    var table = SubscriptionTable()
    var readers: [SubscriptionTable.ID: Reader] = [:]
    /// Those whose confirmation is awaited.
    var unconfirmed: Set<SubscriptionTable.ID> = []
    var lastID = 0
    var out = ByteBuffer()
    /// Whether nothing was heard since the last look.
    var isSilent = false

    var isClosed: Bool { if case .closed = self.phase { true } else { false } }
  }

  private let core: ConnectionCore
  private let state: Locked<State>

  init(_ core: ConnectionCore) {
    self.core = core
    self.state = Locked(State(backoff: Backoff(pause: core.configuration.reconnectPause)))
    core.state.withLock { $0.misplaced = { [weak self] in self?.leave($0) } }
  }

  // MARK: Subscribing

  func subscribe(to channel: String, _ reader: Reader) -> RedisSubscription {
    let id = self.state.withLock { state in
      state.lastID += 1
      state.readers[state.lastID] = reader
      return state.lastID
    }
    self.core.loop.execute { self.add(id, to: channel) }
    let limit = self.core.commandTimeout
    self.core.loop.scheduleTask(in: limit) { self.expire(id, channel) }
    return RedisSubscription(id: id, hub: self)
  }

  fileprivate func cancel(_ id: SubscriptionTable.ID) {
    self.core.loop.execute { self.remove(id) }
  }

  private func add(_ id: SubscriptionTable.ID, to channel: String) {
    enum Next {
      case gone, wait, dial
      case confirmed(Reader)
      case refused(Reader)
    }
    let next = self.state.withLock { state -> Next in
      guard let reader = state.readers[id] else { return .gone }
      if case .closed = state.phase {
        state.readers[id] = nil
        return .refused(reader)
      }
      let addition = state.table.add(id, to: ChannelName(channel))
      if addition.isConfirmed { return .confirmed(reader) }
      state.unconfirmed.insert(id)
      switch state.phase {
      case .live:
        if let question = addition.question { state.ask(question) }
        return .wait
      case .none: return .dial
      case .pausing, .dialing, .closed: return .wait
      }
    }
    switch next {
    case .gone: break
    case .confirmed(let reader): reader.confirmed(.success(()))
    case .refused(let reader): reader.confirmed(.failure(.closedByOwner))
    case .wait: self.flush()
    case .dial: self.dial()
    }
  }

  private func remove(_ id: SubscriptionTable.ID) {
    let reader = self.state.withLock { state -> Reader? in
      state.unconfirmed.remove(id)
      if let question = state.table.remove(id), case .live = state.phase { state.ask(question) }
      return state.readers.removeValue(forKey: id)
    }
    // It may hold the last reference to the connection, whose end takes the lock: it goes after it.
    withExtendedLifetime(reader) { self.flush() }
  }

  private func expire(_ id: SubscriptionTable.ID, _ channel: String) {
    guard let reader = self.state.withLock({ $0.unconfirmed.contains(id) ? $0.readers[id] : nil }) else { return }
    self.remove(id)
    let configuration = self.core.configuration
    let text =
      "The server at \(configuration.address) has not confirmed the subscription to \"\(channel)\" within "
      + "\(configuration.commandTimeout)."
    reader.confirmed(.failure(RedisError(.timedOut, text)))
  }

  // MARK: The connection

  private func dial() {
    let dialer = self.core.makeDialer(
      established: { self.established($0) },
      failed: { self.ended($0, madeAt: nil) }
    )
    let bound = NIOLoopBound(dialer, eventLoop: self.core.loop)
    // Since it was found that a connection is wanted, it may have been closed, or somebody else may have begun.
    let before = self.state.withLock { state in
      defer { if case .none = state.phase { state.phase = .dialing(bound) } }
      return state.phase
    }
    switch before {
    case .none: dialer.start()
    case .closed: self.ended(.closedByOwner, madeAt: nil)
    case .pausing, .dialing, .live: break
    }
  }

  private func pauseEnded() {
    let isWanted = self.state.withLock { state in
      guard case .pausing = state.phase else { return false }
      state.phase = .none
      return !state.table.isEmpty
    }
    if isWanted { self.dial() }
  }

  /// The server is no longer the master, and may miss what is published at the new one.
  private func leave(_ error: RedisError) {
    if let link = self.state.withLock({ if case .live(let link) = $0.phase { link } else { nil } }) { link.end(error) }
  }

  private func established(_ link: Link) -> Link.Listener? {
    // Few and small words go out here, so the channel's own way is good enough.
    if let descriptor = link.descriptor { closeDescriptor(descriptor) }
    let isWanted = self.state.withLock { state in
      guard case .dialing = state.phase else { return false }
      state.phase = .live(link)
      state.isSilent = false
      for question in state.table.questions { state.ask(question) }
      return true
    }
    guard isWanted else { return nil }
    self.flush()
    self.lookAgain(link)
    return Link.Listener(
      received: { self.received($0, from: link) },
      ended: { self.ended($0, madeAt: link.madeAt) }
    )
  }

  private func ended(_ error: RedisError, madeAt: NIODeadline?) {
    let (confirmed, unconfirmed, pause) = self.state.withLock { state -> ([Reader], [Reader], Duration?) in
      var pause: Duration?
      if !state.isClosed {
        state.phase = .pausing
        let chance = Double.random(in: 0...1)
        let age = madeAt.map { Duration(NIODeadline.now() - $0) }
        pause = age.map { state.backoff.lost(age: $0, chance: chance) } ?? state.backoff.failed(chance: chance)
      }
      state.out.clear()
      let all = state.table.removeAll()
      let confirmed = all.filter { !state.unconfirmed.contains($0.id) }.compactMap { state.readers[$0.id] }
      let unconfirmed = all.filter { state.unconfirmed.contains($0.id) }.compactMap { state.readers[$0.id] }
      for (id, _) in all { state.readers[id] = nil }
      state.unconfirmed = []
      return (confirmed, unconfirmed, pause)
    }
    if let pause { self.core.loop.scheduleTask(in: TimeAmount(pause)) { self.pauseEnded() } }
    for reader in confirmed { reader.ended() }
    for reader in unconfirmed { reader.confirmed(.failure(error)) }
  }

  /// Ends all subscriptions, and the connection.
  func close() {
    let phase = self.state.withLock { state in
      defer { state.phase = .closed }
      return state.phase
    }
    self.core.loop.execute {
      switch phase {
      case .dialing(let dialer): dialer.value.abandon(.closedByOwner)
      case .live(let link): link.end(.closedByOwner)
      case .none, .pausing, .closed: break
      }
    }
  }

  // MARK: Bytes

  private func flush() {
    let (bytes, link) = self.state.withLock { state -> (ByteBuffer, Link?) in
      guard case .live(let link) = state.phase, state.out.readableBytes > 0 else { return (ByteBuffer(), nil) }
      defer { state.out = ByteBuffer() }
      return (state.out, link)
    }
    link?.channel.writeAndFlush(bytes, promise: nil)
  }

  private func received(_ frames: [RESPFrame], from link: Link) {
    for frame in frames {
      let (tell, isViolation) = self.state.withLock { state -> ([@Sendable () -> Void], Bool) in
        state.isSilent = false
        switch state.table.received(frame) {
        case .nothing: return ([], false)
        case .violation: return ([], true)
        case .confirmed(let ids):
          let new = ids.filter { state.unconfirmed.remove($0) != nil }.compactMap { state.readers[$0] }
          return (new.map { reader in { reader.confirmed(.success(())) } }, false)
        case .refused(let ids, let text):
          let refused = ids.compactMap { state.readers.removeValue(forKey: $0) }
          state.unconfirmed.subtract(ids)
          return (refused.map { reader in { reader.confirmed(.failure(.reply(text))) } }, false)
        case .message(let ids, let text):
          return (ids.compactMap { state.readers[$0] }.map { reader in { reader.message(text) } }, false)
        }
      }
      for tell in tell { tell() }
      if isViolation { return link.end(.malformed("an answer that nobody has asked for to a subscriber")) }
    }
  }

  /// Asks now and then for a sign of life: a subscriber says nothing by itself, so nothing else would show that the connection
  /// is dead.
  private func lookAgain(_ link: Link) {
    self.core.loop.scheduleTask(in: TimeAmount(self.core.configuration.silenceLimit / 2)) {
      let (isOver, isDead) = self.state.withLock { state -> (Bool, Bool) in
        guard case .live(let present) = state.phase, present.channel === link.channel else { return (true, false) }
        if state.isSilent && state.table.isWaiting { return (false, true) }
        state.isSilent = true
        state.ask(.ping)
        return (false, false)
      }
      guard !isOver else { return }
      guard !isDead else {
        return link.end(RedisError(.connectionLost, "The server does not answer its subscribers any more."))
      }
      self.flush()
      self.lookAgain(link)
    }
  }
}

extension SubscriptionHub.State {
  fileprivate mutating func ask(_ question: SubscriptionTable.Question) {
    self.table.ask(question)
    let command =
      switch question {
      case .subscribe(let name): RedisCommand(words: [Array("SUBSCRIBE".utf8), name.bytes])
      case .unsubscribe(let name): RedisCommand(words: [Array("UNSUBSCRIBE".utf8), name.bytes])
      case .ping: RedisCommand("PING")
      }
    command.encode(into: &self.out)
  }
}
