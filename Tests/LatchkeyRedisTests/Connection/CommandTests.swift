import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

extension RedisServerTests {
  @Suite("Commands")
  struct CommandTests {
    @Test("get their own replies, however many are sent at once", arguments: [true, false])
    func pairing(isNewest: Bool) async throws {
      try await withConnection({ $0.protocolVersion = isNewest ? .newest : .resp2 }) { connection in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for task in 0..<64 {
            group.addTask {
              for turn in 0..<50 {
                let word = "\(task)-\(turn)"
                expectEqual(try await connection.send(RedisCommand("ECHO", word)), Corpus.text(word))
              }
            }
          }
          try await group.waitForAll()
        }
      }
    }

    @Test(
      "get their replies whether or not the event loop looks out for them, soon or late",
      arguments: [.zero, .microseconds(150), .milliseconds(1)] as [Duration]
    )
    func busyPolling(limit: Duration) async throws {
      try await withConnection({ $0.busyPolling = limit }) { connection in
        let slow = RedisScript("for _ = 1, 200000 do end return ARGV[1]")
        try await withThrowingTaskGroup(of: Void.self) { group in
          for task in 0..<2 {
            group.addTask {
              for turn in 0..<100 {
                let word = "\(task)-\(turn)"
                expectEqual(try await connection.send(RedisCommand("ECHO", word)), Corpus.text(word))
                guard turn.isMultiple(of: 10) else { continue }
                let reply = try await connection.evaluate(slow, keys: [], arguments: [Array(word.utf8)])
                #expect(reply == Corpus.text(word))
              }
            }
          }
          try await group.waitForAll()
        }
      }
    }

    @Test("are carried out in the order in which they were sent, without waiting for each other")
    func order() async throws {
      try await withConnection { connection in
        let replies = Locked<[RedisValue]>([])
        await withCheckedContinuation { continuation in
          for number in 1...3000 {
            connection.send(RedisCommand("APPEND", "order", number % 2 == 0 ? "b" : "a")) { result in
              let count = replies.withLock { replies in
                replies.append((try? result.get()) ?? .null)
                return replies.count
              }
              if count == 3000 { continuation.resume() }
            }
          }
        }
        #expect(replies.withLock { $0 } == (1...3000).map { .integer($0) })
        let text = String(repeating: "ab", count: 1500)
        expectEqual(try await connection.send(RedisCommand("GET", "order")), Corpus.text(text))
      }
    }

    @Test("are carried out in order when they are larger than the system takes at once")
    func large() async throws {
      try await withConnection { connection in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number: UInt8 in 1...8 {
            let value = [UInt8](repeating: number, count: 3_000_000)
            group.addTask {
              let reply = try await connection.send(RedisCommand(words: [Array("ECHO".utf8), value]))
              #expect(reply == .string(value))
            }
            group.addTask { expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG")) }
          }
          try await group.waitForAll()
        }
      }
    }

    @Test("throw the server's error, and the next one works")
    func errors() async throws {
      try await withConnection { connection in
        let error = try await redisError { _ = try await connection.send(RedisCommand("NOSUCH")) }
        #expect(error.code == .server)
        #expect(error.message.hasPrefix("ERR unknown command"))
        let refused = try await redisError { _ = try await connection.send(RedisCommand("SUBSCRIBE", "c")) }
        #expect(refused.code == .invalidConfiguration)
        expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
      }
    }

    @Test("are told that the user may not send them")
    func forbidden() async throws {
      try await withRedis { server in
        try await server.command("ACL", "SETUSER", "ann", "on", ">anns", "+ping")
        try await withConnection(port: server.port, { $0.credential = .init(user: "ann", password: "anns") }) {
          connection in
          let error = try await redisError { _ = try await connection.send(RedisCommand("GET", "k")) }
          #expect(error.code == .notAuthorized)
          expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
        }
      }
    }

