import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

extension RedisServerTests {
  @Suite("Subscriptions")
  struct SubscriptionTests {
    @Test("bring every message that is published after they have begun", arguments: [true, false])
    func messages(isNewest: Bool) async throws {
      try await withConnection({ $0.protocolVersion = isNewest ? .newest : .resp2 }) { connection in
        let channel = "messages-\(isNewest)"
        let stream = try await connection.subscribe(to: channel)
        for number in 0..<100 {
          expectEqual(try await connection.send(RedisCommand("PUBLISH", channel, "\(number)")), .integer(1))
        }
        var received: [String] = []
        for await message in stream {
          received.append(message)
          if received.count == 100 { break }
        }
        #expect(received == (0..<100).map(String.init))
      }
    }

    @Test("to many channels share one connection, and end by themselves")
    func manyChannels() async throws {
      try await withRedis { server in
        try await withFaultProxy(to: server.port) { proxy in
          try await withConnection(port: proxy.port) { connection in
            var streams: [AsyncStream<String>] = []
            for number in 0..<20 { streams.append(try await connection.subscribe(to: "c\(number % 10)")) }
            #expect(await proxy.counters.accepted == 2)
            for number in 0..<10 {
              expectEqual(
                try await connection.send(RedisCommand("PUBLISH", "c\(number)", "for \(number)")),
                .integer(1)
              )
            }
            for (number, stream) in streams.enumerated() {
              #expect(await stream.first { _ in true } == "for \(number % 10)")
            }
            streams = []
            try await eventuallyTrue { try await server.command("PUBSUB", "CHANNELS") == [] }
            let again = try await connection.subscribe(to: "c0")
            try await server.command("PUBLISH", "c0", "again")
            #expect(await again.first { _ in true } == "again")
          }
        }
      }
    }

    @Test("end when their connection is lost, and can be taken again", arguments: [true, false])
    func loss(isNewest: Bool) async throws {
      try await withRedis { server in
        try await withFaultProxy(to: server.port) { proxy in
          try await withConnection(port: proxy.port, { $0.protocolVersion = isNewest ? .newest : .resp2 }) {
            connection in
            let stream = try await connection.subscribe(to: "c")
            await proxy.reset()
            #expect(await stream.first { _ in true } == nil)
            let again = try await connection.subscribe(to: "c")
            try await server.command("PUBLISH", "c", "hi")
            #expect(await again.first { _ in true } == "hi")
          }
        }
      }
    }

    @Test("end when the server is silently gone", arguments: [true, false])
    func silence(isNewest: Bool) async throws {
      try await withFaultProxy(to: try await SharedRedis.value.port) { proxy in
        try await withConnection(port: proxy.port) {
          $0.protocolVersion = isNewest ? .newest : .resp2
          $0.commandTimeout = .milliseconds(200)
          $0.silenceLimit = .milliseconds(400)
        } _: { connection in
          let stream = try await connection.subscribe(to: "silent")
          // A quiet channel is not a dead one.
          let pongs = await proxy.watch(.serverToClient, matching: { !$0.bytes.isEmpty })
          try await pongs.struck(4)
          #expect(await proxy.counters.open == 2)
          await proxy.hold()
          #expect(await stream.first { _ in true } == nil)
        }
      }
    }

    @Test("that the user may not take are refused, and the others go on")
    func forbidden() async throws {
      try await withRedis { server in
        try await server.command("ACL", "SETUSER", "ann", "on", ">anns", "+@all", "&allowed")
        try await withConnection(port: server.port, { $0.credential = .init(user: "ann", password: "anns") }) {
          connection in
          let allowed = try await connection.subscribe(to: "allowed")
          let error = try await redisError { _ = try await connection.subscribe(to: "forbidden") }
          #expect(error.code == .notAuthorized)
          try await server.command("PUBLISH", "allowed", "hi")
          #expect(await allowed.first { _ in true } == "hi")
        }
      }
    }

    @Test("that are not confirmed fail within the command timeout, or at once when their task is cancelled")
    func unconfirmed() async throws {
      try await withRedis { server in
        try await withConnection(port: server.port, { $0.commandTimeout = .milliseconds(200) }) { connection in
          _ = try await connection.subscribe(to: "first")
          try server.pause()
          let error = try await redisError { _ = try await connection.subscribe(to: "c") }
          #expect(error.code == .timedOut)
          let task = Task { _ = try await connection.subscribe(to: "c") }
          task.cancel()
          expectEqual(try await redisError { try await task.value }.code, .cancelled)
          try server.resume()
          try await eventuallyTrue { try await server.command("PUBSUB", "CHANNELS") == [] }
          let stream = try await connection.subscribe(to: "c")
          try await server.command("PUBLISH", "c", "hi")
          #expect(await stream.first { _ in true } == "hi")
        }
      }
    }

    @Test(
      "whose connection ends after each confirmation make another ever more rarely, and ask for the lock no more often"
    )
    func endsAfterConfirmation() async throws {
      let server = try await SharedRedis.value
      let name = try uniqueName()
      // Held by somebody else, who publishes nothing.
      try await server.command("SET", "\(name)", "somebody", "PX", "60000")
      try await LockClient.with([server]) { client in
        let proxy = client.proxies[0]
        let confirmations = await proxy.onFrame {
          $0.direction == .serverToClient && String(decoding: $0.bytes, as: UTF8.self).contains("subscribe")
            ? .passThenReset : .pass
        }
        let requests = await proxy.watch(.clientToServer) { $0.runs(.acquire) }
        let begin = ContinuousClock.now
        let waiter = Task { try await client.lock(name).acquire().release() }
        try await confirmations.struck(5)
        try await Task.sleep(until: begin + .seconds(2))
        let (connections, asked) = (await confirmations.strikes, await requests.strikes)
        // The longest pause between two connections is 100 ms here, of which half is left to chance.
        let most = Int((ContinuousClock.now - begin) / .milliseconds(50)) + 10
        #expect(connections <= most, "\(connections) connections")
        // By the poll, which is a second, and a few times for what might have been published before a confirmation.
        #expect(asked <= Int((ContinuousClock.now - begin) / .seconds(1)) * 2 + 6, "\(asked) requests")
        try await server.command("DEL", "\(name)")
        try await waiter.value
      }
    }

    @Test("say why there is no server to subscribe at")
    func noServer() async throws {
      try await withRedis { server in
        try await withConnection(port: server.port) { connection in
          await server.kill()
          let error = try await redisError { _ = try await connection.subscribe(to: "c") }
          #expect(error.code == .unreachable)
        }
      }
    }
  }
}
