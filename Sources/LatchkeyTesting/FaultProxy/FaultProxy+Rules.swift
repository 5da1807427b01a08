extension FaultProxy {
  /// Adds a rule that is asked about every frame, on its arrival.
  ///
  /// Every rule sees every frame, in the order in which the rules were added; the first answer other than
  /// ``Action/pass`` counts. The rule strikes with each such answer.
  ///
  /// - Parameter decide: What becomes of the frame. It must not block.
  @discardableResult
  public func onFrame(_ decide: @escaping @Sendable (Frame) -> Action) async -> Rule {
    await self.add { _ in
      { frame in
        let action = decide(frame)
        return action == .pass ? nil : action
      }
    }
  }

  /// Counts the frames that match; the rule strikes with each and changes nothing.
  public func watch(
    _ direction: Direction = .both,
    matching: @escaping @Sendable (Frame) -> Bool = { _ in true }
  ) async -> Rule {
    await self.add { _ in
      { frame in direction.contains(frame.direction) && matching(frame) ? .pass : nil }
    }
  }

  /// Loses one reply, the n-th from now on that matches, counted over all connections.
  ///
  /// - Parameters:
  ///   - number: Which one, counted from 1.
  ///   - thenReset: Whether the connection is reset right after: the request was carried out, and nobody was told.
  ///   - matching: Which replies count, of those that the framing calls replies.
  @discardableResult
  public func dropReply(
    _ number: Int = 1,
    thenReset: Bool = false,
    matching: @escaping @Sendable (Frame) -> Bool = { _ in true }
  ) async -> Rule {
    await self.add { framing in
      var seen = 0
      return { frame in
        guard frame.direction == .serverToClient, framing.isReply(frame), matching(frame) else { return nil }
        seen += 1
        return seen == number ? (thenReset ? .reset : .drop) : nil
      }
    }
  }

  /// Loses the reply to one request, the next that matches.
  ///
  /// - Parameters:
  ///   - request: Which request, of those that the framing calls requests.
  ///   - thenReset: Whether the connection is reset right after: the request was carried out, and nobody was told.
  @discardableResult
  public func dropReply(to request: @escaping @Sendable (Frame) -> Bool, thenReset: Bool = false) async -> Rule {
    await self.onReply(to: request, thenReset ? .reset : .drop)
  }

  /// Does something to the reply to one request, the next that matches: with ``Action/hold`` the request was carried out, and
  /// its sender learns of it when the rule is removed.
  ///
  /// - Parameters:
  ///   - request: Which request, of those that the framing calls requests.
  ///   - action: What becomes of the reply.
  @discardableResult
  public func onReply(to request: @escaping @Sendable (Frame) -> Bool, _ action: Action) async -> Rule {
    await self.add { framing in
      var awaited: Frame?
      var isOver = false
      return { frame in
        guard !isOver else { return nil }
        guard let sent = awaited else {
          if frame.direction == .clientToServer, framing.isRequest(frame), request(frame) { awaited = frame }
          return nil
        }
        guard
          frame.direction == .serverToClient, frame.connection == sent.connection, framing.isReply(frame),
          framing.correlation.map({ $0(frame) == $0(sent) }) ?? true
        else { return nil }
        isOver = true
        return action
      }
    }
  }

  /// Holds back one request, the next that matches, with all that follows it on its connection, until the rule releases it.
  public func holdRequest(matching: @escaping @Sendable (Frame) -> Bool = { _ in true }) async -> Rule {
    await self.holdOne(.clientToServer, matching: matching)
  }

  /// Holds back one reply, the next that matches, with all that follows it on its connection, until the rule releases it.
  package func holdReply(matching: @escaping @Sendable (Frame) -> Bool = { _ in true }) async -> Rule {
    await self.holdOne(.serverToClient, matching: matching)
  }

  /// Waits until clients have made so many connections since the proxy's start.
  package func waitForConnections(_ count: Int, within limit: Duration = .seconds(10)) async throws {
    try await self.wait(within: limit, for: "Connection \(count)") { $0.counters.accepted >= count }
  }

  /// Waits until no connection is open.
  package func waitForNoConnection(within limit: Duration = .seconds(10)) async throws {
    try await self.wait(within: limit, for: "The end of all connections") { $0.counters.open == 0 }
  }

  private func holdOne(_ direction: Direction, matching: @escaping @Sendable (Frame) -> Bool) async -> Rule {
    await self.add { framing in
      var isOver = false
      return { frame in
        let isMeant = direction == .clientToServer ? framing.isRequest : framing.isReply
        guard !isOver, frame.direction == direction, isMeant(frame), matching(frame) else { return nil }
        isOver = true
        return .hold
      }
    }
  }

  /// Adds a rule made of a closure that may keep state: it runs in one place only.
  private func add(_ make: @escaping @Sendable (Framing) -> (Frame) -> Action?) async -> Rule {
    Rule(number: await self.run { $0.addRule(make($0.framing)) }, proxy: self)
  }
}
