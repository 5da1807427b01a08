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

  @Test("asks for a sign of life in RESP2 without password, database and run")
  func bare() {
    for (reply, isAccepted) in [
      (Corpus.text("PONG"), true), (.error("NOPERM no permission to run the 'ping' command"), true),
      (.error("ERR unknown command 'PING'"), true), (.error("LOADING dataset"), true),
      (.error("NOAUTH Authentication required."), false), (.error("ERR max number of clients reached"), false),
    ] as [(RedisValue, Bool)] {
      var handshake = Handshake(configuration { $0.protocolVersion = .resp2 })
      #expect(words(handshake.start()) == [["PING"]])
      #expect((words(handshake.received(reply)) == [["done"]]) == isAccepted, "\(reply)")
    }
  }

  @Test("says what helps against each end: another protocol, another try, or nothing")
  func remedies() {
    func remedy(
      _ change: (inout RedisConnection.Configuration) -> Void = { _ in },
      _ replies: RedisValue...
    ) -> Handshake.Failure.Remedy? {
      var handshake = Handshake(configuration(change))
      _ = handshake.start()
      for reply in replies {
        if case .failed(let failure) = handshake.received(reply) { return failure.remedy }
      }
      return handshake.hungUp().remedy
    }
    #expect(remedy() == .olderProtocol)
    #expect(remedy({ $0.protocolVersion = .resp2 }) == nil)
    #expect(remedy({ _ in }, .error("ERR unknown command 'HELLO'")) == nil)
    #expect(remedy({ $0.database = 1 }, .map([])) == nil)
    #expect(remedy({ _ in }, .error("ERR max number of clients reached")) == .anotherTry)
    let resp2 = { (configuration: inout RedisConnection.Configuration) in
      configuration.protocolVersion = .resp2
      configuration.credential = .init(password: "secret")
    }
    #expect(remedy(resp2, .error("ERR max number of clients reached")) == .anotherTry)
    #expect(remedy({ _ in }, .error("DENIED Redis is running in protected mode: no command helps")) == nil)
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
    guard case .failed(let failure) = handshake.received(.error("WRONGPASS no such pair ann secret")) else {
      Issue.record("no error")
      return
    }
    let error = failure.error
    #expect(error.code == .notAuthorized)
    #expect(error.message.contains("ann"))
    #expect(!error.message.contains("secret"))
  }

  @Test("leaves a short password alone where it is but a part of the server's words")
  func shortPassword() {
    for (password, text, expected) in [
      ("p", "NOPERM this user has no permissions", "NOPERM this user has no permissions"),
      ("p", "NOPERM user 'p' has no permissions", "NOPERM user '<hidden>' has no permissions"),
      ("p", "NOPERM p", "NOPERM <hidden>"),
      ("longer-secret", "NOPERM userlonger-secrets", "NOPERM user<hidden>s"),
    ] {
      var handshake = Handshake(
        configuration {
          $0.credential = .init(password: password)
          $0.database = 1
        }
      )
      _ = handshake.start()
      _ = handshake.received(.map([]))
      guard case .failed(let failure) = handshake.received(.error(text)) else {
        Issue.record("no error for \(text)")
        continue
      }
      #expect(failure.error.message.hasSuffix(expected), "\(failure.error)")
    }
  }

  @Test("refuses a Sentinel, which has no keys")
  func sentinel() {
    var handshake = Handshake(configuration { _ in })
    _ = handshake.start()
    let hello: RedisValue = .map([
      Corpus.text("server"), Corpus.text("redis"), Corpus.text("mode"), Corpus.text("sentinel"),
    ])
    guard case .failed(let failure) = handshake.received(hello) else {
      Issue.record("no error")
      return
    }
    #expect(failure.error.code == .invalidConfiguration)
    #expect(failure.error.message.contains("Sentinel") && failure.error.message.contains("master"))
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
      guard case .failed(let failure) = handshake.received(.error(text)) else {
        Issue.record("no error for \(text)")
        continue
      }
      #expect(failure.error.code == code, "\(text)")
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
    case .failed(let failure): [["failed", failure.error.message]]
    }
  }
}
