import Testing

@testable import LatchkeyRedis

@Suite("The handshake")
struct HandshakeTests {
  @Test("speaks RESP3 with a server that knows it, and asks for database and run in one flight")
  func newest() throws {
    var handshake = Handshake(
      configuration {
        $0.credential = .init(user: "u", password: "p")
        $0.database = 3
        $0.tracksServer = true
      }
    )
    #expect(words(handshake.start()) == [["HELLO", "3", "AUTH", "u", "p"]])
    #expect(words(handshake.received(.map([]))) == [["SELECT", "3"], ["INFO", "server"]])
    #expect(words(handshake.received(Corpus.text("OK"))) == [["wait"]])
    #expect(words(handshake.received(Corpus.text("run_id:x"))) == [["done", "run_id:x"]])
  }

  @Test("turns to RESP2 with a server that does not know HELLO", arguments: [nil, "u"])
  func older(user: String?) throws {
    var handshake = Handshake(
      configuration {
        $0.credential = .init(user: user, password: "secret")
        $0.database = 1
      }
    )
    #expect(words(handshake.start()) == [["HELLO", "3", "AUTH", user ?? "default", "secret"]])
    let auth = ["AUTH"] + (user.map { [$0] } ?? []) + ["secret"]
    #expect(
      words(handshake.received(.error("ERR unknown command `HELLO`, with args: `secret`"))) == [auth, ["SELECT", "1"]]
    )
    #expect(words(handshake.received(Corpus.text("OK"))) == [["wait"]])
    #expect(words(handshake.received(Corpus.text("OK"))) == [["done"]])
  }

  @Test("has nothing to say in RESP2 without password, database and run")
  func silent() {
    var handshake = Handshake(configuration { $0.protocolVersion = .resp2 })
    #expect(words(handshake.start()) == [["done"]])
  }

  @Test("names the user that was refused, and never the password", arguments: [true, false])
  func refused(isNewest: Bool) throws {
    var handshake = Handshake(
      configuration {
        $0.credential = .init(user: "ann", password: "secret")
        $0.protocolVersion = isNewest ? .newest : .resp2
      }
    )
    _ = handshake.start()
    guard case .failed(let error) = handshake.received(.error("WRONGPASS no such pair ann secret")) else {
      Issue.record("no error")
      return
    }
    #expect(error.code == .notAuthorized)
    #expect(error.message.contains("ann"))
    #expect(!error.message.contains("secret"))
  }

  @Test("says that a database or the server's run cannot be had")
  func unavailable() {
    for (change, text, code) in [
      ({ $0.database = 99 }, "ERR DB index is out of range", RedisError.Code.invalidConfiguration),
      ({ $0.database = 1 }, "NOPERM no permission", .notAuthorized),
      ({ $0.tracksServer = true }, "NOPERM no permission", .notAuthorized),
      ({ $0.tracksServer = true }, "ERR unknown command", .server),
      ({ $0.tracksServer = true }, "NOAUTH Authentication required.", .notAuthorized),
    ] as [((inout RedisConnection.Configuration) -> Void, String, RedisError.Code)] {
      var handshake = Handshake(configuration(change))
      _ = handshake.start()
      _ = handshake.received(.map([]))
      guard case .failed(let error) = handshake.received(.error(text)) else {
        Issue.record("no error for \(text)")
        continue
      }
      #expect(error.code == code, "\(text)")
    }
  }

  private func configuration(
    _ change: (inout RedisConnection.Configuration) -> Void
  ) -> RedisConnection.Configuration {
    var configuration = RedisConnection.Configuration(host: "h")
    change(&configuration)
    return configuration
  }

  private func words(_ step: Handshake.Step) -> [[String]] {
    switch step {
    case .send(let commands): commands.map { $0.words.map { String(decoding: $0, as: UTF8.self) } }
    case .wait: [["wait"]]
    case .done(let info): [["done"] + (info.map { [$0] } ?? [])]
    case .failed(let error): [["failed", error.message]]
    }
  }
}
