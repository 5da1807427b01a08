import LatchkeyTesting
import Testing

extension RealServerTests {
  @Suite
  struct RedisFaultTests {
    @Test func `the reply to one command is lost, and no other, however many are under way`() async throws {
      try await withRedis { server in
        try await withFaultProxy(to: server.port, framing: .redis) { proxy in
          let client = try RawSocket(port: proxy.port)
          let rule = await proxy.dropReply(to: { $0.isRedisCommand("ECHO", with: "b") })
          try client.write(command("ECHO", "a") + command("echo", "b") + command("ECHO", "b") + command("ECHO", "c"))
          let expected = Array("$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n".utf8)
          #expect(try client.read(expected.count) == expected)
          #expect(client.isSilent)
          #expect(await rule.strikes == 1)
        }
      }
    }

    @Test func `the connection is reset in place of a reply, after the command was carried out`() async throws {
      try await withRedis { server in
        try await withFaultProxy(to: server.port, framing: .redis) { proxy in
          let client = try RawSocket(port: proxy.port)
          let rule = await proxy.dropReply(to: { $0.isRedisCommand("INCR") }, thenReset: true)
          try client.write(command("PING") + command("INCR", "n"))
          #expect(client.readToEnd().end != 0)
          try await rule.struck()
          #expect(try await server.command("GET", "n") == ["1"])
        }
      }
    }

    @Test func `messages and confirmations of a subscriber are no replies`() async throws {
      for isNewest in [true, false] {
        try await withRedis { server in
          try await withFaultProxy(to: server.port, framing: .redis) { proxy in
            let client = try RawSocket(port: proxy.port)
            if isNewest {
              try client.write(command("HELLO", "3"))
              while await proxy.counters.passedToClients.frames == 0 { _ = try client.readSome() }
            }
            let messages = await proxy.watch(matching: \.isRedisMessage)
            let rule = await proxy.dropReply(to: { $0.isRedisCommand("PING") })
            try client.write(command("SUBSCRIBE", "c"))
            try await messages.struck()
            try await server.command("PUBLISH", "c", "hi")
            try await messages.struck(2)
            try client.write(command("PING"))
            try await rule.struck()
            try client.write(command("UNSUBSCRIBE", "c"))
            try await messages.struck(3)
            #expect(await rule.strikes == 1)
          }
        }
      }
    }

    @Test func `frames end where messages end, whatever they are made of`() async throws {
      let messages = [
        "+OK\r\n", "-ERR\r\n", ":1\r\n", "$-1\r\n", "$0\r\n\r\n", "$3\r\na\r\n\r\n", "*0\r\n", "*-1\r\n", "_\r\n",
        "#t\r\n", ",1.5\r\n",
        "(12\r\n", "=5\r\ntxt:a\r\n", "!3\r\nERR\r\n", "*2\r\n*1\r\n:1\r\n$1\r\na\r\n", "%1\r\n+a\r\n*1\r\n:1\r\n",
        "~1\r\n:1\r\n",
        ">2\r\n+a\r\n+b\r\n", "|1\r\n+a\r\n:1\r\n*1\r\n+b\r\n",
      ]
      let length = FaultProxy.Framing.redis.length
      for message in messages {
        let bytes = Array(message.utf8)
        #expect(length((bytes + bytes)[...]) == bytes.count, "\(message)")
        for cut in 0..<bytes.count { #expect(length(bytes[..<cut]) == nil, "\(message) cut at \(cut)") }
      }
      #expect(length(Array("GET / HTTP/1.1\r\n\r\n".utf8)[...]) == 18)
    }

    private func command(_ words: String...) -> [UInt8] {
      Array(("*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()).utf8)
    }
  }
}