    @Test("run scripts by their name, and by their text once per server")
    func scripts() async throws {
      try await withRedis { server in
        try await withFaultProxy(to: server.port, framing: .redis) { proxy in
          try await withConnection(port: proxy.port) { connection in
            let script = RedisScript("return {KEYS[1], ARGV[1], #ARGV}")
            let full = await proxy.watch(matching: { $0.isRedisCommand("EVAL", with: script.source) })
            let short = await proxy.watch(matching: { $0.isRedisCommand("EVALSHA", with: script.sha1) })
            for _ in 1...3 {
              let value = try await connection.evaluate(script, keys: [[0x6B]], arguments: [[0], [1]])
              #expect(value == .array([Corpus.text("k"), .string([0]), .integer(2)]))
            }
            #expect(await full.strikes == 1)
            #expect(await short.strikes == 3)
            let broken = try await redisError {
              _ = try await connection.evaluate(RedisScript("return redis.error_reply('MINE no')"), keys: [])
            }
            #expect(broken.message.hasPrefix("MINE no"))
          }
        }
      }
    }

    @Test("whose task is cancelled end at once, and the replies of others stay theirs")
    func cancellation() async throws {
      try await withRedis { server in
        try await withConnection(port: server.port) { connection in
          try server.pause()
          let task = Task { try await connection.send(RedisCommand("ECHO", "cancelled")) }
          let other = Task { try await connection.send(RedisCommand("ECHO", "other")) }
          task.cancel()
          let error = try await redisError { _ = try await task.value }
          #expect(error.code == .cancelled)
          try server.resume()
          expectEqual(try await other.value, Corpus.text("other"))
          for number in 0..<50 {
            expectEqual(try await connection.send(RedisCommand("ECHO", "\(number)")), Corpus.text("\(number)"))
          }
        }
      }
    }

    @Test("beyond the limit are refused, and those within it are not harmed")
    func limit() async throws {
      try await withRedis { server in
        try await withConnection(port: server.port, { $0.commandLimit = 10 }) { connection in
          try server.pause()
          let results = Locked<[Result<RedisValue, RedisError>]>([])
          for number in 0..<15 {
            connection.send(RedisCommand("ECHO", "\(number)")) { result in results.withLock { $0.append(result) } }
          }
          try await eventuallyTrue { results.withLock { $0.count } == 5 }
          #expect(results.withLock { $0.allSatisfy { $0.failureCode == .queueFull } })
          try server.resume()
          try await eventuallyTrue { results.withLock { $0.count } == 15 }
          let replies = results.withLock { $0.dropFirst(5).map { try? $0.get() } }
          #expect(replies == (0..<10).map { Corpus.text("\($0)") })
          expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
        }
      }
    }

    @Test("time out one after the other, each after its own time, while the server is silent")
    func timeoutsInTurn() async throws {
      try await withRedis { server in
        try await withConnection(port: server.port, { $0.commandTimeout = .milliseconds(100) }) { connection in
          expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
          // No timer is left of what came before.
          try await Task.sleep(for: .milliseconds(300))
          try server.pause()
          for _ in 0..<3 {
            let error = try await redisError { _ = try await connection.send(RedisCommand("PING")) }
            #expect(error.code == .timedOut)
          }
          try server.resume()
        }
      }
    }

    @Test("answered too late time out, and their replies go to nobody else")
    func lateReplies() async throws {
      try await withRedis { server in
        try await withConnection(port: server.port, { $0.commandTimeout = .milliseconds(100) }) { connection in
          try server.pause()
          let begin = ContinuousClock.now
          for number in 0..<3 {
            let error = try await redisError { _ = try await connection.send(RedisCommand("INCR", "late\(number)")) }
            #expect(error.code == .timedOut)
          }
          #expect(ContinuousClock.now - begin >= .milliseconds(300))
          try server.resume()
          try await eventuallyTrue { (try? await connection.send(RedisCommand("PING"))) == Corpus.text("PONG") }
          for number in 0..<20 {
            expectEqual(try await connection.send(RedisCommand("ECHO", "\(number)")), Corpus.text("\(number)"))
          }
          // They had been sent, and were carried out.
          expectEqual(try await connection.send(RedisCommand("GET", "late2")), Corpus.text("1"))
        }
      }
    }
  }
}

extension Result where Failure == RedisError {
  /// The code of the error, if it is one.
  var failureCode: RedisError.Code? {
    if case .failure(let error) = self { error.code } else { nil }
  }
}
