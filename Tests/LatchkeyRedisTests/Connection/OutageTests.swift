import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

extension RedisServerTests {
  @Suite("A lost connection")
  struct OutageTests {
    @Test("ends the commands that wait, and is made again when the server is back")
    func restart() async throws {
      try await withRedis(RedisConfiguration { $0.keepsData = true }) { server in
        try await withConnection(port: server.port) { connection in
          _ = try await connection.send(RedisCommand("SET", "kept", "1"))
          try server.pause()
          let waiting = Task { try await connection.send(RedisCommand("GET", "kept")) }
          await server.kill()
          let lost = try await redisError { _ = try await waiting.value }
          #expect([.connectionLost, .unreachable].contains(lost.code))
          try await eventuallyTrue {
            let error = try? await redisError { _ = try await connection.send(RedisCommand("PING")) }
            return error?.code == .unreachable
          }
          try server.launch()
          try await eventuallyTrue { (try? await connection.send(RedisCommand("GET", "kept"))) == Corpus.text("1") }
        }
      }
    }

    @Test("is made again so quickly that commands sent afterwards only wait")
    func shortBreak() async throws {
      try await withFaultProxy(to: try await SharedRedis.value.port) { proxy in
        try await withConnection(port: proxy.port) { connection in
          for round in 1...5 {
            await proxy.reset()
            // The client has not necessarily seen the reset yet: what it sent before is lost with the connection.
            var codes: [RedisError.Code] = []
            while true {
              do throws(RedisError) {
                expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
                break
              } catch {
                codes.append(error.code)
              }
            }
            #expect(codes.allSatisfy { $0 == .connectionLost }, "round \(round)")
          }
        }
      }
    }

    @Test("answers each of a thousand commands once", arguments: ["close", "reset", "kill", "drop"])
    func onceEach(how: String) async throws {
      try await withRedis { server in
        try await withFaultProxy(to: server.port) { proxy in
          var connection: RedisConnection? = try await RedisConnection.connect(.init(port: proxy.port))
          await proxy.hold(.serverToClient)
          let answers = Locked([Int](repeating: 0, count: 1000))
          let codes = Locked<Set<RedisError.Code?>>([])
          for number in 0..<1000 {
            connection?.send(RedisCommand("ECHO", "\(number)")) { result in
              answers.withLock { $0[number] += 1 }
              codes.withLock { _ = $0.insert(result.failureCode) }
            }
          }
          switch how {
          case "close": await connection?.close()
          case "reset": await proxy.reset()
          case "kill":
            await server.kill()
            await proxy.reset()
          default: connection = nil
          }
          try await eventuallyTrue { answers.withLock { $0.allSatisfy { $0 == 1 } } }
          #expect(codes.withLock { $0 } == [.connectionLost])
          await connection?.close()
          #expect(answers.withLock { $0.allSatisfy { $0 == 1 } })
        }
      }
    }

    @Test("is noticed when the server is silent for too long, although nothing has closed it")
    func silence() async throws {
      try await withFaultProxy(to: try await SharedRedis.value.port) { proxy in
        try await withConnection(port: proxy.port) {
          $0.commandTimeout = .milliseconds(100)
          $0.silenceLimit = .milliseconds(300)
        } _: { connection in
          await proxy.hold()
          let error = try await redisError { _ = try await connection.send(RedisCommand("PING")) }
          #expect(error.code == .timedOut)
          try await proxy.waitForConnections(2)
          await proxy.heal()
          try await eventuallyTrue { (try? await connection.send(RedisCommand("PING"))) == Corpus.text("PONG") }
        }
      }
    }

    @Test(
      "is made on purpose where the server is not the one to ask any more, and not where it is new",
      arguments: ["MOVED 866 127.0.0.1:7001", "READONLY You can't write against a read only replica."]
    )
    func misplaced(answer: String) async throws {
      let greetings = Shared(0)
      try await withFakeServer(speaking: { words in
        if words.first == "HELLO" { greetings.change { $0 += 1 } }
        return words.first == "HELLO" ? "%0\r\n" : "-\(answer)\r\n"
      }) { port in
        // Each connection is new for an hour, then none for longer than a moment.
        for (pause, isLeft) in [(Duration.seconds(3600), false), (.milliseconds(1), true)] {
          let before = greetings.value
          try await withConnection(port: port, { $0.reconnectPause = .milliseconds(1)...pause }) { connection in
            var sent = 0
            try await eventuallyTrue {
              // What is sent while the connection ends is lost with it.
              let error = await #expect(throws: RedisError.self) {
                _ = try await connection.send(RedisCommand("SET", "k", "v"))
              }
              #expect(error?.message == answer || error?.code == .connectionLost)
              sent += 1
              return isLeft ? greetings.value > before + 1 : sent == 20
            }
          }
          if !isLeft { #expect(greetings.value == before + 1) }
        }
      }
    }

    @Test("loses no more than the commands whose replies were lost")
    func lostReply() async throws {
      try await withRedis { server in
        try await withFaultProxy(to: server.port, framing: .redis) { proxy in
          try await withConnection(port: proxy.port) { connection in
            let rule = await proxy.dropReply(to: { $0.isRedisCommand("INCR", with: "n") }, thenReset: true)
            let error = try await redisError { _ = try await connection.send(RedisCommand("INCR", "n")) }
            #expect(error.code == .connectionLost)
            try await rule.struck()
            expectEqual(try await connection.send(RedisCommand("GET", "n")), Corpus.text("1"))
          }
        }
      }
    }

    @Test("is not made again after a close, which ends everything at once and may be repeated")
    func closed() async throws {
      try await withFaultProxy(to: try await SharedRedis.value.port) { proxy in
        let connection = try await RedisConnection.connect(.init(port: proxy.port))
        await connection.close()
        await connection.close()
        try await proxy.waitForNoConnection()
        let error = try await redisError { _ = try await connection.send(RedisCommand("PING")) }
        #expect(error.code == .closed)
        let subscription = try await redisError { _ = try await connection.subscribe(to: "c") }
        #expect(subscription.code == .closed)
        #expect(await proxy.counters.accepted == 1)
      }
    }

    @Test("leaves no socket behind when the connection is dropped")
    func dropped() async throws {
      try await withFaultProxy(to: try await SharedRedis.value.port) { proxy in
        do {
          let connection = try await RedisConnection.connect(.init(port: proxy.port))
          _ = try await connection.send(RedisCommand("PING"))
          _ = try await connection.subscribe(to: "c")
        }
        try await proxy.waitForNoConnection()
      }
    }

    @Test("shows by the server's run, told with each reply, whether the server is another one")
    func identity() async throws {
      try await withRedis { server in
        let connection = try await RedisConnection.connect(.init(port: server.port) { $0.tracksServer = true })
        let first = try #require(await tag(connection))
        #expect(await tag(connection) == first)
        #expect(RedlockTestHooks.trusts(runID: first.runID))
        try await server.restart()
        var second: RedisServerIdentity?
        try await eventuallyTrue {
          second = await tag(connection)
          return second != nil
        }
        #expect(second?.runID != first.runID)
        #expect(second.map { RedlockTestHooks.trusts(runID: $0.runID) } == false)
        #expect(second.map { $0.uptime(at: .now) < .seconds(30) } == true)
        await connection.close()
      }
    }

    private func tag(_ connection: RedisConnection) async -> RedisServerIdentity? {
      await withCheckedContinuation { continuation in
        connection.sendTagged(RedisCommand("PING")) { _, server in continuation.resume(returning: server) }
      }
    }
  }
}
